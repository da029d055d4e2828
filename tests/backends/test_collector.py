"""The Collector's configurations, run by a real Collector."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.demo.cases import CASES
from examples.demo.run import MODES
from examples.stack.__main__ import send
from examples.stack.programs import free_address, read, until
from examples.stack.services import EXAMPLES, Collector, collector_command, collector_running
from otel_residency.audit.engines import over_files
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.catalogue import load_catalogue
from otel_residency.export_gate.content import load_content
from tests.backends.conftest import StartSink
from tests.backends.otlp import CLIENT, Sink, items, log, send_count, send_logs, send_spans, span, trace_id
from tools.backends import collector

CONFIGS = ("collector-config.yaml", "collector-gateway-config.yaml")
SECRET = "SECRET-7f3a91c2"
VIOLATION = {"residency.violation": True, "residency.policy": "08cb8a2760d6"}
ELIGIBLE = {"residency.violation": False, "residency.policy": "08cb8a2760d6"}
OURS = "otel_residency"


@pytest.fixture
def one(tmp_path: Path, sink: Sink) -> Iterator[Collector]:
    """The Collector, which keeps every trace."""
    with collector_running(tmp_path, sink.address, SAMPLING_PERCENTAGE="100") as running:
        yield running


def arrived(sink: Sink, count: int) -> dict[str, Any]:
    """The spans by name, as soon as so many are there."""
    return until(
        lambda: len(found := {each.name: each for each in sink.spans}) >= count and found,
        f"{count} spans arrive",
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_the_configuration_is_valid(config: str) -> None:
    """`otelcol validate` accepts it, with the Collector of the manifest."""
    command, *arguments = map(str, collector_command(config))
    done = subprocess.run([command, "validate", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_component_in_alpha_is_named(config: str) -> None:
    """The head of the file names every component that is in alpha, as the Collector itself says."""
    components = yaml.safe_load(subprocess.check_output([str(collector()), "components"]))
    alpha = {
        each["name"]
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for each in components[kind]
        if "Alpha" in map(str, each["stability"].values())
    }
    text = (EXAMPLES / config).read_text(encoding="utf-8")
    used = {
        name.partition("/")[0]
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for name in yaml.safe_load(text).get(kind, ())
    }
    assert alpha & used
    named = text[: text.index("extensions:")].partition("In alpha at this version: ")[2]
    assert [name for name in alpha & used if name not in named] == []


# Content


def test_content_is_what_the_package_lists(one: Collector, sink: Sink) -> None:
    """Of a span with every key of the package's list the same is left as by the package."""
    data = json.loads((files("otel_residency.export_gate") / "content.json").read_text(encoding="utf-8"))
    keys = [entry["key"].replace("*", "x") for kind in ("content", "kept", "urls") for entry in data[kind]]
    sent = dict.fromkeys(keys, f"https://me:{SECRET}@docs.example/page?q={SECRET}#{SECRET}")
    send_spans(one.otlp, [span(1, name="chat", attributes=sent)])
    left = dict(arrived(sink, 1)["chat"].attributes)
    assert left.pop("residency.collector.redacted") is True
    assert left == load_content().without(sent, strict=False)


def test_no_content_of_a_model_call_is_exported(one: Collector, sink: Sink) -> None:
    """Events, status and attributes of a GenAI span lose it; what is around them stays."""
    events = {
        "gen_ai.user.message": {"anything": SECRET},
        "exception": {"exception.message": SECRET, "exception.type": "E"},
    }
    request = {"gen_ai.request.model": "gpt-5.2", "gen_ai.input.messages": SECRET}
    send_spans(one.otlp, [span(1, name="chat", events=events, error=SECRET, attributes=request)])
    found = arrived(sink, 1)["chat"]
    assert SECRET not in json.dumps(found.raw)
    assert found.attributes == {"gen_ai.request.model": "gpt-5.2", "residency.collector.redacted": True}
    assert [event["name"] for event in found.raw["events"]] == list(events)
    assert found.raw["status"] == {"code": 2}


