"""The example for Kubernetes: what the API server would accept, and hosts that the catalogue knows."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from otel_residency import environment_variables
from otel_residency.catalogue.load import load_catalogue
from otel_residency.settings.load import read_settings

KUBERNETES = Path(__file__).parent.parent.parent / "examples" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = ("1.32", "1.35")
RESOURCES = [
    pytest.param(resource, id=f"{file.stem}: {resource['kind']} {resource['metadata']['name']}")
    for file in sorted(KUBERNETES.glob("*.yaml"))
    for resource in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]


def resource(file: str, kind: str) -> dict[str, Any]:
    """The first resource of a kind in a file."""
    resources = yaml.safe_load_all((KUBERNETES / file).read_text(encoding="utf-8"))
    return next(each for each in resources if each["kind"] == kind)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_resource_has_the_shape_that_its_schema_asks_for(resource: dict[str, Any]) -> None:
    """Kubernetes' own schemas, strictly, for its own kinds; that of the operator or of Cilium for theirs."""
    schema = SCHEMAS / f"{resource['kind'].lower()}.json"
    if schema.exists():
        jsonschema.validate(resource["spec"], json.loads(schema.read_text(encoding="utf-8")))
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("kind", ["instrumentation", "ciliumnetworkpolicy"])
def test_foreign_schemas_refuse_unknown_keys(kind: str) -> None:
    """A key that is written wrongly is found."""
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"pyhton": {}, "egres": []}, schema)


def test_pods_may_reach_hosts_of_the_region_and_no_other_of_the_vendor() -> None:
    """Each host of the policies, and the base URL of the service, are the catalogue's for that region."""
    catalogue = load_catalogue()
    policy = tomllib.loads(resource("application.yaml", "ConfigMap")["data"]["residency.toml"])
    for text in (
        resource("network-policy.yaml", "ConfigMap")["data"]["squid.conf"],
        json.dumps(resource("network-policy-cilium.yaml", "CiliumNetworkPolicy")),
        json.dumps(resource("application.yaml", "Deployment")),
    ):
        hosts = set(re.findall(r"[\w.-]*openai\.com", text))
        assert hosts
        assert all(list(catalogue.hosts[host].regions) == policy["require"] for host in hosts)


def test_the_policy_and_the_variables_of_the_example_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy in the ConfigMap is a policy, and each variable of ours is one."""
    file = tmp_path / "residency.toml"
    file.write_text(resource("application.yaml", "ConfigMap")["data"]["residency.toml"], encoding="utf-8")
    monkeypatch.setenv("OTEL_RESIDENCY_POLICY", str(file))
    policy = read_settings().policy
    assert (policy.require, policy.on_call, policy.on_export) == (("eu",), "block", "redact")
    given = {
        each["name"] for each in resource("application.yaml", "Instrumentation")["spec"]["python"]["env"]
    }
    ours = {name for name in given if name.startswith("OTEL_RESIDENCY_")}
    assert ours <= set(vars(environment_variables))
