"""What changes the odds of the next character, beside plain references; its extremes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import UnknownCharacterError
from chargen.sampling import rules
from chargen.sampling.draft import HISTORY
from chargen.sampling.draw import draw
from chargen.sampling.options import Sampling
from chargen.sampling.rules import Chain, log_softmax
from chargen.text.policy import TextPolicy
from chargen.text.vocabulary import Vocabulary

INF = math.inf
LARGEST = 1 - 2.0**-53  # the largest uniform number below 1
NAMES = ("dry", "temperature", "top_k", "top_p", "min_p", "typical_p")
EXTREMES = [3.4e38, -3.4e38, 1e-45, 0.0, 1.0]
LOGIT = st.floats(-1e30, 1e30) | st.floats(-9, 9) | st.sampled_from(EXTREMES)
SHARES = st.floats(0, 1, exclude_min=True) | st.sampled_from([5e-324, 0.5, LARGEST, 1])
wild = settings(max_examples=60, deadline=None, derandomize=True)


def shifted(values):
    """Log-probabilities of one text as rules take them, (1, V)."""
    return np.array([values], float) - max(values)


def kept(found):
    """Which characters of one text are left."""
    return np.flatnonzero(found[0] > -INF).tolist()


def random_rows(count, size, seed=0):
    """Logits of several texts, of which some are equal; float32 (B, V)."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (count, size))
    logits[::2] = logits[::2].round()
    return logits.astype(np.float32)


def chain_of(size, **options):
    """The rules that are asked for and no other, for V characters without a newline."""
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(size)])
    return Chain(Sampling(**{"temperature": 1, **options}), vocabulary, TextPolicy())


# --- plain references, for one text -------------------------------------------------------


def odds_of(row):
    exponentials = [math.exp(a - max(row)) for a in row]
    return [a / math.fsum(exponentials) for a in exponentials]


def only(row, places):
    return [a if i in places else -INF for i, a in enumerate(row)]


def by_odds(row):
    """All ids, the likeliest first, the lowest first of equals."""
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


def until(row, order, share):
    """The first of some ids that together have a probability."""
    odds, total = odds_of(row), 0.0
    for count, i in enumerate(order, 1):
        total += odds[i]
        if total >= share:
            return order[:count]
    return order


def plain_dry(row, ids, value, breaker=None):
    longest = {}
    ids = list(ids)[-10_000:]
    for end in range(len(ids) - 1):
        length = 0
        while length <= end and ids[end - length] == ids[-1 - length] != breaker:
            length += 1
        longest[ids[end + 1]] = max(longest.get(ids[end + 1], 0), length)
    found = list(row)
    for i, length in longest.items():
        if length >= value:
            more = min(length - value, rules.DRY_MOST)
            found[i] -= rules.DRY_STRENGTH * rules.DRY_BASE**more
    return found


def plain_temperature(row, ids, value):
    if value == 0:
        return only([0.0] * len(row), by_odds(row)[:1])
    return [(a - max(row)) / value for a in row]


def plain_top_k(row, ids, value):
    return only(row, by_odds(row)[:value])


def plain_top_p(row, ids, value):
    return only(row, until(row, by_odds(row), value))


def plain_min_p(row, ids, value):
    return only(row, [i for i, a in enumerate(row) if math.exp(a - max(row)) >= value])


def plain_typical_p(row, ids, value):
    odds = odds_of(row)
    entropy = -math.fsum(p * math.log(p) for p in odds if p)
    distance = [abs(-math.log(p) - entropy) if p else INF for p in odds]
    order = sorted(range(len(row)), key=lambda i: (distance[i], i))
    return only(row, until(row, order, value))


PLAIN = {name: globals()[f"plain_{name}"] for name in NAMES}
RANDOM = {  # values that change something, by an even number
    "dry": lambda u: 1 + int(u * 5),
    "temperature": lambda u: 0.2 + 2 * u,
    "top_k": lambda u: 1 + int(u * 7),
    "top_p": lambda u: 0.05 + 0.9 * u,
    "min_p": lambda u: 0.001 + 0.5 * u,
    "typical_p": lambda u: 0.05 + 0.9 * u,
}