def test_content_of_a_raw_call_to_a_vendor_goes_too(one: Collector, sink: Sink) -> None:
    """The span of an HTTP client that keeps the body, on its way to a vendor."""
    body = {"server.address": "eu.api.openai.com", "http.request.body.text": SECRET}
    send_spans(one.otlp, [span(1, name="POST", kind=CLIENT, attributes=body)])
    assert SECRET not in json.dumps(arrived(sink, 1)["POST"].raw)


def test_what_has_nothing_to_do_with_models_is_not_touched(one: Collector, sink: Sink) -> None:
    """A span of a database or of another HTTP call keeps its statement, error and query."""
    attributes = {"db.query.text": "SELECT 1", "input": "x", "url.full": "https://shop.example/?q=1"}
    events = {"exception": {"exception.message": "no"}}
    sent = span(1, name="query", kind=CLIENT, events=events, error="no", attributes=attributes)
    send_spans(one.otlp, [sent])
    found = arrived(sink, 1)["query"]
    assert found.attributes == attributes
    assert (found.raw["events"], found.raw["status"]) == (sent["events"], sent["status"])


@pytest.mark.parametrize(
    ("record", "scope"),
    [
        (log(SECRET, "gen_ai.user.message"), "genai"),
        (log(SECRET, attributes={"event.name": "gen_ai.choice"}), "genai"),
        (log(SECRET), "openai._base_client"),
        (log(None, attributes={"gen_ai.input.messages": SECRET}), "genai"),
    ],
)
def test_content_is_removed_from_log_records(
    tmp_path: Path, sink: Sink, record: dict[str, Any], scope: str
) -> None:
    """The body of a content event, of a logger of the client, and content among attributes."""
    with gateway(tmp_path, sink) as front:
        send_logs(front.otlp, [record], scope=scope)
        (found,) = until(lambda: sink.logs, "the log record arrives")
    assert SECRET not in json.dumps(found.raw)
    assert found.attributes["residency.collector.redacted"] is True


def gateway(directory: Path, *sinks: Sink) -> AbstractContextManager[Collector]:
    """The tier in front of those."""
    hosts = f"[{', '.join(sink.address for sink in sinks)}]"
    return collector_running(directory, "", "collector-gateway-config.yaml", SAMPLING_COLLECTORS=hosts)


# Shadow callers


@pytest.mark.parametrize("key", ["server.address", "net.peer.name", "url.full", "http.url"])
def test_a_caller_without_us_shows_up(tmp_path: Path, dead_sink: Sink, key: str) -> None:
    """Its span is judged by the host alone: a breach, or indeterminate, and never eligible."""
    hosts = {
        "api.openai.com": ("global", "host.global"),
        "us.api.openai.com": ("us", "host.region_mismatch"),
        "EU.api.openai.com.": ("eu", "request.unseen"),
        "xx.api.openai.com": ("unknown", "host.unknown"),
        "uk.api.openai.com": ("unknown", "host.lookalike"),
        "api.openai.eu": ("unknown", "host.bogus"),
        "contoso.openai.azure.com": ("unknown", "host.unknown"),
        "bedrock-runtime.us-east-1.amazonaws.com": ("us", "host.region_mismatch"),
        "bedrock-runtime.eu-west-1.amazonaws.com": ("eu", "request.unseen"),
        "api.anthropic.com": ("unknown", "host.unknown"),
    }
    value = "https://me:pw@{}:443/v1/responses" if "url" in key else "{}"
    with collector_running(tmp_path, dead_sink.address) as one:
        for number, host in enumerate(hosts):
            sent = span(number, name=host, kind=CLIENT, attributes={key: value.format(host)})
            send_spans(one.otlp, [sent])
    judged = {each.name: each.attributes for each in items(one.audit, "resourceSpans", "scopeSpans", "spans")}
    for host, (region, reason) in hosts.items():
        breach = reason not in ("request.unseen", "host.unknown")
        attributes = {name: value for name, value in judged[host].items() if name.startswith("residency.")}
        assert attributes == {
            "residency.shadow": True,
            "residency.verdict": "ineligible" if breach else "indeterminate",
            "residency.violation": breach,
            "residency.reasons": [reason],
            "residency.region": region,
            "residency.required": ["eu"],
            "residency.catalogue": load_catalogue().revisions[-1].id,
            **({"residency.action": "flagged"} if breach else {}),
        }


