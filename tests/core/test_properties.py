"""Laws that hold for whatever facts and policies there may be, not only for those of the table."""

from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, BatchLine, CallFacts, Hop, Reference
from otel_residency.core.hosts import canonical_host, lookalike_of, match_host
from otel_residency.core.paths import match_endpoint, normal_path
from otel_residency.core.policy import ConfiguredHost, Policy, Statement
from otel_residency.core.verdict import SEVERITY, Verdict
from tests.cases import CASES, Case

CATALOGUE = load_catalogue()
ENTRIES = CATALOGUE.entries
REGIONS = sorted(CATALOGUE.region_codes)
MODELS = sorted(
    {model for revision in CATALOGUE.revisions for row in revision.rows for model in row.models or ()}
    | set(CATALOGUE.aliases)
)
FEATURES = sorted(
    {feature.feature for feature in ENTRIES.features} | {part.feature for part in ENTRIES.part_types}
)

quick = settings(max_examples=150, deadline=None, derandomize=True)

anything = st.text(max_size=30)
listed_hosts = st.sampled_from(sorted(CATALOGUE.hosts))
configured_hosts = st.sampled_from(["llm.internal.example", "contoso.openai.azure.com", "localhost", "::1"])
hosts = st.one_of(
    listed_hosts,
    configured_hosts,
    st.sampled_from(sorted(CATALOGUE.bogus_hosts)),
    st.sampled_from(
        ["xx.api.openai.com", "evil.example", "127.0.0.1", "[::ffff:127.0.0.1]", "", ".", "xn--"]
    ),
    st.builds("{}.{}".format, listed_hosts, st.text(max_size=5)),
    st.builds("{}{}".format, st.text(max_size=5), listed_hosts),
    anything,
)
endpoint_paths = st.sampled_from([endpoint.path for endpoint in ENTRIES.endpoints])
paths = st.one_of(
    endpoint_paths,
    st.builds(
        "{}{}".format, endpoint_paths, st.sampled_from(["", "/", "/..", "/%2e%2e/x", "//", "%", "%zz"])
    ),
    st.builds("/openai/deployments/{}{}".format, anything, st.sampled_from(["/embeddings", "/files", ""])),
    anything,
)
models = st.one_of(
    st.none(), st.sampled_from(MODELS), st.builds("ft:{}:org".format, st.sampled_from(MODELS)), anything
)
tiers = st.one_of(st.none(), st.sampled_from(["auto", *ENTRIES.service_tiers, "ultrafast"]), anything)
features = st.frozensets(st.one_of(st.sampled_from(FEATURES), anything), max_size=3)
tools = st.frozensets(st.one_of(st.sampled_from(sorted(CATALOGUE.tools)), anything), max_size=3)
hops = st.builds(
    Hop,
    scheme=st.one_of(st.sampled_from(["https", "wss", "http"]), anything),
    host=hosts,
    port=st.one_of(st.none(), st.integers()),
    path=paths,
    host_header=st.one_of(st.none(), anything),
    payload=st.booleans(),
    redirected=st.booleans(),
    refused=st.booleans(),
)
named = st.one_of(
    st.tuples(st.just("model"), st.sampled_from(MODELS)),
    st.tuples(st.just("service_tier"), st.sampled_from([*ENTRIES.service_tiers, "ultrafast", "warp"])),
    st.tuples(st.just("cloud_region"), st.sampled_from(["East US 2", "Sweden Central", "Atlantis"])),
    st.tuples(st.just("upstream"), st.sampled_from(sorted(CATALOGUE.hosts))),
    st.tuples(st.just("provider"), st.sampled_from(["openai", "anthropic"])),
    st.tuples(st.just("project"), st.sampled_from(["proj_eu", "proj_us", "proj_other"])),
)
also = st.lists(named, max_size=3).map(tuple)
regions = st.one_of(st.sampled_from([*REGIONS, "global", "unknown"]), anything)
groups = st.lists(regions, max_size=3).map(tuple)
listed_groups = st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4, unique=True).map(tuple)
references = st.frozensets(
    st.builds(Reference, st.one_of(st.sampled_from(["file", "response"]), anything), regions), max_size=3
)
facts_of_any_kind = st.builds(
    CallFacts,
    on=st.one_of(st.dates(), st.dates(date(2025, 1, 1), date(2027, 12, 31))),
    method=st.one_of(st.sampled_from(["POST", "GET", "DELETE"]), anything),
    hops=st.lists(hops, max_size=3).map(tuple),
    base_path=st.one_of(st.sampled_from(["/v1", "/", "", "/openai", "/api/v1"]), anything),
    model=models,
    service_tier=tiers,
    features=features,
    tools=tools,
    body_unseen=st.booleans(),
    batch_lines=st.one_of(
        st.none(),
        st.lists(
            st.builds(
                BatchLine,
                path=paths,
                model=models,
                features=features,
                tools=tools,
                service_tier=tiers,
                references=references,
                unseen=st.booleans(),
            ),
            max_size=2,
        ).map(tuple),
    ),
    answer=st.one_of(
        st.none(),
        st.builds(
            Answer,
            status=st.one_of(st.none(), st.integers()),
            model=models,
            service_tier=tiers,
            cloud_region=st.one_of(st.none(), anything),
            also=also,
            unread=st.booleans(),
        ),
    ),
    required=st.lists(groups, max_size=2).map(tuple),
    project=st.one_of(st.none(), anything),
    references=references,
)
attestations = st.dictionaries(
    st.one_of(st.sampled_from([entry.name for entry in ENTRIES.attestations]), anything),
    st.builds(Statement, st.booleans()),
    max_size=9,
)
configured = st.dictionaries(
    st.one_of(configured_hosts, hosts.map(canonical_host)),
    st.builds(
        ConfiguredHost,
        regions,
        st.one_of(st.sampled_from(["openai", "azure"]), anything),
        st.dictionaries(anything, st.one_of(st.sampled_from(["Standard", "GlobalStandard"]), anything)),
    ),
    max_size=3,
)
policies = st.builds(
    Policy,
    require=st.lists(regions, max_size=2).map(tuple),
    scope=st.sampled_from(["processing", "storage"]),
    on_call=st.sampled_from(["flag", "block"]),
    strict=st.booleans(),
    catalogue_max_age=st.one_of(st.none(), st.integers()),
    attest=attestations,
    hosts=configured,
    rule=st.just(()),
    unreadable=st.one_of(st.none(), anything),
    stated=st.none(),
)
cases = st.sampled_from(CASES)
answered_cases = st.sampled_from(
    [case for case in CASES if case.answer and case.expected.verdict != "not_applicable"]
)
eligible_cases = st.sampled_from([case for case in CASES if case.expected.verdict == "eligible"])