def random_case(seed):
    """Logits of one text, distinct so that rounding decides nothing, ids, and a number."""
    random = np.random.default_rng(seed)
    size = int(random.choice([1, 2, 5, 9]))
    logits = random.normal(0, random.choice([0.3, 2, 8]), size).astype(np.float32)
    ids = np.tile(random.integers(0, min(size, 3), 7), 9)[: int(random.integers(0, 40))]
    return logits, ids.tolist(), float(random.random())


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_does_what_its_plain_reference_does(name):
    rule, changed = dict(rules.RULES)[name], 0
    for seed in range(120):
        logits, ids, uniform = random_case(seed)
        value, row = RANDOM[name](uniform), logits.tolist()
        before = shifted(row)
        found, expected = rule(before, [ids], value), PLAIN[name](row, ids, value)
        np.testing.assert_allclose(found, shifted(expected), rtol=1e-9, atol=1e-9)
        changed += bool((found != before).any())
    assert changed > 25


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 2, 65])
def test_texts_side_by_side_are_changed_as_each_alone(name, size):
    rule = dict(rules.RULES)[name]
    logits = random_rows(6, size).astype(float)
    logits -= logits.max(axis=-1, keepdims=True)
    history = [[i % 3 % size for i in range(n)] for n in (0, 1, 9, 30, 31, 32)]
    for uniform in (0.0, 0.5, 0.99):
        value = RANDOM[name](uniform)
        together = rule(logits, history, value)
        assert together.shape == (6, size)
        for row, alone, ids in zip(together, logits, history, strict=True):
            np.testing.assert_array_equal(row, rule(alone[None], [ids], value)[0])


@pytest.mark.parametrize("name", NAMES)
def test_no_rule_changes_its_argument(name):
    before = shifted([1.0, 3.0, 2.0, 3.0])
    found = dict(rules.RULES)[name](before, [[1, 1, 1, 1]], RANDOM[name](0.3))
    assert before.tolist() == [[-2.0, 0.0, -1.0, 0.0]]
    assert found.max() == 0


def test_log_softmax_is_the_logarithm_of_the_softmax():
    logits = np.array([[0.5, -1.0, 3.0], [1000.0, 999.0, -1000.0]], np.float32)
    for found, row in zip(log_softmax(logits), logits.tolist(), strict=True):
        total = math.fsum(math.exp(a - max(row)) for a in row)
        expected = [a - max(row) - math.log(total) for a in row]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        assert found.dtype == np.float64
    assert logits.tolist() == [[0.5, -1.0, 3.0], [1000.0, 999.0, -1000.0]]


# --- repetitions --------------------------------------------------------------------------


def penalties(ids, allowed, breaker=None, size=6):
    """What each character loses, where the likeliest loses nothing."""
    before = np.zeros((1, size))
    before[0, :-1] = -1e-3  # the last id is the likeliest and not in any text
    found = rules.dry(before, [ids], allowed, breaker)
    return {i: float(before[0, i] - a) for i, a in enumerate(found[0]) if a != before[0, i]}


def loss(more):
    return pytest.approx(rules.DRY_STRENGTH * rules.DRY_BASE**more)


def test_what_continues_a_repetition_that_is_long_enough_loses():
    text = [0, 1, 2, 3, 0, 1, 2]  # "012" was followed by 3
    assert penalties(text, 4) == {}
    assert penalties(text, 3) == {3: loss(0)}
    assert penalties(text, 2) == {3: loss(1)}


def test_a_longer_repetition_counts_more():
    assert penalties([0, 1, 2, 3, 4, 0, 1, 2, 3], 2) == {4: loss(2)}


def test_of_several_repetitions_the_longest_counts():
    # "12" was followed by 3, and as a part of "012" by 3 and by 4.
    text = [0, 1, 2, 4, 5, 1, 2, 3, 0, 1, 2, 3, 5, 0, 1, 2]
    assert penalties(text, 2, size=7) == {4: loss(1), 3: loss(1)}
    assert penalties([1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2], 2) == {3: loss(1)}


def test_a_repetition_may_overlap_itself():
    assert penalties([1] * 10, 4) == {1: loss(5)}


def test_a_breaker_ends_repetitions():
    text = [0, 1, 2, 9, 3, 4, 0, 1, 2, 9, 3]
    assert penalties(text, 2, size=11) == {4: loss(3)}
    assert penalties(text, 2, breaker=9, size=11) == {}
    assert penalties(text, 1, breaker=9, size=11) == {4: loss(0)}
    assert penalties([*text, 9], 1, breaker=9, size=11) == {}


