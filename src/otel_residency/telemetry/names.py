"""Every name that this package emits. `registry/` describes each one; a test compares the two."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SCOPE: Final = "otel_residency"
SCHEMA_URL: Final = "https://otel-residency.dev/schemas/0.1.0"

VERDICT: Final = "residency.verdict"
VIOLATION: Final = "residency.violation"
REASONS: Final = "residency.reasons"
ACTION: Final = "residency.action"
REGION: Final = "residency.region"
REQUIRED: Final = "residency.required"
EXCEPTION_OWNER: Final = "residency.exception.owner"
EXCEPTION_REASON: Final = "residency.exception.reason"
BASE_URL: Final = "residency.base_url"
ENDPOINT: Final = "residency.endpoint"
MODEL_REQUESTED: Final = "residency.model.requested"
MODEL_SNAPSHOT: Final = "residency.model.snapshot"
HOP_HOSTS: Final = "residency.hop.hosts"
HOP_REGIONS: Final = "residency.hop.regions"
BATCH_LINES: Final = "residency.batch.lines"
BATCH_REASONS: Final = "residency.batch.reasons"
BATCH_COUNTS: Final = "residency.batch.counts"
CATALOGUE: Final = "residency.catalogue"
POLICY: Final = "residency.policy"
MODE_ON_CALL: Final = "residency.mode.on_call"
MODE_ON_EXPORT: Final = "residency.mode.on_export"
MODE_STRICT: Final = "residency.mode.strict"

EVIDENCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "request_id": "residency.evidence.request_id",
        "project": "residency.evidence.project",
        "organization": "residency.evidence.organization",
        "edge": "residency.evidence.edge",
        "azure_region": "residency.evidence.azure_region",
        "upstream": "residency.evidence.upstream",
        "fallbacks": "residency.evidence.fallbacks",
        "provider": "residency.evidence.provider",
        "peer_address": "residency.evidence.peer_address",
        "tls_version": "residency.evidence.tls_version",
        "service_tier": "residency.evidence.service_tier",
    }
)

SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
ERROR_TYPE: Final = "error.type"
METRIC_OVERFLOW: Final = "otel.metric.overflow"
"""Marks the series of what a limit of series left out, as in the metrics SDK of OpenTelemetry."""

# Keys by which spans of HTTP clients describe a request: those of the stable semantic conventions first, then
# those before version 1.21, which many instrumentations still emit.
URL_KEYS: Final = ("url.full", "http.url")
HOST_KEYS: Final = (SERVER_ADDRESS, "net.peer.name", "http.host")
PORT_KEYS: Final = (SERVER_PORT, "net.peer.port")
SCHEME_KEYS: Final = ("url.scheme", "http.scheme")
PATH_KEYS: Final = ("url.path", "http.target")
METHOD_KEYS: Final = (HTTP_METHOD, "http.method")
STATUS_KEYS: Final = (HTTP_STATUS, "http.status_code")

METRIC_CALLS: Final = "residency.calls"
METRIC_EXPORT_ITEMS: Final = "residency.export.items"
METRIC_LEDGER_RECORDS: Final = "residency.ledger.records"
METRIC_POLICY_INFO: Final = "residency.policy.info"
METRIC_CATALOGUE_TIMESTAMP: Final = "residency.catalogue.timestamp"
EVENT_VIOLATION: Final = "residency.violation"

EVENT_CALL: Final = "residency.call"
EVENT_POLICY: Final = "residency.policy"
EVENT_CHECKPOINT: Final = "residency.ledger.checkpoint"

DURATION: Final = "residency.duration"
FACTS: Final = "residency.facts"
POLICY_DOCUMENT: Final = "residency.policy.document"
POLICY_DIGEST: Final = "residency.policy.digest"
CATALOGUE_DOCUMENT: Final = "residency.catalogue.document"
CATALOGUE_DIGEST: Final = "residency.catalogue.digest"
LEDGER_FORMAT: Final = "residency.ledger.format"
LEDGER_WRITER: Final = "residency.ledger.writer"
LEDGER_SEQUENCE: Final = "residency.ledger.sequence"
LEDGER_PREVIOUS: Final = "residency.ledger.previous"
LEDGER_HEAD: Final = "residency.ledger.head"
LEDGER_CLOSED: Final = "residency.ledger.closed"
LEDGER_DROPPED: Final = "residency.ledger.dropped"
LEDGER_OUTCOME: Final = "residency.ledger.outcome"
LEDGER_SIGNATURE: Final = "residency.ledger.signature"
LEDGER_KEY: Final = "residency.ledger.key"

EXPORT_SIGNAL: Final = "residency.export.signal"
EXPORT_ACTION: Final = "residency.export.action"

FLAGGED: Final = "flagged"
BLOCKED: Final = "blocked"
REDACTED: Final = "redacted"
WITHHELD: Final = "withheld"
WRITTEN: Final = "written"
DROPPED: Final = "dropped"
FAILED: Final = "failed"
