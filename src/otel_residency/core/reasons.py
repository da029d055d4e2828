"""Reason codes: what each means, how to fix it, and what else follows. A code never changes its meaning.

The rows here are about where a call goes, and by what it is judged; those about what it asks for are in
`core.request_reasons`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from otel_residency.core.request_reasons import REQUEST_REASONS
from otel_residency.core.verdict import CONDITIONAL, ELIGIBLE, INDETERMINATE, INELIGIBLE, Reason

_OTHER_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "attestation.contradicted": Reason(
            meaning="The project's data retention differs from what the policy states; the project's counts.",
            fix="Correct [attest] of the policy, or the retention setting of the project.",
            source="policy",
            verdicts=(ELIGIBLE,),
            topic="policy",
        ),
        "attestation.missing": Reason(
            meaning="The region requires a contract term or approval here that the policy does not state.",
            fix="State one that covers the endpoint under [attest], with a reference, or obtain it.",
            source="revisions.regions.needs",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="policy",
        ),
        "catalogue.gap": Reason(
            meaning="The table had no longer been seen when the call was made, and another one followed it.",
            fix="Supply the table of that day with OTEL_RESIDENCY_CATALOGUE, or stop pinning an old one.",
            source="revisions",
            verdicts=(ELIGIBLE,),
            topic="catalogue",
        ),
        "catalogue.inherited": Reason(
            meaning="The table is known in part; what it does not show is taken from the one before.",
            fix="Supply the whole table with OTEL_RESIDENCY_CATALOGUE.",
            source="revisions",
            verdicts=(ELIGIBLE,),
            topic="catalogue",
        ),
        "catalogue.models_unknown": Reason(
            meaning="The part of the table that would list the model for this endpoint was never read.",
            fix="Supply a newer table of the vendor with OTEL_RESIDENCY_CATALOGUE.",
            source="revisions",
            verdicts=(INDETERMINATE,),
            topic="catalogue",
            argument="model",
        ),
        "catalogue.no_revision": Reason(
            meaning="The call is older than the oldest table.",
            fix="Supply a table for that day with OTEL_RESIDENCY_CATALOGUE.",
            source="revisions",
            verdicts=(INDETERMINATE,),
            topic="catalogue",
        ),
        "catalogue.stale": Reason(
            meaning="The table was last seen too long before the call.",
            fix="Update the package, or supply the current table with OTEL_RESIDENCY_CATALOGUE.",
            source="revisions",
            verdicts=(ELIGIBLE, INDETERMINATE),
            topic="catalogue",
        ),
        "deployment.leaves_region": Reason(
            meaning="The deployment type lets the cloud process outside the region.",
            fix="Use a data zone or regional deployment, and name its type under [hosts].deployments.",
            source="deployments",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="cloud",
        ),
        "deployment.unknown": Reason(
            meaning="The type of the deployment is not configured.",
            fix='Name it under [hosts."…"].deployments of the policy.',
            source="deployments",
            verdicts=(INDETERMINATE,),
            topic="cloud",
            open_in_source="deployment type",
        ),
        "gateway.left_region": Reason(
            meaning="A gateway reports that it sent the request to another region, or used a fallback.",
            fix="Remove back ends in other regions from the gateway's routes and fallbacks.",
            source="evidence_headers",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="gateway",
            doubts_place=True,
        ),
        "gateway.provider_mismatch": Reason(
            meaning="A gateway uses another provider than the one that the policy names for it.",
            fix='Name that provider under [hosts."…"] of the policy, or take it out of the gateway.',
            source="provider_names",
            verdicts=(INDETERMINATE,),
            topic="gateway",
            doubts_place=True,
        ),
        "gateway.route": Reason(
            meaning="A request header routes to another region, or by rules that are not visible here.",
            fix="Remove the header, and set the route in the gateway's configuration.",
            source="route_headers",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="gateway",
            doubts_place=True,
        ),
        "guard.failed": Reason(
            meaning="The call could not be checked because of an internal error; on_call = block refuses it.",
            fix="Report the error; it is in the log of the process.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="guard",
        ),
        "host.bogus": Reason(
            meaning="The host is cited as an endpoint of the vendor, but no official source names it.",
            fix="Use the vendor's host for the region, and replace the API key that was sent there.",
            source="bogus_hosts",
            verdicts=(INELIGIBLE,),
            topic="host",
        ),
        "host.global": Reason(
            meaning="The host has no data residency.",
            fix="Set base_url to the host of the required region, for example https://eu.api.openai.com/v1.",
            source="hosts",
            verdicts=(CONDITIONAL, INDETERMINATE, INELIGIBLE),
            topic="host",
        ),
        "host.header_mismatch": Reason(
            meaning="The Host header or TLS server name differs from the host that is connected to.",
            fix="Remove the Host header or the TLS server name from the client's settings.",
            source="call",
            verdicts=(INELIGIBLE,),
            topic="host",
            doubts_place=True,
        ),
        "host.lookalike": Reason(
            meaning="The host resembles one of the vendor's hosts but is a different one.",
            fix="Use the vendor's host for the region.",
            source="hosts",
            verdicts=(INELIGIBLE,),
            topic="host",
        ),
        "host.refused_by_vendor": Reason(
            meaning="The vendor received the request and rejected it: host and project do not match.",
            fix="Use the host that the error names, or a project of that region.",
            source="refusals",
            verdicts=(INELIGIBLE,),
            topic="host",
        ),
        "host.region_contradicted": Reason(
            meaning="A response header names another region than the one configured for the host.",
            fix="Check where the resource is; correct the policy or the resource.",
            source="cloud_regions",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="host",
            doubts_place=True,
        ),
        "host.region_mismatch": Reason(
            meaning="The host belongs to a region that the policy does not allow.",
            fix="Use the host of the required region.",
            source="hosts",
            verdicts=(INELIGIBLE,),
            topic="host",
        ),
        "host.unknown": Reason(
            meaning="The region of the host is not known.",
            fix="If it is a gateway of yours, name its region under [hosts] of the policy.",
            source="hosts",
            verdicts=(INDETERMINATE,),
            topic="host",
        ),
        "ledger.unavailable": Reason(
            meaning="The policy requires a ledger record of each call, and none could be written.",
            fix="Check the log for the cause, such as a full disk or missing permissions.",
            source="policy",
            verdicts=(INDETERMINATE,),
            topic="policy",
        ),
        "policy.unknown_variable": Reason(
            meaning="A variable OTEL_RESIDENCY_… is set that this release does not know.",
            fix="Unset it, or install the release that knows it; `otel-residency policy check` names it.",
            source="policy",
            verdicts=(ELIGIBLE,),
            topic="policy",
        ),
        "policy.unreadable": Reason(
            meaning="The policy can't be read, so the requirement is unknown.",
            fix="Correct the setting that the detail names.",
            source="policy",
            verdicts=(INDETERMINATE,),
            topic="policy",
        ),
        "project.changed": Reason(
            meaning="The response names another project than the request.",
            fix="Check which project the API key belongs to, and whether a gateway replaces the project.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="project",
        ),
        "project.region_mismatch": Reason(
            meaning="The project's region differs from the region of the host.",
            fix="Use a key of a project in that region, or attest region_approval if the vendor gave it.",
            source="project_residency",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="project",
            doubts_place=True,
        ),
        "project.stale": Reason(
            meaning="The project's settings were read too long before the call, or after it.",
            fix="Run `otel-residency attest` again.",
            source="policy",
            verdicts=(INDETERMINATE,),
            topic="project",
        ),
        "project.unknown": Reason(
            meaning="The settings of the project are not known.",
            fix="Run `otel-residency attest` again, with a key that may read all projects.",
            source="policy",
            verdicts=(INDETERMINATE,),
            topic="project",
        ),
        "provider.not_covered": Reason(
            meaning="The catalogue has no residency table for this provider.",
            fix="Check that provider's own terms.",
            source="hosts",
            verdicts=(INDETERMINATE,),
            topic="cloud",
        ),
        "redirect.left_region": Reason(
            meaning="A redirect pointed outside the region; the body was not sent there.",
            fix="Find out what redirects the request; set follow_redirects to false.",
            source="call",
            verdicts=(INELIGIBLE,),
            topic="redirect",
        ),
        "redirect.payload_left_region": Reason(
            meaning="A redirect pointed outside the region, with the whole request.",
            fix="Set follow_redirects to false, or set on_call to block.",
            source="call",
            verdicts=(INELIGIBLE,),
            topic="redirect",
        ),
        "redirect.refused": Reason(
            meaning="A redirect pointed outside the region; it was blocked and nothing was sent there.",
            fix="Find out what redirects the request; set follow_redirects to false.",
            source="call",
            verdicts=(INELIGIBLE,),
            topic="redirect",
        ),
        "requirement.conflict": Reason(
            meaning="The policy and the customer's requirement have no region in common.",
            fix="Serve the customer from a service whose policy allows the promised region.",
            source="policy",
            verdicts=(INELIGIBLE,),
            topic="policy",
        ),
        "requirement.unknown": Reason(
            meaning="The customer's requirement can't be read, or names a region that the catalogue lacks.",
            fix="Correct the value passed to require(), to the middleware, or in a trusted baggage entry.",
            source="call",
            verdicts=(INELIGIBLE,),
            topic="policy",
        ),
        "transport.insecure": Reason(
            meaning="The request is not encrypted.",
            fix="Use https.",
            source="call",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="host",
        ),
    }
)

REASONS: Mapping[str, Reason] = MappingProxyType(
    dict(sorted((*REQUEST_REASONS.items(), *_OTHER_REASONS.items())))
)
"""All of them, in the order of their codes."""

_OF_A_USER = Reason(
    meaning="A rule of the catalogue in use excludes this.",
    fix="Ask whoever supplied that catalogue.",
    source="revisions.feature_rules",
    verdicts=(CONDITIONAL, INDETERMINATE, INELIGIBLE),
    topic="feature",
)


def reason_of(code: str) -> Reason:
    """The row of `code`. The rules of a user's catalogue may give codes that are not listed here."""
    return REASONS.get(code, _OF_A_USER)
