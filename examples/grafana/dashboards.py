"""The dashboards as code: `python -m examples.grafana.dashboards` writes the JSON that Grafana reads."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard, text
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from examples.grafana import queries as q
from examples.grafana.panels import PROMETHEUS, number, over_time, parts, rows, traces

FOLDER: Final = Path(__file__).parent / "dashboards"

LIMITS: Final = """\
These numbers tell to which region calls were **routed**, and whether the vendor's dated table lists that for
the region that is required. They do not tell where the vendor computed, and not that anything is compliant.
*Kept, if what is attested holds* rests on the attestations of the policy, such as Zero Data Retention. Calls
of services that are not covered are only in the tables *Not covered*. For a single call, its trace and the
audit are the proof, not these counts.
"""


def overview() -> dashboard.Dashboard:
    """For the platform team: what is called, from where, and whether it is guarded."""
    by = {name: q.total(q.CALLS, q.OF_SERVICE, label, over="$__interval") for name, label in _BY.items()}
    return (
        _dashboard("residency-overview", "Data residency: overview", "now-6h")
        .with_variable(_trace_service())
        .with_panel(number("Calls", "Calls of the OpenAI API.", q.or_none(q.total(q.CALLS, q.OF_SERVICE))))
        .with_panel(
            number(
                "Violations that left",
                "Calls that broke the requirement and were not blocked.",
                q.or_none(q.total(q.CALLS, q.LEFT)),
                bad_from=1,
            )
        )
        .with_panel(
            number("Blocked", "Calls refused before a byte left.", q.or_none(q.total(q.CALLS, q.BLOCKED)))
        )
        .with_panel(
            number(
                "Shadow calls",
                "Requests to a vendor's host by services without otel-residency, as the Collector saw them.",
                q.or_none(q.total(q.AT_COLLECTOR, q.SHADOW)),
                bad_from=1,
            )
        )
        .with_panel(
            number(
                "Coverage",
                "Share of the services that export metrics which report a policy.",
                q.COVERAGE,
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Oldest table",
                "Since the vendor's table was last checked, of the service with the oldest one.",
                f"max({q.AGE})",
                unit="s",
                bad_from=60 * 86400,
            )
        )
        .with_panel(over_time("Calls by region", "Region reached.", {"{{residency_region}}": by["region"]}))
        .with_panel(
            over_time("Calls by verdict", "What was found.", {"{{residency_verdict}}": by["verdict"]})
        )
        .with_panel(over_time("Calls by service", "Who called.", {"{{job}}": by["service"]}))
        .with_panel(
            rows(
                "Violations",
                "By service, endpoint and region; blocked ones did not leave.",
                q.total(
                    q.CALLS,
                    f'{q.OF_SERVICE}, residency_violation="true"',
                    *(
                        "job",
                        "residency_endpoint",
                        "residency_region",
                        "residency_verdict",
                        "residency_action",
                    ),
                )
                + " > 0",
                "calls",
            )
        )
        .with_panel(
            over_time(
                "Latency by region",
                "Of the calls that were traced and not blocked, until the answer or its stream had ended.",
                {
                    "{{residency_region}} half of them": q.quantile(0.5),
                    "{{residency_region}} 95 %": q.quantile(0.95),
                },
                unit="s",
                stacked=False,
            ).span(12)
        )
        .with_panel(
            rows("Policies in force", "One row per service and policy.", q.POLICIES, None).span(16).height(8)
        )
        .with_panel(
            over_time(
                "What the export gate did",
                "Spans and log records whose content did not leave with them.",
                {
                    "{{residency_export_signal}} {{residency_export_action}}": q.total(
                        q.ITEMS,
                        q.OF_SERVICE,
                        *("residency_export_signal", "residency_export_action"),
                        over="$__interval",
                    )
                },
            )
        )
        .with_panel(
            traces(
                "Traces with a violation",
                "Of the service that is chosen above.",
                "$trace_service",
                "residency.violation=true",
            )
        )
    )


def protection() -> dashboard.Dashboard:
    """For the data-protection officer: was the promise kept, where not and why, and what is not known."""
    colours = dict(zip(q.FATES, ("green", "yellow", "orange", "red", "blue"), strict=True))
    fates = {
        name: (q.or_none(q.total(q.CALLS, selection)), colours[name]) for name, selection in q.FATES.items()
    }
    why = ("job", "residency_reasons", "residency_endpoint", "residency_region")
    return (
        _dashboard("residency-data-protection", "Data residency: was the promise kept?", "now-30d")
        .with_panel(text.Panel().title("What this tells, and what not").content(LIMITS).span(24).height(5))
        .with_panel(
            number("Kept", "Share of the calls with content.", q.share(q.FATES["kept"]), unit="percentunit")
        )
        .with_panel(
            number(
                "Kept, if what is attested holds",
                "Share that rests on what the contract with the vendor says.",
                q.share(q.FATES["kept, if what is attested holds"]),
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Not known",
                "Share of which not enough is known to say.",
                q.share(q.FATES["not known"]),
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Broken",
                "Share that was ineligible and left.",
                q.share(q.FATES["broken"]),
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Stopped before it left",
                "Share that was refused.",
                q.share(q.FATES["stopped before it left"]),
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Violations of the policy that left",
                "Calls. In strict mode doubts are among them.",
                q.or_none(q.total(q.CALLS, q.LEFT)),
                bad_from=1,
            )
        )
        .with_panel(parts("What became of the promise", "All calls with content.", fates))
        .with_panel(
            over_time(
                "Calls by verdict",
                "Whether it gets better.",
                {
                    "{{residency_verdict}}": q.total(
                        q.CALLS, q.WITH_CONTENT, "residency_verdict", over="$__interval"
                    )
                },
            )
            .span(12)
            .height(9)
        )
        .with_panel(
            rows(
                "What did not keep it, and why",
                "Violations by reason, of the calls that were traced. docs/reasons.md explains each reason.",
                q.total(
                    q.AT_COLLECTOR,
                    f'{q.JUDGED}, residency_violation="true"',
                    *why,
                    "residency_action",
                )
                + " > 0",
                "calls",
            )
        )
        .with_panel(
            rows(
                "What is not known, and why",
                "Indeterminate calls by reason, of those that were traced.",
                q.total(q.AT_COLLECTOR, f'{q.JUDGED}, residency_verdict="indeterminate"', *why) + " > 0",
                "calls",
            )
        )
        .with_panel(
            rows(
                "Not covered: services that call a vendor unjudged",
                "As the Collector saw them, judged by the host alone.",
                q.total(q.AT_COLLECTOR, q.SHADOW, "job", "residency_region", "residency_verdict") + " > 0",
                "requests",
            )
        )
        .with_panel(
            rows(
                "Not covered: services without a policy",
                "They export metrics, and residency.policy.info is not among them. Not all of them need one.",
                q.UNGUARDED,
                None,
            )
        )
        .with_panel(
            rows(
                "Prompts taken out of telemetry by the Collector",
                "Spans with content that a service let out.",
                q.total(q.AT_COLLECTOR, q.REDACTED, "job") + " > 0",
                "spans",
            )
        )
        .with_panel(
            rows(
                "Tables that verdicts rest on",
                "How long ago each was last checked against the vendor's page.",
                q.AGE,
                "age",
                unit="s",
            )
        )
    )


_BY: Final = {"region": "residency_region", "verdict": "residency_verdict", "service": "job"}
DASHBOARDS: Final = {"residency-overview": overview, "residency-data-protection": protection}


def written(name: str) -> str:
    """The JSON of a dashboard, as it is committed."""
    return JSONEncoder(indent=2, sort_keys=True).encode(DASHBOARDS[name]().build()) + "\n"


def _dashboard(uid: str, title: str, since: str) -> dashboard.Dashboard:
    services = (
        dashboard.QueryVariable("service")
        .label("Service")
        .datasource(PROMETHEUS)
        .query("label_values(target_info, job)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["data residency"])
        .readonly()
        .time(since, "now")
        .refresh("1m")
        .with_variable(services)
    )


def _trace_service() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("trace_service")
        .label("Service of the traces")
        .datasource(PROMETHEUS)
        .query(f"label_values({q.CALLS}, job)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    main()
