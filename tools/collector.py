"""Write what the Collector knows about vendors' hosts and about content: `python -m tools.collector`.

Both follow from the data that the package itself works with, so that the second line judges like the first.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.hosts import match_host
from otel_residency.telemetry import names

FILE = Path(__file__).parent.parent / "examples" / "collector" / "residency.yaml"
HEAD = """\
# Written by `python -m tools.collector` from the catalogue and from the list of content keys. Do not edit.
# A part of collector-config.yaml and of collector-gateway-config.yaml: give the Collector both files.
#
# transform/judge judges the calls of services that run without otel-residency, by the host of their spans.
# It never says `eligible`: what was asked of the host does not show.
# transform/content takes out what services let through: of the spans of model calls, and of the log records
# that carry prompts. An error in there refuses the items: content that can't be looked at goes nowhere.

"""
SHADOW, REDACTED = "residency.shadow", "residency.collector.redacted"
REQUIRED = 'Split("${env:RESIDENCY_REQUIRE:-eu}", ",")'
HOST, REGION, REASON = (f'span.cache["{key}"]' for key in ("host", "region", "reason"))
# Of the stable conventions for HTTP first, then of those before them.
HOST_KEYS, URL_KEYS = ("server.address", "net.peer.name"), ("url.full", "http.url")
URL = "^[A-Za-z]+://([^/?#]*@)?(?P<host>[^:/?#]+)"
NEWEST = date.max
"""Hosts are judged as they are documented last: the Collector sees calls of now."""


# Hosts


def hosts_by_region(catalogue: Catalogue) -> dict[str, list[str]]:
    """A regular expression for each vendor host, by the region it stands for; those of patterns first."""
    found: dict[str, list[str]] = {"unknown": []}
    for pattern, _ in catalogue.patterns:
        if pattern.kind != "local":
            found["unknown"].append(_expression(pattern.pattern, "[^.]+"))
            for region, labels in _labels(catalogue, pattern.pattern, pattern.region_from).items():
                found.setdefault(region, []).append(_expression(pattern.pattern, f"({'|'.join(labels)})"))
    for host in catalogue.hosts:
        match = match_host(catalogue, {}, host, None, NEWEST)
        if match.kind == "listed":
            found.setdefault(match.region, []).append(re.escape(host))
    return found


def _labels(catalogue: Catalogue, pattern: str, region_from: str) -> dict[str, list[str]]:
    """The labels of a cloud's regions by region, where the pattern says that its label names one."""
    found: dict[str, list[str]] = {}
    if region_from == "label":
        kind = pattern.partition("{")[2].partition("}")[0]
        for (names_of, label), region in catalogue.cloud_regions.items():
            if names_of == kind:
                found.setdefault(region, []).append(label)
    return found


def _expression(pattern: str, label: str) -> str:
    """The regular expression of a pattern whose placeholder stands for `label`."""
    start, brace, rest = pattern.partition("{")
    if brace:
        return f"{re.escape(start)}{label}{re.escape(rest.partition('}')[2])}"
    return f".+{re.escape(pattern[1:])}" if pattern.startswith("*") else re.escape(pattern)


def judge() -> dict[str, Any]:
    """The processor that judges spans by host."""
    catalogue = load_catalogue()
    bogus: dict[str, list[str]] = {}
    for each in catalogue.bogus_hosts.values():
        bogus.setdefault(f"host.{each.status}", []).append(re.escape(each.host))
    doubts = '["request.unseen", "host.unknown"]'
    verdict = f'span.attributes["{names.VERDICT}"]'
    statements = [
        f'set({HOST}, "")',
        *(_set(HOST, _attribute(key), f'{HOST} == "" and IsString({_attribute(key)})') for key in HOST_KEYS),
        *(
            _set(
                HOST,
                f'ExtractPatterns({_attribute(key)}, "{URL}")["host"]',
                f'{HOST} == "" and IsMatch({_attribute(key)}, "{URL}")',
            )
            for key in URL_KEYS
        ),
        f"set({HOST}, ToLowerCase({HOST}))",
        *(_set(REGION, f'"{name}"', _is_one_of(each)) for name, each in hosts_by_region(catalogue).items()),
        *(_set(REGION, '"unknown"', _is_one_of(each)) for each in bogus.values()),
        _set(REASON, '"request.unseen"', f"{REGION} != nil"),
        _set(REASON, '"host.unknown"', f'{REGION} == "unknown"'),
        _set(
            REASON,
            '"host.region_mismatch"',
            f'{REASON} == "request.unseen" and not ContainsValue({REQUIRED}, {REGION})',
        ),
        _set(REASON, '"host.global"', f'{REASON} == "host.region_mismatch" and {REGION} == "global"'),
        *(_set(REASON, f'"{reason}"', _is_one_of(hosts)) for reason, hosts in bogus.items()),
        *(
            _set(_attribute(name), value, f"{REGION} != nil")
            for name, value in (
                (SHADOW, "true"),
                (names.VERDICT, '"indeterminate"'),
                (names.VIOLATION, "false"),
                (names.REASONS, f"[{REASON}]"),
                (names.REGION, REGION),
                (names.REQUIRED, REQUIRED),
                (
                    names.CATALOGUE,
                    json.dumps(catalogue.revisions[-1].id),
                ),
            )
        ),
        _set(verdict, '"ineligible"', f"{REGION} != nil and not ContainsValue({doubts}, {REASON})"),
        *(
            _set(_attribute(name), value, f'{_attribute(SHADOW)} == true and {verdict} == "ineligible"')
            for name, value in ((names.VIOLATION, "true"), (names.ACTION, f'"{names.FLAGGED}"'))
        ),
    ]
    others = f"span.kind == SPAN_KIND_CLIENT and {_attribute(names.POLICY)} == nil"
    group = {"context": "span", "conditions": [others], "statements": statements}
    return {"error_mode": "ignore", "trace_statements": [group]}


