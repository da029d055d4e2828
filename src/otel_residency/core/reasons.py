"""Reason codes: what each means, how to fix it, and what else follows. A code never changes its meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from otel_residency.core.verdict import CONDITIONAL, ELIGIBLE, INDETERMINATE, INELIGIBLE, Verdict

Topic = Literal[
    "batch",
    "catalogue",
    "cloud",
    "endpoint",
    "feature",
    "gateway",
    "guard",
    "host",
    "model",
    "policy",
    "project",
    "redirect",
    "request",
    "state",
    "tier",
]


class Reason(NamedTuple):
    """What a reason code means, and what the rest of the package does about a finding with it.

    Every consequence of a code stands here, so that a new one needs this file and the rule that gives it.
    """

    meaning: str
    fix: str
    source: str
    """The section of the catalogue that it rests on, `policy`, or `call`."""
    verdicts: tuple[Verdict, ...]
    """The verdicts that a finding with this code may have."""
    topic: Topic
    """The part of a call that it is about. A base URL alone leads to those about its `host`, a path to those
    about its `endpoint`."""
    argument: str = ""
    """The argument of the client's method that it is about; empty where no single one is."""
    open_in_source: str = ""
    """What only the running program shows: `scan` reports this as open, and not the finding."""
    doubts_place: bool = False
    """What the call creates may be elsewhere than in the region of its host."""
    about_files: bool = False
    """The contents of a file that the request names are not known to be in the region."""
    logged: bool = False
    """Each detail is logged once, as a warning: the program that causes it may hide its errors."""


REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "attestation.contradicted": Reason(
            meaning="The project's data retention differs from what the policy states; the project's counts.",
            fix="Correct [attest] of the policy, or the retention setting of the project.",
            source="policy",
            verdicts=(ELIGIBLE,),
            topic="policy",
        ),
        "attestation.missing": Reason(
            meaning="The region requires an approval or contract term that the policy does not state.",
            fix="State it under [attest] with a reference to the contract, or obtain it.",
            source="revisions.regions.needs",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="policy",
        ),
        "batch.contents_unseen": Reason(
            meaning="Not all lines of the batch's input file could be read.",
            fix="Upload the file from the same process, its parts in order; check-batch shows the lines.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="batch",
            open_in_source="lines of the file",
            about_files=True,
        ),
        "batch.line_ineligible": Reason(
            meaning="A line of the batch uses a model or endpoint that is not eligible in a batch here.",
            fix="Use a model that the table lists for batches, and an endpoint that lists it too.",
            source="revisions.rows",
            verdicts=(INELIGIBLE,),
            topic="batch",
        ),
        "batch.model_mixed": Reason(
            meaning="The lines of a batch file name more than one model.",
            fix="Write one file per model.",
            source="call",
            verdicts=(ELIGIBLE,),
            topic="batch",
        ),
        "catalogue.models_unknown": Reason(
            meaning="The region processes this endpoint, but the table does not list for which models.",
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
            meaning="The newest table was last checked too long ago.",
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
        "endpoint.not_listed": Reason(
            meaning="The path is not an endpoint that the vendor's residency table lists.",
            fix="Use a listed endpoint; check the base URL for a missing /v1 or a double slash.",
            source="revisions.rows",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="endpoint",
        ),
        "endpoint.retired": Reason(
            meaning="The vendor has shut the endpoint down.",
            fix="Use its successor.",
            source="retired_endpoints",
            verdicts=(INELIGIBLE,),
            topic="endpoint",
        ),
        "endpoint.storage_only": Reason(
            meaning="The region stores data of this endpoint but does not process it.",
            fix='Use a region that processes it, or set scope = "storage" if only storage was promised.',
            source="revisions.rows",
            verdicts=(INELIGIBLE,),
            topic="endpoint",
        ),
        "endpoint.trace_export": Reason(
            meaning="A tracing library sends prompts to its own back end, not through OpenTelemetry.",
            fix="Point it to a back end in the region or switch it off, as the detail describes.",
            source="senders",
            verdicts=(ELIGIBLE, INDETERMINATE, INELIGIBLE),
            topic="endpoint",
            logged=True,
        ),
        "feature.background": Reason(
            meaning="Background mode is excluded in this region.",
            fix="Remove background from the request.",
            source="revisions.feature_rules",
            verdicts=(INELIGIBLE,),
            topic="feature",
            argument="background",
        ),
        "feature.file_input": Reason(
            meaning="The prompt contains a file; the table lists file uploads for storage only.",
            fix="Send the text of the file, or have the vendor confirm where files are processed.",
            source="revisions.rows",
            verdicts=(INDETERMINATE,),
            topic="feature",
        ),
        "feature.file_reference": Reason(
            meaning="The prompt refers to a file by id or URL; the table covers only files sent in the call.",
            fix="Send the file in the request as base64.",
            source="revisions.rows",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="feature",
            about_files=True,
        ),
        "feature.prompt_cache": Reason(
            meaning="Extended prompt caching may store content outside a region that only stores.",
            fix="Set prompt_cache_retention to in_memory, or attest Zero Data Retention.",
            source="revisions.feature_rules",
            verdicts=(CONDITIONAL, INDETERMINATE, INELIGIBLE),
            topic="feature",
        ),
        "feature.store": Reason(
            meaning="Stored completions are excluded in this region.",
            fix="Remove store from the request, or set it to false.",
            source="revisions.feature_rules",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="feature",
            argument="store",
        ),
        "feature.tool": Reason(
            meaning="A tool is not covered in this region, or sends data to a third party.",
            fix="Remove the tool, or run it yourself.",
            source="tools",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="feature",
            argument="tools",
        ),
        "feature.tracing": Reason(
            meaning="Realtime tracing is excluded in this region.",
            fix="Remove tracing from the request.",
            source="revisions.feature_rules",
            verdicts=(INELIGIBLE,),
            topic="feature",
            argument="tracing",
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
        "image.needs_enhanced_zdr": Reason(
            meaning="Image input in this region requires an enhanced retention approval.",
            fix="State the approval under [attest], or send no image.",
            source="revisions.regions.image_needs",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="feature",
        ),
        "ledger.unavailable": Reason(
            meaning="The policy requires a ledger record of each call, and none could be written.",
            fix="Check the log for the cause, such as a full disk or missing permissions.",
            source="policy",
            verdicts=(INDETERMINATE,),
            topic="policy",
        ),
        "model.alias": Reason(
            meaning="The model is an alias; only the response shows which snapshot is used.",
            fix="Request a dated snapshot that the table lists, for example gpt-4o-2024-11-20.",
            source="aliases",
            verdicts=(INDETERMINATE,),
            topic="model",
            argument="model",
        ),
        "model.alias_resolved": Reason(
            meaning="The response names a snapshot that the table lists for the requested alias.",
            fix="Request that snapshot by its id to be sure before the call.",
            source="aliases",
            verdicts=(ELIGIBLE,),
            topic="model",
            argument="model",
        ),
        "model.changed": Reason(
            meaning="The response names another model than the request.",
            fix="Check for a gateway's fallback, or an alias that now points elsewhere.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="model",
            argument="model",
        ),
        "model.fine_tuned_undocumented": Reason(
            meaning="The table documents training of the base model in the region, not inference.",
            fix="Have the vendor confirm inference, and attest fine_tuned_inference.",
            source="revisions.rows",
            verdicts=(CONDITIONAL, INELIGIBLE),
            topic="model",
            argument="model",
        ),
        "model.not_listed": Reason(
            meaning="The model is not listed for the endpoint and region.",
            fix="Request a dated snapshot that the table lists, for example gpt-4o-2024-11-20.",
            source="revisions.rows",
            verdicts=(INELIGIBLE,),
            topic="model",
            argument="model",
        ),
        "model.not_stated": Reason(
            meaning="The request names no model; the vendor chooses one.",
            fix="Request a dated snapshot that the table lists.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="model",
            argument="model",
            open_in_source="model",
        ),
        "model.retired": Reason(
            meaning="The vendor has shut the model down.",
            fix="Request another snapshot that the table lists.",
            source="retired_models",
            verdicts=(ELIGIBLE, INDETERMINATE),
            topic="model",
            argument="model",
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
        "region.not_offered": Reason(
            meaning="The endpoint is not offered in this region.",
            fix="Use another endpoint or region.",
            source="revisions.rows",
            verdicts=(INELIGIBLE,),
            topic="endpoint",
        ),
        "request.unseen": Reason(
            meaning="The request body could not be read, so its model and features are unknown.",
            fix="Send the body as JSON.",
            source="call",
            verdicts=(INDETERMINATE,),
            topic="request",
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
        "schema.system_data": Reason(
            meaning="The schema of a structured output is system data and may leave the region.",
            fix="Keep personal data out of names, enums and descriptions in the schema.",
            source="revisions.rows",
            verdicts=(ELIGIBLE,),
            topic="feature",
        ),
        "state.region_mismatch": Reason(
            meaning="The request uses an object that was created in another region.",
            fix="Create it again in the required region, and delete the copy in the other one.",
            source="stored_kinds",
            verdicts=(ELIGIBLE, INDETERMINATE, INELIGIBLE),
            topic="state",
        ),
        "state.unseen": Reason(
            meaning="The request uses a stored object, and it is not known where that was created.",
            fix="Create it in a process with otel-residency, and set `state` to share it across processes.",
            source="stored_kinds",
            verdicts=(INDETERMINATE,),
            topic="state",
        ),
        "tier.not_available": Reason(
            meaning="The service tier is not available with data residency for this model and region.",
            fix="Use a service tier that the table covers.",
            source="revisions.tier_rules",
            verdicts=(INDETERMINATE, INELIGIBLE),
            topic="tier",
            argument="service_tier",
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