@quick
@given(facts=facts_of_any_kind, policy=policies)
def test_decide_never_raises_and_its_verdict_is_the_worst_finding(facts: CallFacts, policy: Policy) -> None:
    """Whatever the facts and the policy, there is an answer, and it is as bad as its worst finding."""
    decision = decide(facts, CATALOGUE, policy)
    worst = max((SEVERITY[finding.verdict] for finding in decision.findings), default=0)
    ordered = sorted(decision.findings, key=lambda finding: -SEVERITY[finding.verdict])
    assert decision.verdict is Verdict.NOT_APPLICABLE or worst == SEVERITY[decision.verdict]
    assert tuple(ordered) == decision.findings
    assert len(facts.hops) == len(decision.hop_regions)


@quick
@given(facts=facts_of_any_kind, policy=policies)
def test_a_violation_follows_from_verdict_and_policy(facts: CallFacts, policy: Policy) -> None:
    """Without any requirement nothing is a violation, but where block mode has no policy or no record."""
    policy = policy._replace(rule=(), exception=())  # tests/core/test_policy.py is about these
    decision = decide(facts, CATALOGUE, policy)
    bad = decision.verdict is Verdict.INELIGIBLE or (
        policy.strict and decision.verdict is not Verdict.ELIGIBLE
    )
    missing = policy.on_call == "block" and (policy.unreadable is not None or facts.unrecorded)
    expected = (bool(policy.require or facts.required) and bad) or missing
    assert (expected and decision.verdict is not Verdict.NOT_APPLICABLE) == decision.violation


@quick
@given(facts=facts_of_any_kind, policy=policies)
def test_decide_is_deterministic(facts: CallFacts, policy: Policy) -> None:
    """The same facts get the same decision, from another catalogue object too."""
    again = type(CATALOGUE)(ENTRIES)
    assert decide(facts, CATALOGUE, policy) == decide(facts, again, policy)


def _is_listed_or_configured(host: str, port: int | None, policy: Policy) -> bool:
    """Whether a host is listed or configured, found out without the code under test."""
    plain = "".join(letter.lower() if letter.isascii() else letter for letter in host)
    plain = plain.removeprefix("[").removesuffix("]") if plain[:1] == "[" and plain[-1:] == "]" else plain
    plain = plain[:-1] if plain[-1:] == "." else plain
    keys = {plain, f"{plain}:{port}", f"[{plain}]:{port}"}
    return plain in CATALOGUE.hosts or bool(keys & policy.hosts.keys())