def test_only_the_last_ten_thousand_characters_matter():
    part = [0, 1, 2, 3]
    for apart, found in ((9_993, {3: loss(0)}), (9_994, {})):
        assert penalties([*part, *[4] * apart, *part[:3]], 3) == found
    assert HISTORY >= rules.DRY_WINDOW  # that many are kept


def test_beyond_a_bound_length_changes_nothing():
    least = penalties([1] * (rules.DRY_MOST + 20), 4)
    assert least == penalties([1] * 900, 4) == {1: loss(rules.DRY_MOST)}


@pytest.mark.parametrize("ids", [[], [1], [1, 1], [2, 1]])
def test_a_short_text_repeats_nothing(ids):
    assert penalties(ids, 2) == {}


def test_a_repetition_may_be_all_that_is_left():
    # Whatever it loses, the only character that is allowed stays the likeliest.
    chain = chain_of(3, dry=1, temperature=0.1)
    masked = np.array([[True, False, False]])
    found = chain.apply(np.zeros((1, 3), np.float32), [[0] * 500], masked)
    assert found.tolist() == [[0, -INF, -INF]]
    assert draw(found, [LARGEST]).tolist() == [0]


# --- temperature --------------------------------------------------------------------------


def test_temperature_divides():
    assert rules.temperature(shifted([1, 3, 2]), [[]], 0.5).tolist() == [[-4, 0, -2]]


@pytest.mark.parametrize(
    ("logits", "likeliest"), [([0, 2, 1], 1), ([0, 2, 2, 2], 1), ([2, 2, 0], 0), ([5], 0)]
)
@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_temperature_zero_leaves_the_lowest_of_the_likeliest(logits, likeliest, zero):
    found = rules.temperature(shifted(logits), [[]], zero)
    assert kept(found) == [likeliest]
    assert found[0, likeliest] == 0


@wild
@given(st.lists(LOGIT, min_size=1, max_size=8), st.floats(0, 1e308))
def test_any_temperature_keeps_the_likeliest_at_zero(logits, value):
    found = chain_of(len(logits), temperature=value).apply(np.float32([logits]), [[]])[0]
    likeliest = np.float32(logits) == max(np.float32(logits))
    assert not np.isnan(found).any()
    if value:
        assert np.isfinite(found).all()
        assert (found[likeliest] == 0).all()
    else:
        assert kept([found]) == [likeliest.argmax()]


# --- the likeliest ------------------------------------------------------------------------


def test_of_equals_top_k_leaves_the_lowest():
    assert kept(rules.top_k(shifted([1, 2, 2, 0, 2]), [[]], 2)) == [1, 2]
    assert kept(rules.top_k(shifted([1, 1, 2, 1, 0]), [[]], 3)) == [0, 1, 2]
    assert kept(rules.top_k(np.zeros((1, 65)), [[]], 64)) == list(range(64))


@pytest.mark.parametrize("count", [5, 6, 10**30])
def test_top_k_of_at_least_all_leaves_all(count):
    assert kept(rules.top_k(shifted([1, 2, 2, 0, 2]), [[]], count)) == [0, 1, 2, 3, 4]


def test_what_is_impossible_stays_so_where_fewer_than_k_are_left():
    before = shifted([-INF, 1, -INF, 0, -INF])
    for count in (1, 2, 3, 4):
        found = rules.top_k(before, [[]], count)
        assert kept(found) == [1, 3][:count]


def test_top_p_leaves_the_character_that_reaches_the_share_and_none_after_it():
    quarters = np.log([[0.25, 0.5, 0.125, 0.125]])
    quarters -= quarters.max()
    for share, expected in [
        (1e-9, [1]),
        (0.5, [1]),
        (math.nextafter(0.5, 1), [0, 1]),
        (0.75, [0, 1]),
        (0.76, [0, 1, 2]),  # of equals, the lowest
        (0.875, [0, 1, 2]),
        (0.876, [0, 1, 2, 3]),
        (LARGEST, [0, 1, 2, 3]),
        (1, [0, 1, 2, 3]),
    ]:
        assert kept(rules.top_p(quarters, [[]], share)) == expected
        pair = rules.top_p(np.concatenate([quarters, quarters]), [[]] * 2, share)
        assert kept(pair[1:]) == expected


@pytest.mark.parametrize("share", [LARGEST, 1])
def test_top_p_never_leaves_what_is_impossible(share):
    before = shifted([-INF, 1, -INF, 0, -800])
    assert set(kept(rules.top_p(before, [[]], share))) <= {1, 3, 4}
    assert {1, 3} <= set(kept(rules.top_p(before, [[]], share)))


