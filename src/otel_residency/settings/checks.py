"""Checks a policy against the catalogue: regions, attestations, hosts and deployment types that exist."""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from otel_residency.core.decode import nearest_name
from otel_residency.core.policy import Policy
from otel_residency.core.shown import HIDDEN, shown, shown_host, shown_name, text_if_shown
from otel_residency.settings.problems import Origins, PolicyProblem
from otel_residency.settings.rule_checks import name_of_rule, rule_problems
from otel_residency.settings.table import LEDGER

# Every process reads its settings, also one that never calls the vendor and needs no catalogue.
if TYPE_CHECKING:
    from otel_residency.core.catalogue import Catalogue

_HOST = r"[^\s/@?#*]+"
"""A host, with or without a port; a URL or a pattern would match no call."""
_BAGGAGE_KEY = r"[A-Za-z0-9._*-]+"
"""The keys that every propagator of OpenTelemetry passes on."""
_MISTAKEN = {"uk": "gb", "uae": "ae", "europe": "eu", "usa": "us"}
_PART_OF_EU = "at be bg ch cy cz de dk ee es fi fr gr hr hu ie is it li lt lu lv mt nl no pl pt ro se si sk"
"""Codes of the countries of the EEA and of Switzerland, which the vendor's region `eu` covers."""


def policy_problems(
    policy: Policy, catalogue: "Catalogue", origins: Origins = MappingProxyType({})
) -> list[PolicyProblem]:
    """What `policy` names that `catalogue` does not have; an empty list if nothing is wrong.

    Args:
        policy: the policy.
        catalogue: the catalogue that calls are judged by.
        origins: where the values of the policy come from, to be named in the problems.
    """
    found = (
        *_region_problems(policy, catalogue),
        *_attestation_problems(policy, catalogue),
        *_baggage_problems(policy),
        *_ledger_problems(policy),
        *_age_problems(policy),
        *_host_problems(policy, catalogue),
        *rule_problems(policy, catalogue),
    )
    return [problem.at(origins) for problem in found]


def _region_problems(policy: Policy, catalogue: "Catalogue") -> Iterator[PolicyProblem]:
    regions = ", ".join(sorted(catalogue.region_codes))
    for key, codes in (
        ("require", policy.require),
        *((f'hosts."{shown_host(host)}".region', (terms.region,)) for host, terms in policy.hosts.items()),
        *((name_of_rule(rule), rule.require or ()) for rule in policy.all_rules),
        ("telemetry.content_regions", policy.telemetry.content_regions),
        *(
            (f'telemetry.hosts."{shown_host(host)}"', (region,))
            for host, region in policy.telemetry.hosts.items()
        ),
    ):
        for code in codes:
            if code not in catalogue.region_codes:
                hint, suggested = _suggestion(code)
                words = (*catalogue.region_codes, *_MISTAKEN, "global")
                yield PolicyProblem(
                    file="",
                    key=key,
                    value=text_if_shown(code, words),
                    problem=f"unknown region {shown(code, words)}{hint}; known are: {regions}",
                    fix=f'Write "{suggested}".' if suggested else f"Write one of: {regions}.",
                )


def _suggestion(code: str) -> tuple[str, str]:
    """What a message adds about an unknown region code, and the code to suggest."""
    name = code.lower()
    if name in _PART_OF_EU.split():
        return ", which is part of 'eu'", "eu"
    suggested = _MISTAKEN.get(name, "")
    return (f"; did you mean {suggested!r}?" if suggested else ""), suggested


def _attestation_problems(policy: Policy, catalogue: "Catalogue") -> Iterator[PolicyProblem]:
    names = [entry.name for entry in catalogue.entries.attestations]
    for name in policy.attest:
        if name not in names:
            yield PolicyProblem(
                file="",
                key=f"attest.{text_if_shown(name, names) or HIDDEN}",
                value=text_if_shown(name, names),
                problem=f"unknown attestation; known are: {', '.join(names)}",
                fix=nearest_name(name, names),
            )


def _baggage_problems(policy: Policy) -> Iterator[PolicyProblem]:
    for key in (*policy.baggage.read, *filter(None, (policy.baggage.write,))):
        if not re.fullmatch(_BAGGAGE_KEY, key):
            yield PolicyProblem(
                file="",
                key="baggage",
                value=text_if_shown(key),
                problem=f"{shown(key)} is not a key of the baggage",
                fix="Write letters, digits and . _ - * only.",
            )


def _ledger_problems(policy: Policy) -> Iterator[PolicyProblem]:
    if policy.ledger.required and not policy.ledger.path:
        yield PolicyProblem(
            file="",
            key="ledger.required",
            value="true",
            problem=f"there is no ledger; set ledger.path, or {LEDGER.variable}",
            fix=f"Set ledger.path, or {LEDGER.variable}.",
        )


def _age_problems(policy: Policy) -> Iterator[PolicyProblem]:
    if (policy.catalogue_max_age or 0) < 0:
        yield PolicyProblem(
            file="",
            key="catalogue_max_age",
            value=str(policy.catalogue_max_age),
            problem=f"{policy.catalogue_max_age} is not a number of days, 0 or more",
            fix="Write a number of days, 0 or more.",
        )


def _host_problems(policy: Policy, catalogue: "Catalogue") -> Iterator[PolicyProblem]:
    for host, terms in policy.hosts.items():
        if not re.fullmatch(_HOST, host):
            yield PolicyProblem(
                file="",
                key=f'hosts."{HIDDEN}"',
                value="",
                problem=f"{shown(host)} is not a host",
                fix="Write a host, such as llm.example or llm.example:8443.",
            )
        # Else a line in a policy could turn the US host into one of the EU, for every call.
        listed = catalogue.hosts.get(host)
        if (listed and listed.kind != "loopback") or host in catalogue.bogus_hosts:
            yield PolicyProblem(
                file="",
                key=f'hosts."{host}"',
                value=host,
                problem="the catalogue lists this host; a policy can't move it",
                fix="Remove this table.",
            )
        skus = [sku for provider, sku in catalogue.deployments if provider == terms.provider]
        for name, sku in terms.deployments.items():
            if sku not in skus:
                yield PolicyProblem(
                    file="",
                    key=f'hosts."{shown_host(host)}".deployments.{shown_name(name)}',
                    value=text_if_shown(sku, skus),
                    problem=f"{shown(sku, skus)} is not a deployment type; "
                    f"known are: {', '.join(skus) or 'none'}",
                    fix=nearest_name(sku, skus) if skus else "Remove deployments.",
                )
