"""A fact counts wherever it stands: each typed thing is planted at each place that the client's types have.

The places come from `tests.calls.places`, so those of a new release of the client are tried by themselves.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import openai
import pytest

from otel_residency.catalogue import load_catalogue
from tests.calls.places import UNKNOWN_MODEL, UNKNOWN_TYPE, Place, all_places, counts, sections, type_literals
from tests.calls.planting import Judged, in_other_forms, judge

OLDEST = (2, 54)
"""The oldest release whose types say enough. Earlier ones take any object where these have a type."""
if tuple(map(int, openai.VERSION.split(".")[:2])) < OLDEST:
    pytest.skip("the types of this release are too open", allow_module_level=True)

# The client has deprecated methods, and they send bodies like the others.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BEST = ("responses.create", "chat.completions.create", "realtime.client_secrets.create")
"""Where a thing is known best, if it may stand there; else where its path is shortest."""
ENTRIES = load_catalogue().entries
CLIENT_TOOLS = {("tools", json.dumps(tool.type)) for tool in ENTRIES.tools if tool.runs == "client"}
"""Facts that mean nothing for a verdict: a tool that the client runs, or a call of it."""
SAME = {"second_tiers": "service_tier"}
"""Facts that are judged like another one."""
ORDER = ("not_applicable", "eligible", "conditional", "indeterminate", "ineligible")
LISTED = 40
"""Places that a failure names."""
CHOICE = "tool_choice"
"""In a path: what stands there names a tool that stands elsewhere, and may count as that tool or not."""
RESOLVING = ("environment<local>",)
"""What takes a doubt away: a shell of the client's own."""
FILTER = "filters[]"
"""In a path: an object that the client's types leave open, and the vendor reads as a filter."""
CITATIONS = (
    *("file_citation.file_id", "container_file_citation.container_id", "container_file_citation.file_id"),
    *("file_path.file_id", "results.file_id", "code_interpreter_call.container_id"),
)
"""References in what an earlier answer said, which are content: nothing is read for them."""
REPEATED = ("validation_file",)
"""References of the same kind as another one that the request must have, and with it one fact."""
TOOL = ("indeterminate", "feature.tool")
IMAGE = ("conditional", "image.needs_enhanced_zdr")
KNOWN_BEST: Mapping[str, tuple[str, str]] = {
    "tools[]<function>": ("eligible", ""),
    "tools[]<custom>": ("eligible", ""),
    "tools[]<computer>": ("eligible", ""),
    "tools[]<computer_use_preview>": ("eligible", ""),
    "tools[]<local_shell>": ("eligible", ""),
    "tools[]<apply_patch>": ("eligible", ""),
    "tools[]<mcp>": TOOL,
    "tools[]<image_generation>": TOOL,
    "tools[]<shell>": TOOL,
    "tools[]<web_search>": ("eligible", ""),
    "tools[]<file_search>": ("eligible", ""),
    "tools[]<code_interpreter>.container<auto>": ("eligible", ""),
    "input[]<message>.content[]<input_image>": IMAGE,
    "input[]<mcp_call>": ("eligible", ""),
    "input[]<web_search_call>": ("eligible", ""),
    "model": ("ineligible", "model.not_listed"),
}
"""What must be true at some places of `responses.create`, whatever the others say."""