def _set(target: str, value: str, condition: str) -> str:
    return f"set({target}, {value}) where {condition}"


def _attribute(key: str) -> str:
    return f'span.attributes["{key}"]'


def _is_one_of(expressions: Iterable[str]) -> str:
    """Whether the whole host is one of those."""
    joined = "|".join(expressions).replace("\\", "\\\\")
    return f'IsMatch({HOST}, "\\\\A({joined})\\\\.?\\\\z")'


# Content


class Keys:
    """The content keys, as steps: what to keep aside, what of that not to keep, what to remove."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Sort the entries of the package's data file."""
        content = [entry["key"] for entry in data["content"]]
        self.urls = [entry["key"] for entry in data["urls"]]
        other = [*(entry["key"] for entry in data["kept"]), *self.urls]
        self.removed = content
        self.aside = [key for key in other if _inside(key, content)]
        self.not_aside = [key for key in content if _inside(key, self.aside)]


def _inside(key: str, others: Iterable[str]) -> bool:
    return any(other.endswith("*") and other != key and key.startswith(other[:-1]) for other in others)


def content() -> dict[str, Any]:
    """The processor that takes content out."""
    text = (files("otel_residency.export_gate") / "content.json").read_text(encoding="utf-8")
    data = json.loads(text)
    keys = Keys(data)
    prefixes = "|".join(re.escape(prefix) for prefix in data["model_call_prefixes"]).replace("\\", "\\\\")
    events = _one_of(entry["event"] for entry in data["content_events"])
    loggers = "|".join(re.escape(entry["logger"]) for entry in data["content_loggers"])

    def of_model(attributes: str) -> str:
        return f'IsMatch(Keys({attributes}), "\\"({prefixes})")'

    def mark(item: str, condition: str) -> str:
        return f'set({item}.attributes["{REDACTED}"], true) where {condition}'

    span = f'{of_model("span.attributes")} or span.attributes["{SHADOW}"] == true'
    event = f"ContainsValue({events}, spanevent.name)"
    named = 'log.attributes["event.name"]'
    payload = (
        f"(ContainsValue({events}, log.event_name) or IsString({named}) and ContainsValue({events}, {named})"
        f' or IsMatch(scope.name, "\\\\A({loggers})(\\\\.|\\\\z)"))'
    )
    return {
        "error_mode": "propagate",
        "trace_statements": [
            {
                "context": "spanevent",
                "conditions": [span],
                "statements": [
                    mark("span", f"{event} and Len(spanevent.attributes) > 0"),
                    f"keep_keys(spanevent.attributes, []) where {event}",
                    *_without_content("spanevent", keys),
                ],
            },
            {
                "context": "span",
                "conditions": [span],
                "statements": [
                    'set(span.cache["before"], Len(span.attributes))',
                    *_without_content("span", keys),
                    mark("span", 'span.cache["before"] != Len(span.attributes)'),
                    # It repeats what was asked.
                    'set(span.status.message, "")',
                ],
            },
        ],
        "log_statements": [
            {
                "context": "log",
                "conditions": [payload, of_model("log.attributes")],
                "statements": [
                    'set(log.cache["before"], Len(log.attributes))',
                    *_without_content("log", keys),
                    mark(
                        "log", f'log.cache["before"] != Len(log.attributes) or {payload} and log.body != nil'
                    ),
                    f'set(log.body, "") where {payload}',
                ],
            }
        ],
    }


def _without_content(item: str, keys: Keys) -> list[str]:
    """The statements that take content out of the attributes of an item."""
    attributes, aside, urls = f"{item}.attributes", f'{item}.cache["aside"]', f'{item}.cache["urls"]'
    return [
        f"set({urls}, {attributes})",
        f"keep_keys({urls}, {_one_of(keys.urls)})",
        f'replace_all_patterns({urls}, "value", "//[^/?#]*@", "//")',
        f'replace_all_patterns({urls}, "value", "(?s)[?#].*", "")',
        f'merge_maps({attributes}, {urls}, "update")',
        f"set({aside}, {attributes})",
        f'keep_matching_keys({aside}, "{_any_key(keys.aside)}")',
        *([f'delete_matching_keys({aside}, "{_any_key(keys.not_aside)}")'] if keys.not_aside else []),
        f'delete_matching_keys({attributes}, "{_any_key(keys.removed)}")',
        f'merge_maps({attributes}, {aside}, "insert")',
    ]


def _one_of(values: Iterable[str]) -> str:
    return f"[{', '.join(map(json.dumps, values))}]"


def _any_key(keys: Iterable[str]) -> str:
    found = (f"{re.escape(key[:-1])}.*" if key.endswith("*") else re.escape(key) for key in keys)
    return "\\\\A({})\\\\z".format("|".join(found).replace("\\", "\\\\"))


def text() -> str:
    """The file as it should be."""
    processors = {"transform/judge": judge(), "transform/content": content()}
    return HEAD + yaml.safe_dump({"processors": processors}, sort_keys=False, width=10**6)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