@quick
@given(case=eligible_cases, hop=hops, first=st.booleans(), data=st.data())
def test_never_eligible_where_a_host_is_neither_listed_nor_configured(
    *, case: Case, hop: Hop, first: bool, data: st.DataObject
) -> None:
    """An otherwise eligible call stops being so when one of its hosts is unknown."""
    whole = hop._replace(scheme="https", path=case.facts.hops[0].path, host_header=None)
    case_hops = data.draw(st.sampled_from([(), case.facts.hops]))
    facts = case.facts._replace(hops=(whole, *case_hops) if first else (*case_hops, whole))
    decision = decide(facts, CATALOGUE, case.policy)
    all_listed = all(_is_listed_or_configured(each.host, each.port, case.policy) for each in facts.hops)
    assert all_listed or decision.verdict is not Verdict.ELIGIBLE


@quick
@given(case=eligible_cases, hop=hops, required=st.lists(regions, min_size=1, max_size=2))
def test_never_eligible_under_a_requirement_that_a_hop_is_outside_of(
    case: Case, hop: Hop, required: list[str]
) -> None:
    """Every hop of an eligible call is in a required region; storage once did not need the prefix."""
    policy = case.policy._replace(require=(*required, *case.policy.require))
    whole = hop._replace(scheme="https", path=case.facts.hops[0].path, host_header=None)
    decision = decide(case.facts._replace(hops=(*case.facts.hops, whole)), CATALOGUE, policy)
    inside = {*policy.require, *(("global",) if policy.scope == "storage" else ())} - {"unknown"}
    assert decision.verdict is not Verdict.ELIGIBLE or inside >= set(decision.hop_regions)


@quick
@given(facts=facts_of_any_kind, policy=policies, hop=hops)
def test_one_more_hop_never_improves_the_verdict(facts: CallFacts, policy: Policy, hop: Hop) -> None:
    """What a call did wrong stays wrong, wherever it goes afterwards."""
    assume(facts.hops)
    before = decide(facts, CATALOGUE, policy)
    after = decide(facts._replace(hops=(*facts.hops, hop)), CATALOGUE, policy)
    assert SEVERITY.get(before.verdict) == SEVERITY.get(after.verdict) or (
        SEVERITY[before.verdict] < SEVERITY[after.verdict]
    )
    assert before.violation <= after.violation


@quick
@given(
    case=cases,
    facts=facts_of_any_kind,
    policy=policies,
    policy_groups=st.one_of(st.just(()), listed_groups),
    before=st.lists(listed_groups, max_size=2),
    group=st.one_of(listed_groups, groups),
    storage=st.booleans(),
    taken=st.booleans(),
)
def test_one_more_requirement_never_improves_the_verdict(
    *,
    case: Case,
    facts: CallFacts,
    policy: Policy,
    policy_groups: tuple[str, ...],
    before: list[tuple[str, ...]],
    group: tuple[str, ...],
    storage: bool,
    taken: bool,
) -> None:
    """No violation is forgiven for what is asked besides, and no verdict improves under a requirement."""
    if taken:
        facts, policy = case.facts, case.policy
    policy = policy._replace(require=policy_groups, scope="storage" if storage else "processing")
    required = facts.required + tuple(before)
    loose = decide(facts._replace(required=required), CATALOGUE, policy)
    tight = decide(facts._replace(required=(*required, group)), CATALOGUE, policy)
    first = decide(facts._replace(required=(group, *required)), CATALOGUE, policy)
    assert loose.violation <= tight.violation
    assert (tight.violation, tight.verdict) == (first.violation, first.verdict)
    assert not loose.required or set(tight.required) <= set(loose.required)
    if (policy_groups or required) and loose.verdict is not Verdict.NOT_APPLICABLE:
        assert SEVERITY[loose.verdict] <= SEVERITY[tight.verdict]


