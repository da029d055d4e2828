"""The result of a scan as SARIF 2.1.0, which code hosts and editors read."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from otel_residency.cli.scan.findings import ScanFinding
from otel_residency.cli.scan.scanner import ScanResult
from otel_residency.core.reasons import REASONS
from otel_residency.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(result: ScanResult) -> dict[str, Any]:
    """One run: a rule for each reason code found, a result for each finding."""
    codes = sorted({each.reason for each in result.findings})
    driver = {
        "name": "otel-residency",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [*_unread(result), *_unresolved(result)],
            }
        ],
        "results": _results(result, codes),
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    reason = REASONS[code]
    return {
        "id": code,
        "shortDescription": {"text": reason.meaning},
        "fullDescription": {"text": reason.meaning},
        "help": {"text": f"{reason.fix} Run `otel-residency explain {code}` for what it rests on."},
        "properties": {"tags": ["data-residency"]},
    }


def _results(result: ScanResult, codes: list[str]) -> list[dict[str, Any]]:
    """One each; of equal ones, the first keeps its fingerprint when another is added."""
    counted: Counter[str] = Counter()
    results = []
    for each in result.findings:
        identity = (
            f"{_artifact(each.file)['uri']}\n{each.reason}\n{each.detail.replace(result.catalogue, '')}"
        )
        counted[identity] += 1
        results.append(_result(each, codes.index(each.reason), f"{identity}\n{counted[identity]}"))
    return results


def _result(found: ScanFinding, rule: int, identity: str) -> dict[str, Any]:
    region = {"startLine": found.line, "startColumn": found.column}
    return {
        "ruleId": found.reason,
        "ruleIndex": rule,
        "level": "error" if found.violation else "warning",
        "message": {"text": f"{found.verdict}: {found.detail}. {found.fix}"},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(found.file), "region": region}}],
        "partialFingerprints": {"residency/v1": sha256(identity.encode()).hexdigest()[:32]},
        "suppressions": [{"kind": "inSource", "justification": found.ignored}] if found.ignored else [],
        "properties": {"verdict": found.verdict, "violation": found.violation},
    }


def _unread(result: ScanResult) -> Iterator[dict[str, Any]]:
    for file, why in result.unread:
        place = {"physicalLocation": {"artifactLocation": _artifact(file)}}
        yield {"level": "warning", "message": {"text": f"not read: {why}"}, "locations": [place]}


def _unresolved(result: ScanResult) -> Iterator[dict[str, Any]]:
    for file, line, column, what in result.not_known:
        place = {"artifactLocation": _artifact(file), "region": {"startLine": line, "startColumn": column}}
        text = f"not known here: {what}"
        yield {"level": "note", "message": {"text": text}, "locations": [{"physicalLocation": place}]}


def _artifact(file: str) -> dict[str, str]:
    """Relative where it can be: a code host joins it to the root of the repository."""
    path = Path(file)
    path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}