def test_other_spans_are_no_shadow_callers(one: Collector, sink: Sink) -> None:
    """A span to nobody's vendor, and a hop of a call that otel-residency judges, stay as they are."""
    unjudged: list[dict[str, Any]] = [
        {"server.address": "shop.example"},
        {"server.address": "api.openai.com.evil.example"},
        {"server.address": "auth.openai.com"},
        {"server.address": "localhost"},
        {"server.address": "eu.api.openai.com", "residency.policy": "08cb8a2760d6"},
        {"server.address": 7, "url.full": "no url"},
        {},
    ]
    sent = [
        span(number, name=json.dumps(attributes), kind=CLIENT, attributes=attributes)
        for number, attributes in enumerate(unjudged)
    ]
    send_spans(one.otlp, sent)
    found = arrived(sink, len(unjudged))
    assert [found[json.dumps(attributes)].attributes for attributes in unjudged] == unjudged


def test_a_shadow_caller_must_meet_the_requirement(tmp_path: Path, sink: Sink) -> None:
    """With another requirement the same hosts are judged by that."""
    with collector_running(tmp_path, sink.address, RESIDENCY_REQUIRE="us,gb") as one:
        hosts = ("us.api.openai.com", "eu.api.openai.com")
        sent = [
            span(at, name=host, kind=CLIENT, attributes={"server.address": host})
            for at, host in enumerate(hosts, 1)
        ]
        send_spans(one.otlp, sent)
        found = arrived(sink, 2)
    assert [found[host].attributes["residency.violation"] for host in hosts] == [False, True]
    assert found[hosts[0]].attributes["residency.required"] == ["us", "gb"]


# What is kept


def test_no_violation_is_sampled_away(tmp_path: Path, sink: Sink) -> None:
    """Whole traces with a violation, a shadow caller or an error arrive, and of the rest a share."""
    kept = {
        "violation": VIOLATION,
        "shadow": {"server.address": "eu.api.openai.com"},
        "error": ELIGIBLE,
    }
    ordinary = 300
    with collector_running(tmp_path, sink.address) as one:
        for number, (what, attributes) in enumerate(kept.items(), 1):
            error = "no" if what == "error" else None
            below = span(number, 2, name=what, kind=CLIENT, error=error, attributes=attributes)
            send_spans(one.otlp, [span(number, name=f"above {what}"), below])
        send_spans(
            one.otlp, [span(at, name="ordinary", attributes=ELIGIBLE) for at in range(1000, 1000 + ordinary)]
        )
        until(
            lambda: {f"above {what}" for what in kept} | {*kept, "ordinary"} <= {s.name for s in sink.spans},
            "all",
        )
    traces = {each.trace for each in sink.spans if each.name == "ordinary"}
    assert 0 < len(traces) < ordinary / 2


def test_a_violation_that_comes_late_is_kept(tmp_path: Path, sink: Sink) -> None:
    """A span that violates arrives although its trace was dropped before."""
    with collector_running(tmp_path, sink.address, SAMPLING_PERCENTAGE="0") as one:
        send_spans(one.otlp, [span(1, name="early", attributes=ELIGIBLE)])
        send_spans(one.otlp, [span(2, name="sibling"), span(2, 2, name="violation", attributes=VIOLATION)])
        until(lambda: any(each.name == "sibling" for each in sink.spans), "the decision is taken")
        send_spans(one.otlp, [span(1, 2, name="late", attributes=VIOLATION)])
        until(lambda: any(each.name == "late" for each in sink.spans), "the violation arrives")
    assert "early" not in {each.name for each in sink.spans}