@wild
@given(st.lists(LOGIT, min_size=1, max_size=8), SHARES)
def test_top_p_leaves_the_likeliest_until_the_share_is_reached(logits, share):
    row = shifted(np.float32(logits).astype(float))
    found = kept(rules.top_p(row, [[]], share))
    order, odds = by_odds(row[0].tolist()), odds_of(row[0].tolist())
    assert found == sorted(order[: len(found)])
    if share < 1:
        sums = list(itertools.accumulate(odds[i] for i in order))
        assert sums[len(found) - 1] >= share * (1 - 1e-12)
        assert len(found) == 1 or sums[len(found) - 2] < share * (1 + 1e-12)


def test_min_p_compares_with_the_likeliest():
    halves = np.log([[0.25, 0.5, 0.125, 0.125]]) - math.log(0.5)
    assert kept(rules.min_p(halves, [[]], 0.5)) == [0, 1]
    assert kept(rules.min_p(halves, [[]], 0.51)) == [1]
    assert kept(rules.min_p(halves, [[]], 0.25)) == [0, 1, 2, 3]
    assert kept(rules.min_p(shifted([3, 1, 3]), [[]], 1)) == [0, 2]
    assert kept(rules.min_p(shifted([3, -700, -INF]), [[]], 5e-324)) == [0, 1]
    assert kept(rules.min_p(shifted([3, -800, -INF]), [[]], 0)) == [0, 1]


# --- typical characters -------------------------------------------------------------------


def test_the_likeliest_may_not_be_typical():
    row = np.log([[0.4] + [0.06] * 10])  # -ln p is 0.92 and 2.81; the entropy is 2.05
    found = rules.typical_p(row - row.max(), [[]], 0.29)
    assert kept(found) == [1, 2, 3, 4, 5]
    assert found.max() == 0
    row = np.log([[0.1, 0.1, 0.6, 0.1, 0.1]])  # 2.30 and 0.51; the entropy is 1.23
    assert kept(rules.typical_p(row - row.max(), [[]], 0.59)) == [2]


def test_all_may_be_needed_for_the_share():
    assert kept(rules.typical_p(shifted([0, 0]), [[]], 0.9)) == [0, 1]
    assert kept(rules.typical_p(shifted([0, 0, 0]), [[]], 0.9)) == [0, 1, 2]
    assert kept(rules.typical_p(shifted([0, 0, 0]), [[]], 1)) == [0, 1, 2]


def test_of_equally_typical_characters_the_lowest_stay():
    assert kept(rules.typical_p(shifted([0, 0, 0, 0]), [[]], 0.5)) == [0, 1]


def test_what_is_impossible_is_not_typical():
    found = rules.typical_p(shifted([-INF, 2, -INF, 1, -900]), [[]], LARGEST)
    assert {1, 3} <= set(kept(found)) <= {1, 3, 4}


# --- the chain ----------------------------------------------------------------------------


def test_every_rule_has_a_field_and_the_order_is_fixed():
    assert tuple(name for name, _ in rules.RULES) == NAMES
    assert all(hasattr(Sampling(), name) for name in NAMES)


LOOP = [1, 3, 5, 1, 3, 5, 1, 3, 5]
CHOSEN = {  # masked and biased are ids below 12
    "mask": {0, 10},
    "bias": {0: 9.0, 2: 1.5, 4: -2.0},
    "dry": 2,
    "temperature": 0.6,
    "top_k": 6,
    "top_p": 0.85,
    "min_p": 0.1,
    "typical_p": 0.6,
}
INDIFFERENT = [  # sums; an order of the likeliest that stays; two beginnings of it
    {"mask", "bias"},
    {"mask", "dry"},
    {"bias", "dry"},
    {"mask", "temperature"},
    {"temperature", "top_k"},
    {"top_k", "min_p"},
]


def plainly(logits, names):
    """Probabilities after some of what was chosen, in an order, for one text."""
    row = logits.tolist()
    for name in names:
        if name == "mask":
            row = [-INF if i in CHOSEN["mask"] else a for i, a in enumerate(row)]
        elif name == "bias":
            row = [a + CHOSEN["bias"].get(i, 0) for i, a in enumerate(row)]
        else:
            row = PLAIN[name](row, LOOP, CHOSEN[name])
    return np.array(odds_of(row))