class Answers(NamedTuple):
    """Every place, and what was recorded of the request that has something there."""

    places: list[Place]
    judged: Mapping[tuple[str, str], Judged]

    def of(self, place: Place) -> Judged:
        """What was recorded of the request with this place."""
        return self.judged[place.root, place.path]

    def around(self, place: Place) -> Judged:
        """The same of the object that the place is in; it has something there itself if it must."""
        return self.judged[place.root, place.parent]

    def added(self, place: Place) -> frozenset[tuple[str, str]]:
        """The facts that are there because of the place."""
        return compared(self.of(place)) - compared(self.around(place))

    def best(self, kind: str, same: Callable[[Place], Any]) -> dict[Any, Place]:
        """Of the places of a kind that are the same in something, the one that is known best."""
        found: dict[Any, Place] = {}
        for place in sorted(self.places, key=_rank):
            if place.kind == kind and CHOICE not in place.path:
                found.setdefault(same(place), place)
        return found

    def best_requests(self) -> list[Place]:
        """The places of requests with JSON at which each thing is known best."""
        kinds = ("typed", "unknown", "model", "flag", "reference")
        found = [place for kind in kinds for place in self.best(kind, _same).values()]
        return [place for place in found if place.root.startswith(("responses.", "chat."))]

    def check(self, kind: str, problem: Callable[[Place], str]) -> None:
        """Fail with the problems of all places of a kind."""
        if found := self.problems(kind, problem):
            more = [f"… and {len(found) - LISTED} more"] if len(found) > LISTED else []
            pytest.fail("\n".join([*found[:LISTED], *more]), pytrace=False)

    def problems(self, kind: str, problem: Callable[[Place], str]) -> list[str]:
        """The problems of all places of a kind."""
        return [
            f"{place.root} {place.path}: {text}"
            for place in self.places
            if place.kind == kind and (text := problem(place))
        ]


def _rank(place: Place) -> tuple[bool, bool, int, int]:
    best = BEST.index(place.root) if place.root in BEST else len(BEST)
    return place.needed, place.root.endswith(".connect"), best, len(place.path)


def _same(place: Place) -> tuple[str, str]:
    """Equal for places that have the same thing."""
    return place.name, json.dumps(place.thing, sort_keys=True, default=str)