def test_no_violation_is_lost_while_the_back_end_is_down(
    tmp_path: Path, dead_sink: Sink, start_sink: StartSink
) -> None:
    """The back end goes, then the Collector is killed: what it had accepted arrives after a restart."""
    sent = range(1, 51)
    with ExitStack() as stack, collector_running(tmp_path, dead_sink.address) as one:
        stack.enter_context(start_sink(dead_sink))
        for trace in sent:
            send_spans(one.otlp, [span(trace, name="violation", attributes=VIOLATION)])
            if trace == 10:
                until(lambda: dead_sink.spans, "the first violation arrives")
                stack.close()
        one.program.kill()
    expected = set(map(trace_id, sent))
    written = items(tmp_path / "audit.jsonl", "resourceSpans", "scopeSpans", "spans")
    assert {each.trace for each in written} == expected
    with start_sink(dead_sink), collector_running(tmp_path, dead_sink.address):
        until(lambda: {each.trace for each in dead_sink.spans} >= expected, "all violations arrive")


def test_the_audit_gets_every_judged_call(tmp_path: Path, dead_sink: Sink) -> None:
    """Spans and log records of ours, and shadow callers, are written as OTLP JSON before any sampling."""
    with collector_running(tmp_path, dead_sink.address, SAMPLING_PERCENTAGE="0") as one:
        send_spans(one.otlp, [span(1, name="ours", attributes=ELIGIBLE)], scope=OURS)
        send_spans(one.otlp, [span(2, name="theirs"), span(2, 2, name="hop", attributes=VIOLATION)])
        send_spans(
            one.otlp,
            [span(3, name="shadow", kind=CLIENT, attributes={"server.address": "eu.api.openai.com"})],
        )
        send_logs(one.otlp, [log(event="residency.violation", attributes=VIOLATION)], scope=OURS)
        send_logs(one.otlp, [log("hello")])
        send_count(one.otlp, "residency.calls", ELIGIBLE)
        send_count(one.otlp, "residency.ledger.records", {})
    spans = items(one.audit, "resourceSpans", "scopeSpans", "spans")
    assert [each.name for each in spans] == ["ours", "hop", "shadow"]
    (event,) = items(one.audit, "resourceLogs", "scopeLogs", "logRecords")
    assert (event.name, event.attributes, event.service) == ("residency.violation", VIOLATION, "support")
    (metric,) = items(one.audit, "resourceMetrics", "scopeMetrics", "metrics")
    assert metric.name == "residency.calls"


def test_the_report_reads_what_the_collector_wrote(tmp_path: Path, dead_sink: Sink) -> None:
    """Spans, events and counters of one service are held against each other, shadow callers counted."""
    judged = {**ELIGIBLE, "residency.verdict": "eligible", "residency.required": ["eu"]}
    with collector_running(tmp_path, dead_sink.address, SAMPLING_PERCENTAGE="0") as one:
        send_spans(one.otlp, [span(1, attributes=judged)], scope=OURS)
        send_logs(one.otlp, [log(event="residency.violation", attributes=VIOLATION)], scope=OURS)
        send_count(one.otlp, "residency.calls", {**VIOLATION, "residency.verdict": "ineligible"}, 3)
        shadow = span(3, kind=CLIENT, attributes={"server.address": "api.openai.com"})
        send_spans(one.otlp, [shadow], service="notebook")
    made = reported(one.audit)
    assert made.by["service"] == (("notebook", 1, {"broken": 1}), ("support", 1, {"kept": 1}))
    assert (made.violations, made.unrecorded_violations) == (1, 3)
    assert [gap.text for gap in made.gaps if gap.kind == "missing"] == [
        "support sent 1 violation event; 1 of these calls has no record.",
        "support counted 3 calls: 2 more than are recorded, and 3 violations more.",
    ]