def chained(logits, names):
    """The same by a chain, which chooses the order."""
    options, allowed = {name: CHOSEN[name] for name in names}, None
    if options.pop("mask", None):
        options["forbid"], allowed = chr(0x4E00), np.ones((1, 12), bool)
        allowed[0, 10] = False
    if "bias" in options:
        options["bias"] = {chr(0x4E00 + i): a for i, a in CHOSEN["bias"].items()}
    made = np.exp(chain_of(12, **options).apply(logits[None], [LOOP], allowed)[0])
    return made / made.sum()


@pytest.mark.parametrize("pair", [*itertools.combinations(CHOSEN, 2)], ids="-".join)
def test_of_two_rules_the_first_is_applied_first(pair):
    told = 0
    for seed in range(25):
        logits = np.random.default_rng(seed).normal(0, 1.5, 12).astype(np.float32)
        np.testing.assert_allclose(chained(logits, pair), plainly(logits, pair), atol=1e-12)
        told += not np.allclose(plainly(logits, pair[::-1]), plainly(logits, pair))
    assert (told > 0) == (set(pair) not in INDIFFERENT)


def test_all_rules_together_do_what_their_plain_references_do():
    for seed in range(100):
        logits = np.random.default_rng(seed).normal(0, 2, 12).astype(np.float32)
        found, expected = chained(logits, CHOSEN), plainly(logits, CHOSEN)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_rule_is_left_out_unless_its_field_is_set(monkeypatch):
    told = []

    def spy(name):
        return lambda found, history, value: told.append((name, value)) or found

    monkeypatch.setattr(rules, "RULES", tuple((name, spy(name)) for name in NAMES))
    logits = np.zeros((1, 3), np.float32)
    chain_of(3).apply(logits, [[]])
    assert told == [("temperature", 1)]
    told.clear()
    chain_of(3, temperature=0, min_p=0.0, top_k=2, typical_p=0.5).apply(logits, [[]])
    assert told == [("temperature", 0), ("top_k", 2), ("min_p", 0.0), ("typical_p", 0.5)]


def test_temperature_alone_shifts_and_divides():
    found = chain_of(3, temperature=0.5).apply(np.float32([[1, 3, 2]]), [[]])
    assert found.dtype == np.float64
    assert found.tolist() == [[-4, 0, -2]]


@pytest.mark.parametrize("options", [{}, {"typical_p": 0.7, "top_p": 0.9, "dry": 1}])
def test_rows_are_the_same_bits_alone_together_and_in_any_layout(options):
    logits = random_rows(7, 65, seed=3)
    chain, history = chain_of(65, **options), [[1] * i for i in range(7)]
    together = chain.apply(logits, history)
    np.testing.assert_array_equal(chain.apply(np.asfortranarray(logits), history), together)
    for i in range(7):
        alone = chain.apply(logits[i : i + 1], history[i : i + 1])
        np.testing.assert_array_equal(alone[0], together[i])


def test_a_chain_changes_neither_logits_nor_mask():
    logits, allowed = np.float32([[1, 3, 2]]), np.array([[True, False, True]])
    found = chain_of(3, bias={"一": 2}).apply(logits, [[]], allowed)
    assert found.tolist() == [[0, -INF, -1]]
    assert logits.tolist() == [[1, 3, 2]]
    assert allowed.tolist() == [[True, False, True]]


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 5e-324, 1e-9, 0.8, 1.0, 1e6, 1e308]),
        "top_k": st.integers(1, 9),
        "top_p": SHARES,
        "min_p": SHARES | st.just(0),
        "typical_p": SHARES,
        "dry": st.integers(1, 5),
        "bias": st.dictionaries(
            st.sampled_from("abcdefgh"),
            st.sampled_from([1.7e308, -1.7e308, 1e30, -3.0, 2.0, 1e-300]),
        ),
        "forbid": st.text("abcdefgX", max_size=5),
    },
)


@wild
@given(
    st.lists(st.lists(LOGIT, min_size=8, max_size=8), min_size=1, max_size=3),
    st.lists(st.integers(0, 7), max_size=30),
    LIMITS,
    st.sets(st.integers(0, 7)),
)
def test_after_any_chain_there_is_something_to_draw_and_nothing_forbidden(
    logits, ids, options, masked
):
    chain = Chain(Sampling(**options), Vocabulary("abcdefgh"), TextPolicy())
    allowed = np.ones((len(logits), 8), bool)
    allowed[0, list(masked)] = False
    allowed[0, 7] |= not (allowed[0] & ~chain.forbidden).any()
    found = chain.apply(np.float32(logits), [ids] * len(logits), allowed)
    assert (found.max(axis=-1) == 0).all()
    odds = np.exp(found)
    np.testing.assert_allclose((odds / odds.sum(axis=-1)[:, None]).sum(axis=-1), 1)
    assert (odds[chain.forbidden[None] | ~allowed] == 0).all()
    for uniform in (0.0, 0.5, LARGEST):
        for row, i in enumerate(draw(found, [uniform] * len(logits))):
            assert odds[row, i] > 0