@pytest.fixture(scope="module")
def answers(_connection: object, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All places, each sent once."""
    places, forms = all_places()
    best = Answers(places, {}).best_requests()
    places += [form for place in best for form in in_other_forms(place)]
    return Answers(places, judge(places, forms, tmp_path_factory.mktemp("places") / "ledger.jsonl"))


def same_facts(answers: Answers, kind: str) -> Callable[[Place], str]:
    """What a place adds to the request besides what it adds where it is known best, or does not add."""
    by_name, by_thing = answers.best(kind, lambda place: place.name), answers.best(kind, _same)

    def problem(place: Place) -> str:
        if CHOICE in place.path or place.path.endswith(RESOLVING):
            return ""
        known = by_name[place.name], by_thing[_same(place)]
        # What an object refers to depends on the keys that it must have, which differ between equal types.
        added = {fact for fact in answers.added(known[0]) if not is_reference(fact)}
        added |= {fact for fact in answers.added(known[1]) if is_reference(fact)}
        # What is planted may stand in the place of a reference that must be there otherwise, and with it a
        # body may become a form that is read.
        around = {
            fact
            for fact in compared(answers.around(place))
            if not is_reference(fact) and fact[0] != "body_unseen"
        }
        facts = {fact for fact in compared(answers.of(place)) if not is_reference(fact) or fact in added}
        return _differences(facts, around | added, known[0])

    return problem


def compared(judged: Judged) -> frozenset[tuple[str, str]]:
    """The facts that must be the same everywhere. The main model is the one of each endpoint."""
    return frozenset(
        (SAME.get(name, name), json.dumps(json.loads(value)["model"]) if name == "second_models" else value)
        for name, value in judged.facts - CLIENT_TOOLS
        if name != "model"
    )


def known_types() -> Collection[str]:
    """Every `type` that the catalogue knows."""
    stored = (name for kind in ENTRIES.stored_kinds for name in kind.typed)
    typed = (each.type for each in (*ENTRIES.part_types, *ENTRIES.tools))
    return {*ENTRIES.plain_types, *typed, *stored}


def is_reference(fact: tuple[str, str]) -> bool:
    """Whether a fact is about something that is named: what is stored, or a second model."""
    return fact[0] in ("references", "second_models") or fact == ("features", '"file_reference"')


def _differences(facts: frozenset[Any], expected: frozenset[Any], known: Place) -> str:
    parts = [
        f"{word} {sorted(f'{name} {value}' for name, value in them)}"
        for word, them in (("lacks", expected - facts), ("has besides", facts - expected))
        if them
    ]
    return " ".join([*parts, f"(as {known.root} {known.path})"]) if parts else ""


def test_every_place_was_recorded(answers: Answers) -> None:
    """Each request, and each session, has a record, so that no comparison is of nothing."""
    assert [place for place in answers.places if (place.root, place.path) not in answers.judged] == []


def test_the_catalogue_knows_every_type(answers: Answers) -> None:
    """A type that a new release of the client brings has to be looked up at the vendor's, and added."""
    assert type_literals(answers.places) - {*known_types()} == set()


def test_the_number_of_places_is_written_down(answers: Answers) -> None:
    """So that a change of the client, or of this test, shows in how many places are tried."""
    written = sections().get(f"openai {openai.VERSION}")
    if written is None:
        pytest.skip("nothing was written down for this release")
    assert written == counts(answers.places), "run python -m tests.calls.places"


@pytest.mark.parametrize("kind", ["typed", "flag", "reference"])
def test_a_thing_gives_the_same_facts_everywhere(answers: Answers, kind: str) -> None:
    """A tool, part, item, flag or reference adds what it adds where it is known best, and nothing else."""
    answers.check(kind, same_facts(answers, kind))


def test_a_thing_is_never_judged_better_elsewhere(answers: Answers) -> None:
    """What makes a request of the Responses API worse makes every request at least as bad."""
    best = answers.best("typed", _same)

    def problem(place: Place) -> str:
        if CHOICE in place.path:
            return ""
        known = best[_same(place)]
        if known.root not in BEST or answers.around(known).verdict != "eligible":
            return ""
        verdict, reasons = answers.of(known).verdict, answers.of(known).reasons
        if ORDER.index(answers.of(place).verdict) < ORDER.index(verdict):
            better = answers.of(place).verdict
            return f"{better}, but {verdict} as {known.root} {known.path} for {sorted(reasons)}"
        return ""

    answers.check("typed", problem)


@pytest.mark.parametrize("path", KNOWN_BEST)
def test_what_is_known_best(answers: Answers, path: str) -> None:
    """The places with which the others are compared are judged as the vendor's table and FAQ say."""
    if ("responses.create", path) not in answers.judged:
        pytest.skip("this release has no such place")
    judged = answers.judged["responses.create", path]
    verdict, reason = KNOWN_BEST[path]
    assert judged.verdict == verdict
    assert reason in {*judged.reasons, ""}


@pytest.mark.parametrize(("kind", "name"), [("unknown", UNKNOWN_TYPE), ("model", UNKNOWN_MODEL)])
def test_an_unknown_type_or_model_is_a_doubt_everywhere(answers: Answers, kind: str, name: str) -> None:
    """It is a fact, the main model and every other one, and the request is never eligible."""

    def problem(place: Place) -> str:
        judged = answers.of(place)
        counted = any(name in value for _, value in judged.facts)
        fine = counted and judged.verdict != "eligible"
        return "" if fine else f"{judged.verdict} {sorted(judged.reasons)}"

    answers.check(kind, problem)


def test_every_reference_is_a_fact(answers: Answers) -> None:
    """Nothing that names a stored object, or something to fetch, is overlooked."""

    def problem(place: Place) -> str:
        counted = place.needed or place.name in (*CITATIONS, *REPEATED) or answers.added(place)
        return "" if counted else "adds no fact"

    answers.check("reference", problem)


def test_an_image_counts_everywhere(answers: Answers) -> None:
    """Wherever the URL of an image may stand."""

    def problem(place: Place) -> str:
        return "" if ("features", '"image_input"') in answers.of(place).facts else "no image"

    answers.check("image", problem)


def test_an_object_counts_as_what_it_is_written_as(answers: Answers) -> None:
    """A model of pydantic's, or a root model, gives the facts of the JSON that the client makes of it."""

    def problem(place: Place) -> str:
        return _differences(answers.of(place).facts, answers.around(place).facts, place)

    answers.check("form", problem)


def test_the_user_s_json_is_free(answers: Answers) -> None:
    """Nothing counts within JSON that the vendor does not read."""

    def problem(place: Place) -> str:
        if place.path.endswith(FILTER):
            return ""
        return _differences(compared(answers.of(place)), compared(answers.around(place)), place)

    answers.check("free", problem)