@quick
@given(case=cases, more=features, tool=tools)
def test_one_more_finding_never_improves_the_verdict(
    case: Case, more: frozenset[str], tool: frozenset[str]
) -> None:
    """More features, more tools, a refusal or another Host header can only make it worse."""
    facts = case.facts
    before = decide(facts, CATALOGUE, case.policy)
    assume(before.verdict is not Verdict.NOT_APPLICABLE)
    # Asking for the shorter caching is the one thing that resolves a doubt.
    added = facts.features | (more - {"prompt_cache_in_memory"})
    answer = (facts.answer or Answer())._replace(refusal="incorrect_hostname")
    named = tuple(hop._replace(host_header="other.example") for hop in facts.hops)
    for worse in (
        facts._replace(features=added, tools=facts.tools | tool),
        facts._replace(answer=answer),
        facts._replace(body_unseen=True),
        facts._replace(hops=named),
    ):
        after = decide(worse, CATALOGUE, case.policy)
        assert SEVERITY[before.verdict] <= SEVERITY[after.verdict], worse


@quick
@given(case=answered_cases, more=named)
def test_one_more_value_in_an_answer_never_improves_the_verdict(case: Case, more: tuple[str, str]) -> None:
    """Another model, tier, region, upstream, provider or project can only make it worse."""
    facts, field = case.facts, more[0]
    answer = facts.answer or Answer()
    before = decide(facts, CATALOGUE, case.policy)
    after = decide(facts._replace(answer=answer._replace(also=(*answer.also, more))), CATALOGUE, case.policy)
    # A project that is named for the first time may show what is attested; a model may resolve an alias.
    doubts = {"model.alias", "model.not_stated"} & {*before.reasons}
    if (field == "project" and answer.project is None) or (field == "model" and doubts):
        return
    assert SEVERITY[before.verdict] <= SEVERITY[after.verdict]
    assert before.violation <= after.violation


@quick
@given(case=eligible_cases, name=st.sampled_from([entry.name for entry in ENTRIES.attestations]))
def test_refusing_an_attestation_never_improves_the_verdict(case: Case, name: str) -> None:
    """To deny what the contract says, or to say nothing of it, is never better than to attest it."""
    attest = {key: value for key, value in case.policy.attest.items() if key != name}
    unsaid = decide(case.facts, CATALOGUE, case.policy._replace(attest=attest))
    refused = decide(
        case.facts, CATALOGUE, case.policy._replace(attest={**attest, name: Statement(value=False)})
    )
    attested = decide(
        case.facts, CATALOGUE, case.policy._replace(attest={**attest, name: Statement(value=True)})
    )
    verdicts = [SEVERITY[decision.verdict] for decision in (attested, unsaid, refused)]
    assert sorted(verdicts) == verdicts


@quick
@given(host=listed_hosts, at=st.integers(0, 60), letter=st.characters(), kind=st.sampled_from("ird"))
def test_a_listed_host_with_one_letter_changed_is_not_listed(
    host: str, at: int, letter: str, kind: str
) -> None:
    """One letter more, less or other makes another host, unless that one is listed itself."""
    at = min(at, len(host) - 1)
    changed = host[:at] + ("" if kind == "d" else letter) + host[at + (kind != "i") :]
    same = canonical_host(changed) in CATALOGUE.hosts
    match = match_host(CATALOGUE, {}, changed, None, date(2026, 11, 20))
    assert same or match.region == "unknown"


@quick
@given(host=listed_hosts, upper=st.lists(st.booleans(), min_size=60, max_size=60), dot=st.booleans())
def test_letter_case_and_a_trailing_dot_change_nothing(*, host: str, upper: list[bool], dot: bool) -> None:
    """Names of hosts are the same in capitals, and with the dot that ends a full name."""
    written = (
        "".join(letter.upper() if up else letter for letter, up in zip(host, upper, strict=False)) + "." * dot
    )
    day = date(2026, 11, 20)
    assert match_host(CATALOGUE, {}, host, None, day) == match_host(CATALOGUE, {}, written, None, day)


@quick
@given(path=paths)
def test_the_normal_form_of_a_path_has_no_dot_segments(path: str) -> None:
    """Nothing is left in a path that a server could take for a step up."""
    assert not {".", ".."} & set(normal_path(path).split("/"))


@quick
@given(provider=st.sampled_from(["openai", "azure", "other"]), method=anything, path=anything, base=anything)
def test_any_path_can_be_looked_up(provider: str, method: str, path: str, base: str) -> None:
    """A path is an endpoint by its template or is unknown, whatever it holds."""
    match = match_endpoint(CATALOGUE, provider, method, path, base)
    assert (match.endpoint is None) == (match.template == "unknown")


@quick
@given(name=anything)
def test_looking_for_imitations_never_raises(name: str) -> None:
    """Labels that claim to be encoded and are not, and letters of all scripts, are read without failing."""
    assert lookalike_of(CATALOGUE, f"xn--{name}.{name}") is None or name