def test_ledger_traces_and_counters_of_a_service_agree(tmp_path: Path, dead_sink: Sink) -> None:
    """What the demo's application leaves in its ledger, and sends, is told once, and without a gap."""
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    with collector_running(tmp_path, dead_sink.address) as one:
        send(one, tmp_path, {"OTEL_RESIDENCY_LEDGER": str(ledger)})
    traces, both = reported(one.audit), reported(ledger, one.audit)
    assert both.by == reported(ledger).by == traces.by
    assert both.calls == len(CASES) * len(MODES)
    assert both.unrecorded_violations == 0
    assert not {"sampled", "missing", "sequence"} & {gap.kind for gap in both.gaps}


def reported(*paths: Path) -> AuditReport:
    """The report on these files."""
    with over_files([*paths], frozenset(), lambda *_: None) as source:
        return make_report(source, load_catalogue(), datetime.now(UTC))


# Metrics


def test_spans_become_metrics(one: Collector) -> None:
    """Judged calls, shadow callers and content taken out are counted, beside the metrics of services."""
    judged = {**VIOLATION, "residency.verdict": "ineligible", "residency.region": "us"}
    send_spans(one.otlp, [span(1, attributes=judged), span(2, attributes=judged)], scope=OURS)
    send_spans(one.otlp, [span(1, 2, kind=CLIENT, attributes=judged)])  # its hop: no call of its own
    send_spans(one.otlp, [span(3, kind=CLIENT, attributes={"server.address": "api.openai.com"})])
    send_spans(one.otlp, [span(4, attributes={"gen_ai.input.messages": SECRET})])
    send_count(one.otlp, "residency.calls", {"residency.verdict": "eligible"})
    shadow, redacted = "residency_shadow", "residency_collector_redacted"
    expected = {
        ("residency_collector_calls_total", ""): 2,
        ("residency_collector_calls_total", shadow): 1,
        ("residency_collector_calls_total", redacted): 1,
        ("residency_calls_total", ""): 1,
    }

    def points() -> dict[tuple[str, str], tuple[float, dict[str, str]]]:
        found = {}
        for metric, text, value in re.findall(
            r"^(residency_\w+_total)\{(.*)\} (\S+)$", read(one.metrics).decode(), re.MULTILINE
        ):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', text))
            kind = next((key for key in (shadow, redacted) if key in labels), "")
            found[metric, kind] = (float(value), labels)
        return found if {key: count for key, (count, _) in found.items()} == expected else {}

    found = until(points, "the metrics")
    _, labels = found["residency_collector_calls_total", ""]
    assert (labels["service_name"], labels["residency_region"]) == ("support", "us")
    assert labels["residency_violation"] == "true"
    assert found["residency_collector_calls_total", shadow][1]["residency_region"] == "global"
    assert found["residency_calls_total", ""][1]["residency_verdict"] == "eligible"


# The tier in front of a fleet


def test_the_gateway_keeps_traces_together_and_loses_nothing(tmp_path: Path, start_sink: StartSink) -> None:
    """Spans of a trace reach the same Collector, judged and without content, also after a kill."""
    sinks = [Sink(free_address(), tmp_path / f"sink {number}.jsonl") for number in range(2)]
    traces = range(1, 41)
    with gateway(tmp_path, *sinks) as front:
        for part in (1, 2):
            for trace in traces:
                shadow = {"server.address": "us.api.openai.com", "gen_ai.input.messages": SECRET}
                send_spans(front.otlp, [span(trace, part, kind=CLIENT, attributes=shadow)])
        front.program.kill()
    with ExitStack() as stack:
        for each in sinks:
            stack.enter_context(start_sink(each))
        stack.enter_context(gateway(tmp_path, *sinks))
        until(lambda: sum(len({s.id for s in each.spans}) for each in sinks) >= 2 * len(traces), "all spans")
    reached = [{each.trace for each in sink.spans} for sink in sinks]
    assert all(reached)
    assert not reached[0] & reached[1]
    assert all(each.attributes["residency.violation"] for sink in sinks for each in sink.spans)
    assert SECRET not in "".join(sink.file.read_text(encoding="utf-8") for sink in sinks)
