"""The promises that the project makes about itself."""

import ast
import re
from pathlib import Path

import yaml
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes

import otel_residency
from otel_residency import environment_variables
from otel_residency.core.reasons import REASONS
from otel_residency.settings.table import SETTINGS
from otel_residency.telemetry import names
from tools import collector
from tools.docs import pages

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "otel_residency"
UPSTREAM = {
    server_attributes.SERVER_ADDRESS,
    server_attributes.SERVER_PORT,
    http_attributes.HTTP_REQUEST_METHOD,
    http_attributes.HTTP_RESPONSE_STATUS_CODE,
    error_attributes.ERROR_TYPE,
    "otel.metric.overflow",  # of the SDK's specification, and no constant anywhere
}


def registry_names() -> set[str]:
    """Attributes, metrics and events of the registry, those of the upstream conventions included."""
    groups = yaml.safe_load((ROOT / "registry" / "residency.yaml").read_text(encoding="utf-8"))["groups"]
    found = set()
    for group in groups:
        found |= {attribute.get("id") or attribute["ref"] for attribute in group.get("attributes", ())}
        found |= {group[key] for key in ("metric_name", "name") if key in group}
    return found


def collector_names() -> set[str]:
    """What the Collector of the examples says in our name, beyond what the package says."""
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "examples").rglob("*.yaml"))
    written = set(re.findall(r"attributes\[\\*\"(residency\.[a-z_.]+)", text))
    (counted,) = re.findall(r"namespace: (residency\.\S+)", text)
    return {*written, f"{counted}.calls", f"{counted}.duration"} - code_names()


def code_names() -> set[str]:
    """The names that the code can emit."""
    plain = {
        value
        for key, value in vars(names).items()
        if key.isupper()
        and isinstance(value, str)
        and key
        not in (
            "SCOPE",
            "SCHEMA_URL",
            "FLAGGED",
            "BLOCKED",
            "REDACTED",
            "WITHHELD",
            "WRITTEN",
            "DROPPED",
            "FAILED",
        )
    }
    return plain | set(names.EVIDENCE.values())


def test_the_public_names_are_exact_sorted_and_importable() -> None:
    """`__all__` lists, in order, what a user may import, and each name is there."""
    assert sorted(otel_residency.__all__) == otel_residency.__all__
    assert [
        getattr(otel_residency, name).__name__ for name in otel_residency.__all__
    ] == otel_residency.__all__


def test_the_registry_and_the_code_name_the_same_things() -> None:
    """Nothing is emitted that the registry does not describe, and nothing described that is not emitted."""
    assert registry_names() == code_names()


def test_the_registry_names_what_the_collector_emits() -> None:
    """The same for the configuration of the Collector, with a file of its own."""
    groups = yaml.safe_load((ROOT / "registry" / "collector.yaml").read_text(encoding="utf-8"))["groups"]
    described = {
        attribute["id"] for group in groups for attribute in group["attributes"] if "id" in attribute
    }
    described |= {group["metric_name"] for group in groups if "metric_name" in group}
    assert described == collector_names()


def test_the_configuration_of_the_collector_is_up_to_date() -> None:
    """The written part of its configuration is what the catalogue and the list of content keys say."""
    assert collector.FILE.read_text(encoding="utf-8") == collector.text()


def test_foreign_names_are_those_of_the_conventions() -> None:
    """Every name outside our namespace is one of OpenTelemetry's."""
    assert {name for name in code_names() if not name.startswith("residency.")} == UPSTREAM


def test_every_reason_code_of_the_core_is_documented() -> None:
    """Each code that a rule or footnote can give has a meaning and a fix, and no other has."""
    used = set()
    for file in SOURCE.rglob("*.py"):
        if file.name not in ("reasons.py", "request_reasons.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and node.value in REASONS:
                    used.add(node.value)
    data = "".join(file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.json"))
    used |= {code for code in REASONS if f'"reason": "{code}"' in data}
    assert used == set(REASONS)


def test_written_documentation_is_up_to_date() -> None:
    """The tables that the code knows stand in the documentation as the code would write them."""
    stale = [path.name for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == []


def test_every_setting_is_a_flag_of_the_launcher() -> None:
    """The module that `opentelemetry-instrument` reads names exactly the variables of the settings."""
    offered = {name for name in dir(environment_variables) if name.startswith("OTEL_")}
    assert offered == {each.variable for each in SETTINGS}
    assert all(getattr(environment_variables, name) == name for name in offered)


def test_only_the_settings_read_the_environment() -> None:
    """No other file touches `os.environ` or `os.getenv`, but the command's, which tells what others set."""
    readers = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"))
        or (isinstance(node, ast.ImportFrom) and {"environ", "getenv"} & {each.name for each in node.names})
    }
    assert readers == {"settings/load.py", "settings/ledger_key.py", "cli/environ.py"}


def test_no_vendor_host_stands_in_code() -> None:
    """Hosts are data: no Python file of the package names one outside of comments and docstrings."""
    hosts = {
        node.value
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value
        if "openai.com" in node.value or "azure.com" in node.value or "amazonaws" in node.value
    }
    assert hosts == set()
