"""Every reason code: what it means and what to do about it. A code never changes its meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from otel_residency.core.verdict import CONDITIONAL, ELIGIBLE, INDETERMINATE, INELIGIBLE, Verdict


class Reason(NamedTuple):
    """A code as people are told about it."""

    meaning: str
    fix: str
    source: str
    """Section of the catalogue that it rests on, `policy` or `call`."""
    verdicts: tuple[Verdict, ...]
    """Those that a finding with this code may have."""


REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "attestation.contradicted": Reason(
            "The policy states another data retention than the project has; the project's counts.",
            "Correct [attest], or the setting of the project.",
            "policy",
            (ELIGIBLE,),
        ),
        "attestation.missing": Reason(
            "The region asks for an approval or contract term that the policy does not state.",
            "State it under [attest] with a reference to the contract, or obtain it.",
            "revisions.regions.needs",
            (CONDITIONAL, INELIGIBLE),
        ),
        "batch.contents_unseen": Reason(
            "A batch is a file of calls, and not all of its lines were seen.",
            "Upload the file by this client and process, its parts in order; check-batch tells which lines.",
            "call",
            (INDETERMINATE,),
        ),
        "batch.line_ineligible": Reason(
            "A line of the batch names a model or endpoint that may not stand in a batch here.",
            "Use a model of the batches row, and an endpoint that lists it too.",
            "revisions.rows",
            (INELIGIBLE,),
        ),
        "batch.model_mixed": Reason(
            "The lines of a batch file name more than one model.",
            "Write one file per model.",
            "call",
            (ELIGIBLE,),
        ),
        "catalogue.models_unknown": Reason(
            "The region processes this endpoint, but the table does not say for which models.",
            "Supply the vendor's newer table by OTEL_RESIDENCY_CATALOGUE.",
            "revisions",
            (INDETERMINATE,),
        ),
        "catalogue.no_revision": Reason(
            "The call is older than the oldest table.",
            "Supply a table for that day.",
            "revisions",
            (INDETERMINATE,),
        ),
        "catalogue.stale": Reason(
            "The newest table was checked too long ago to rely on it.",
            "Update the package, or supply the current table by OTEL_RESIDENCY_CATALOGUE.",
            "revisions",
            (ELIGIBLE, INDETERMINATE),
        ),
        "deployment.leaves_region": Reason(
            "The deployment type lets the cloud process outside the region.",
            "Deploy as a data zone or regional type, and say so under [hosts].deployments.",
            "deployments",
            (INDETERMINATE, INELIGIBLE),
        ),
        "deployment.unknown": Reason(
            "The type of the deployment is not configured.",
            'Name it under [hosts."…"].deployments of the policy.',
            "deployments",
            (INDETERMINATE,),
        ),
        "endpoint.not_listed": Reason(
            "The path is in no row of the vendor's residency table, or no known endpoint of its row.",
            "Use a listed endpoint; check the base URL for a missing /v1 or a double slash.",
            "revisions.rows",
            (INDETERMINATE, INELIGIBLE),
        ),
        "endpoint.retired": Reason(
            "The vendor has shut the endpoint down.",
            "Move to its successor.",
            "retired_endpoints",
            (INELIGIBLE,),
        ),
        "endpoint.storage_only": Reason(
            "The region stores data of this endpoint but does not process it.",
            'Require scope = "storage" if that is the promise, or call a region that processes.',
            "revisions.rows",
            (INELIGIBLE,),
        ),
        "endpoint.trace_export": Reason(
            "A tracing program sends prompts to a back end of its own, past base URLs and OpenTelemetry.",
            "Point it to a back end in the region or switch it off, as the detail says.",
            "senders",
            (ELIGIBLE, INDETERMINATE, INELIGIBLE),
        ),
        "feature.background": Reason(
            "Background mode is excluded in this region.",
            "Call without background.",
            "revisions.feature_rules",
            (INELIGIBLE,),
        ),
        "feature.file_input": Reason(
            "The prompt carries a file; the table lists file uploads for storage only.",
            "Send the text of the file, or have the vendor confirm where it is processed.",
            "revisions.rows",
            (INDETERMINATE,),
        ),
        "feature.file_reference": Reason(
            "The prompt refers to a file by id or URL; the table covers file content sent in the call.",
            "Send the file in the request as base64.",
            "revisions.rows",
            (INDETERMINATE, INELIGIBLE),
        ),
        "feature.prompt_cache": Reason(
            "Extended prompt caching may store content outside a region that only stores.",
            "Set prompt_cache_retention to in_memory, or attest Zero Data Retention.",
            "revisions.feature_rules",
            (CONDITIONAL, INDETERMINATE, INELIGIBLE),
        ),
        "feature.store": Reason(
            "Stored completions are excluded in this region.",
            "Call without store.",
            "revisions.feature_rules",
            (CONDITIONAL, INELIGIBLE),
        ),
        "feature.tool": Reason(
            "A tool is not covered in this region, or hands data to a third party.",
            "Leave the tool out, or run it yourself.",
            "tools",
            (INDETERMINATE, INELIGIBLE),
        ),
        "feature.tracing": Reason(
            "Realtime tracing is excluded in this region.",
            "Call without tracing.",
            "revisions.feature_rules",
            (INELIGIBLE,),
        ),
        "gateway.left_region": Reason(
            "By its own word a gateway went to another region, or it fell back without saying where.",
            "Take the other region's back ends out of the gateway's routes and fallbacks.",
            "evidence_headers",
            (INDETERMINATE, INELIGIBLE),
        ),
        "gateway.provider_mismatch": Reason(
            "A gateway has another provider behind it than the policy names, whose rules were applied.",
            'Name that provider under [hosts."…"] of the policy, or take it out of the gateway\'s routes.',
            "provider_names",
            (INDETERMINATE,),
        ),
        "gateway.route": Reason(
            "A header of the request has a gateway send it on to another region, or by rules not seen here.",
            "Take the header out, and keep the way on in the gateway's own configuration.",
            "route_headers",
            (INDETERMINATE, INELIGIBLE),
        ),
        "guard.failed": Reason(
            "The guard itself failed, and in block mode a doubt is a refusal.",
            "Report the error; it is in the log of the process.",
            "call",
            (INDETERMINATE,),
        ),
        "host.bogus": Reason(
            "The host is passed around as an endpoint of the vendor; no official source names it.",
            "Use the vendor's host for the region, and replace the API key that was sent there.",
            "bogus_hosts",
            (INELIGIBLE,),
        ),
        "host.global": Reason(
            "The host belongs to no region.",
            "Use the host of the required region as base_url, or data_residency= of the client.",
            "hosts",
            (CONDITIONAL, INDETERMINATE, INELIGIBLE),
        ),
        "host.header_mismatch": Reason(
            "The Host header or TLS names another host than the one dialled; the request may go there.",
            "Remove the Host header, or the host name that TLS was given.",
            "call",
            (INELIGIBLE,),
        ),
        "host.lookalike": Reason(
            "The host resembles one of the vendor's and is another.",
            "Use the vendor's host for the region.",
            "hosts",
            (INELIGIBLE,),
        ),
        "host.refused_by_vendor": Reason(
            "The vendor answered that project and host do not belong together; the request had arrived.",
            "Use the host that the error names, or a project of that region.",
            "refusals",
            (INELIGIBLE,),
        ),
        "host.region_contradicted": Reason(
            "A header of the answer names another region than the one that is configured for the host.",
            "Find out where the resource is, and mend the policy or the resource.",
            "cloud_regions",
            (INDETERMINATE, INELIGIBLE),
        ),
        "host.region_mismatch": Reason(
            "The host belongs to a region that the policy does not allow.",
            "Use the host of the required region.",
            "hosts",
            (INELIGIBLE,),
        ),
        "host.unknown": Reason(
            "The region of the host is not known, and none is guessed.",
            "If it is a gateway of yours, name its region under [hosts] of the policy.",
            "hosts",
            (INDETERMINATE,),
        ),
        "image.needs_enhanced_zdr": Reason(
            "Image input in this region asks for an enhanced retention approval.",
            "State it under [attest], or send no image.",
            "revisions.regions.image_needs",
            (CONDITIONAL, INELIGIBLE),
        ),
        "ledger.unavailable": Reason(
            "The policy demands a record of every call, and none could be written when it was to be made.",
            "Look in the log for what keeps the ledger from being written: a full disk, or its permissions.",
            "policy",
            (INDETERMINATE,),
        ),
        "model.alias": Reason(
            "The model is an alias; which snapshot it points to is known only from the answer.",
            "Name a snapshot of the table.",
            "aliases",
            (INDETERMINATE,),
        ),
        "model.alias_resolved": Reason(
            "The alias was answered by a snapshot of the table.",
            "Name the snapshot to be sure.",
            "aliases",
            (ELIGIBLE,),
        ),
        "model.changed": Reason(
            "Another model answered than the one that was asked.",
            "Find out why: a gateway's fallback, or a re-pointed name.",
            "call",
            (INDETERMINATE,),
        ),
        "model.fine_tuned_undocumented": Reason(
            "The table documents training of the base model in the region, not inference.",
            "Have the vendor confirm it and attest fine_tuned_inference.",
            "revisions.rows",
            (CONDITIONAL, INELIGIBLE),
        ),
        "model.not_listed": Reason(
            "The model is not listed for the endpoint and region.",
            "Use a listed snapshot, by its exact id.",
            "revisions.rows",
            (INELIGIBLE,),
        ),
        "model.not_stated": Reason(
            "The request names no model; the vendor chooses one.",
            "Name a listed snapshot.",
            "call",
            (INDETERMINATE,),
        ),
        "model.retired": Reason(
            "The vendor has shut the model down.",
            "Move to a listed snapshot.",
            "retired_models",
            (ELIGIBLE, INDETERMINATE),
        ),
        "policy.unreadable": Reason(
            "The configured policy can't be read, so it is not known what is required.",
            "Mend the setting that the detail names.",
            "policy",
            (INDETERMINATE,),
        ),
        "project.changed": Reason(
            "Another project of the vendor answered than the one that the request named.",
            "Find out why: the project belongs to the API key, or a gateway put in its own.",
            "call",
            (INDETERMINATE,),
        ),
        "project.region_mismatch": Reason(
            "The project that answered does not have the geography that its host stands for.",
            "Use a key of a project with that residency, or state region_approval where the vendor gave it.",
            "project_residency",
            (CONDITIONAL, INELIGIBLE),
        ),
        "project.stale": Reason(
            "The settings of the project were read too long ago, or after the call, to show anything.",
            "Run `otel-residency attest` again.",
            "policy",
            (INDETERMINATE,),
        ),
        "project.unknown": Reason(
            "The settings of the project that answered are not known.",
            "Run `otel-residency attest` again, with a key that may read all projects.",
            "policy",
            (INDETERMINATE,),
        ),
        "provider.not_covered": Reason(
            "The catalogue has no eligibility table for this provider.",
            "Judge it by that provider's own terms.",
            "hosts",
            (INDETERMINATE,),
        ),
        "redirect.left_region": Reason(
            "A redirect led out of the region; the body was not sent again.",
            "Find out who redirects; switch follow_redirects off.",
            "call",
            (INELIGIBLE,),
        ),
        "redirect.payload_left_region": Reason(
            "A redirect led out of the region and the whole request was sent again.",
            "Switch follow_redirects off, or block.",
            "call",
            (INELIGIBLE,),
        ),
        "region.not_offered": Reason(
            "The endpoint is not offered in this region.",
            "Use another endpoint or region.",
            "revisions.rows",
            (INELIGIBLE,),
        ),
        "request.unseen": Reason(
            "The request body could not be read, so its model and features are not known.",
            "Send the body as JSON.",
            "call",
            (INDETERMINATE,),
        ),
        "requirement.conflict": Reason(
            "What is required of the call, by the policy and for its customer, leaves no region.",
            "Serve the customer from a service whose policy allows the region that was promised.",
            "policy",
            (INELIGIBLE,),
        ),
        "requirement.unknown": Reason(
            "What is required for the customer can't be read, or names a region that the catalogue lacks.",
            "Mend what is given to require(), to the middleware, or in a trusted entry of the baggage.",
            "call",
            (INELIGIBLE,),
        ),
        "schema.system_data": Reason(
            "The schema of a structured output is system data and may leave the region.",
            "Keep personal data out of names, enums and descriptions.",
            "revisions.rows",
            (ELIGIBLE,),
        ),
        "state.region_mismatch": Reason(
            "The request uses something that was created in another region than the one it is sent to.",
            "Create it anew in the required region, and leave the copy in the other one.",
            "stored_kinds",
            (ELIGIBLE, INDETERMINATE, INELIGIBLE),
        ),
        "state.unseen": Reason(
            "The request brings stored content along, and nobody saw where that was created.",
            "Create it by a process that is guarded too, and name a file under state for what outlives one.",
            "stored_kinds",
            (INDETERMINATE,),
        ),
        "tier.not_available": Reason(
            "The service tier is not available with data residency for this model and region.",
            "Use a tier that the detail names.",
            "revisions.tier_rules",
            (INDETERMINATE, INELIGIBLE),
        ),
        "transport.insecure": Reason(
            "The request goes out unencrypted.", "Use https.", "call", (INDETERMINATE, INELIGIBLE)
        ),
    }
)