# --- mask and bias ------------------------------------------------------------------------


def prepared_chain(characters="\nabé", policy=None, *, end=False, unknown=False, **options):
    vocabulary = Vocabulary(characters, end=end, unknown=unknown)
    given = Sampling(**{"temperature": 1, **options})
    return Chain(given, vocabulary, policy or TextPolicy())


def test_forbidden_characters_and_the_mark_for_unknown_ones_are_not_drawn():
    chain = prepared_chain(forbid="bx\n", end=True, unknown=True)
    assert chain.forbidden.tolist() == [True, False, True, False, False, True]
    logits = np.float32([[9, 1, 9, 2, 3, 9]])
    assert chain.apply(logits, [[]]).tolist() == [[-INF, -2, -INF, -1, 0, -INF]]


def test_forbidden_characters_are_prepared_as_the_corpus_was():
    policy = TextPolicy(newlines="any", normalize="nfc", lowercase=True)
    assert prepared_chain(forbid="B\r", policy=policy).forbidden.tolist() == [1, 0, 1, 0]
    assert prepared_chain(forbid="E\u0301", policy=policy).forbidden.tolist() == [
        0,
        0,
        0,
        1,
    ]


def test_one_character_must_be_left():
    assert prepared_chain(forbid="\nab").forbidden.sum() == 3
    for end in (False, True):
        with pytest.raises(ValueError, match="`forbid` leaves no character to write"):
            prepared_chain(forbid="\nabé", end=end, unknown=True)


def test_a_bias_is_added_to_the_logit():
    chain = prepared_chain(bias={"a": 2.5, "é": -1})
    assert chain.apply(np.float32([[0, 1, 2, 3]]), [[]]).tolist() == [[-3.5, 0, -1.5, -1.5]]


def test_biased_characters_are_prepared_as_the_corpus_was():
    policy = TextPolicy(lowercase=True, normalize="nfkc")
    chain = prepared_chain("fia", policy, bias={"A": 1, "a": 2, "ﬁ": 5})
    assert chain.apply(np.float32([[0, 0, 0]]), [[]]).tolist() == [[0, 0, -2]]


@pytest.mark.parametrize("unknown", [False, True])
def test_a_bias_of_an_unknown_character_is_an_error(unknown):
    with pytest.raises(UnknownCharacterError, match=r"`bias` has a character .*\n +'x'"):
        prepared_chain(bias={"x": 1}, unknown=unknown)


def test_a_bias_makes_nothing_possible_that_is_forbidden():
    chain = prepared_chain(forbid="a", bias={"a": 1e308})
    assert kept(chain.apply(np.float32([[0, 0, 0, 0]]), [[]])) == [0, 2, 3]


def test_a_huge_bias_decides():
    logits = np.float32([[3e38, -3e38, 0, 1]])
    chain = prepared_chain("abcd", bias={"b": 1.7e308}, temperature=1e-200)
    assert np.exp(chain.apply(logits, [[]])).tolist() == [[0, 1, 0, 0]]
    chain = prepared_chain("abcd", bias={"a": -1.7e308, "d": -1.7e308})
    assert np.exp(chain.apply(logits, [[]])).argmax() == 2
    policy = TextPolicy(lowercase=True)
    chain = prepared_chain("abcd", policy, bias={"a": 1.7e308, "A": 1.7e308})
    assert np.exp(chain.apply(logits, [[]])).tolist() == [[1, 0, 0, 0]]


def test_a_newline_ends_repetitions():
    text, logits = [0, 1, 2, 3, 0, 1, 2], np.zeros((1, 4), np.float32)
    assert prepared_chain("abcd", dry=3).apply(logits, [text])[0, 3] < 0
    assert prepared_chain("ab\nd", dry=3).apply(logits, [text])[0, 3] == 0
    assert prepared_chain("\nbcd", dry=2).apply(logits, [text])[0, 3] < 0
