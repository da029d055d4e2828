"""Find the sources in the catalogue that support a finding."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import Source
from otel_residency.core.facts import CallFacts
from otel_residency.core.hosts import canonical_host, matches
from otel_residency.core.paths import match_sender
from otel_residency.core.reasons import reason_of
from otel_residency.core.revision import Revision

_SECTION_SOURCES = {
    "deployments": "deployment_source",
    "provider_names": "provider_names_source",
    "plain_types": "features_source",
    "second_models": "features_source",
    "stored_kinds": "state_source",
    "tools": "features_source",
}
"""Sections with one common source, and the field of `Entries` that names it."""


def sources_of(code: str, catalogue: Catalogue, revision: Revision | None) -> tuple[Source, ...]:
    """All sources that findings with `code` may rest on; for tables, those of `revision`."""
    section, _, part = reason_of(code).source.partition(".")
    entries = catalogue.entries
    if section == "revisions":
        return table_sources(catalogue, revision, part.partition(".")[0])
    if section in _SECTION_SOURCES:
        return _sources(catalogue, [getattr(entries, _SECTION_SOURCES[section])])
    patterns = entries.host_patterns if section == "hosts" else ()
    return _of_entries(catalogue, (*getattr(entries, section, ()), *patterns))


def sources_for(
    code: str, facts: CallFacts, catalogue: Catalogue, revision: Revision | None
) -> tuple[Source, ...]:
    """The sources for findings with `code` about this call: about its host, path or model."""
    select = _SELECT.get(reason_of(code).source)
    if select is None:
        return sources_of(code, catalogue, revision)
    found = tuple(select(facts, catalogue))
    if not found and reason_of(code).topic == "model":
        return table_sources(catalogue, revision, "rows")
    return _of_entries(catalogue, found)


def table_sources(catalogue: Catalogue, revision: Revision | None, part: str = "") -> tuple[Source, ...]:
    """The sources of this part of a table, which may be inherited from an older one."""
    chain = list(catalogue.ancestry(revision.id)) if revision else []
    containing = [each for each in chain if not part or getattr(each, part)]
    # Rows are inherited as a whole, from the first table that has any.
    used = containing[:1] if part == "rows" else containing
    return _sources(catalogue, (each.source for each in used))


def _sources(catalogue: Catalogue, names: Iterable[str | None]) -> tuple[Source, ...]:
    """The sources with these names; a text that names none is cited as it is."""
    sources = catalogue.entries.sources
    return tuple(
        sources.get(name) or Source(kind="cited by the catalogue", title=name, observed="not stated")
        for name in dict.fromkeys(names)
        if name
    )


def _of_entries(catalogue: Catalogue, entries: Iterable[Any]) -> tuple[Source, ...]:
    each_one = (entry.sources if hasattr(entry, "sources") else (entry.source,) for entry in entries)
    return _sources(catalogue, (name for names in each_one for name in names))


def _hosts(facts: CallFacts, catalogue: Catalogue) -> Iterator[Any]:
    for hop in facts.hops:
        name = canonical_host(hop.host)
        if name in catalogue.hosts:
            yield catalogue.hosts[name]
        else:
            yield from (pattern for pattern, labels in catalogue.patterns if matches(labels, name.split(".")))


def _bogus_hosts(facts: CallFacts, catalogue: Catalogue) -> Iterator[Any]:
    names = [canonical_host(hop.host) for hop in facts.hops]
    return (catalogue.bogus_hosts[name] for name in names if name in catalogue.bogus_hosts)


def _senders(facts: CallFacts, catalogue: Catalogue) -> Iterator[Any]:
    found = (match_sender(catalogue, hop.host, hop.path) for hop in facts.hops)
    return (sent[1] for sent in found if sent)


def _aliases(facts: CallFacts, catalogue: Catalogue) -> Iterator[Any]:
    alias = catalogue.aliases.get((facts.model or "").lower())
    return iter([alias] if alias else [])


def _retired_models(facts: CallFacts, catalogue: Catalogue) -> Iterator[Any]:
    model = (facts.model or "").lower()
    return (each for each in catalogue.entries.retired_models if each.model.lower() == model)


_SELECT: dict[str, Callable[[CallFacts, Catalogue], Iterator[Any]]] = {
    "hosts": _hosts,
    "bogus_hosts": _bogus_hosts,
    "senders": _senders,
    "aliases": _aliases,
    "retired_models": _retired_models,
}
"""By section, the entries that apply to a call."""
