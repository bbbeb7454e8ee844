"""The split of a text into its parts, and what is known of a corpus."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError, UnknownCharacterError
from chargen.text import encoded as encoding
from chargen.text.corpus import (
    DEFAULT_VALIDATION,
    SMALL_TEXT,
    scorable,
    vocabulary_of,
    whole,
)
from chargen.text.corpus import split as corpus_of
from chargen.text.encoded import Encoder, encode_text
from chargen.text.parts import Plain
from chargen.text.scored import WARM_UP
from chargen.text.sources import BUNDLED_CORPORA, PARTS
from chargen.text.vocabulary import MANY, RARE, Folding, Vocabulary

ALPHABET = "abcdefghijklmnopqrstuvwxyz\n"
property_of = settings(max_examples=60, deadline=None, derandomize=True)


def text(characters, name="novel.txt"):
    return encode_text(characters, name)


def split(whole, *arguments, **options):
    """The corpus of a text that is called by its file's name."""
    return corpus_of(whole, *arguments, name=whole.files[0].path, **options)


def letters(count):
    return "".join(itertools.islice(itertools.cycle(ALPHABET), count))


def decoded(corpus):
    decode = corpus.vocabulary.decode
    return decode(corpus.train.read()), decode(corpus.validation.read())


def refusal(*arguments, **options):
    with pytest.raises(TextError) as caught:
        split(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(("share", "held_out"), [(0.2, 20), (0.01, 1), (0.9, 90)])
def test_the_last_part_of_a_text_is_held_out(share, held_out):
    characters = letters(100)
    train, validation = decoded(split(text(characters), share))
    assert train == characters[:-held_out]
    assert validation == characters[-held_out:]


@pytest.mark.parametrize("share", [0, 0.0])
def test_nothing_is_held_out_for_a_share_of_zero(share):
    corpus = split(text(letters(5000)), share)
    assert decoded(corpus) == (letters(5000), "")
    assert corpus.context.size == 0


@pytest.mark.parametrize(
    ("count", "held_out"), [(SMALL_TEXT - 1, 0), (SMALL_TEXT, 200), (5000, 500)]
)
def test_a_tenth_is_held_out_unless_the_text_is_short(count, held_out):
    corpus = split(text(letters(count)), None)
    assert len(corpus.validation) == held_out
    assert len(corpus.train) == count - held_out


def test_the_parts_are_int32():
    corpus = split(text(letters(3000)), 0.1)
    for ids in (corpus.train.read(), corpus.validation.read(), corpus.context):
        assert ids.dtype == np.int32


def test_the_vocabulary_is_that_of_both_parts():
    corpus = split(text("zyzyzyzyza"), 0.1)
    assert corpus.vocabulary.characters == ("a", "y", "z")


def test_a_text_of_its_own_is_held_out_whole():
    one, other = text(letters(60)), text("cabX", "other.txt")
    corpus = split(one, other)
    assert decoded(corpus) == (letters(60), "cabX")
    assert "X" in corpus.vocabulary


def test_a_text_of_its_own_has_no_context():
    assert split(text(letters(600)), text("cab")).context.size == 0


def test_the_context_is_what_precedes_the_validation_part():
    characters = letters(1000)
    corpus = split(text(characters), 0.1)
    context = corpus.vocabulary.decode(corpus.context)
    assert context == characters[900 - WARM_UP - 1 : 900]


def test_the_context_of_a_short_text_is_all_of_the_training_part():
    corpus = split(text(letters(100)), 0.1)
    assert corpus.vocabulary.decode(corpus.context) == letters(90)


def test_a_corpus_is_called_like_its_first_file():
    assert split(text("ab", "a.txt"), text("ba", "b.txt")).name == "a.txt"


@pytest.mark.parametrize("validation", [None, 0.1, text("ab")])
def test_an_empty_text_is_refused(validation):
    assert refusal(text("", "void.txt"), validation).startswith("void.txt is empty")


@pytest.mark.parametrize("validation", [None, 0, 0.1, text("ab")])
@pytest.mark.parametrize("characters", ["a", "\n" * 500])
def test_a_text_of_one_distinct_character_is_refused(characters, validation):
    message = refusal(text(characters, "dull.txt"), validation)
    assert message.startswith("dull.txt consists of one character repeated")
    assert ascii(characters[0]) in message


def test_a_training_part_of_one_distinct_character_is_refused():
    message = refusal(text("a" * 90 + "b" * 10, "dull.txt"), 0.1)
    assert "training part of dull.txt consists of one character repeated" in message


@pytest.mark.parametrize(
    ("characters", "share"), [("ab", 0.5), ("abc", 0.9), (letters(10), 0.01)]
)
def test_a_text_that_is_too_short_to_hold_out_is_refused(characters, share):
    message = refusal(text(characters, "short.txt"), share)
    assert message.startswith(f"short.txt has {len(characters)} characters")
    assert "`validation=0`" in message


@pytest.mark.parametrize("characters", ["", "a"])
def test_a_validation_text_that_is_too_short_is_named(characters):
    message = refusal(text("abc"), text(characters, "tiny.txt"))
    assert message.startswith("the validation part is too short")


@property_of
@given(st.text("abc\n", max_size=60), st.floats(0, 1, exclude_max=True))
def test_a_split_loses_nothing_or_is_refused(characters, share):
    try:
        corpus = split(text(characters), share)
    except TextError:
        return
    assert "".join(decoded(corpus)) == characters
    assert abs(len(corpus.validation) - share * len(characters)) <= 0.5
    assert len(set(decoded(corpus)[0])) > 1
    assert (share > 0) == bool(len(corpus.validation))


def test_the_unseen_share_counts_validation_characters_that_training_lacks():
    assert split(text("ab"), text("abXaYXab")).unseen == 3 / 8


def test_nothing_is_unseen_without_a_validation_part():
    assert split(text("abc"), 0).unseen == 0.0


def test_the_commonest_character_is_that_of_the_training_part():
    assert split(text("abbc"), text("ccccc")).commonest_character == "b"


def test_the_commonest_character_is_the_lowest_of_equals():
    assert split(text("cbcbaz"), 0).commonest_character == "b"


def test_the_vocabulary_of_a_model_is_kept():
    vocabulary = Vocabulary("zba\n")
    corpus = split(text("abbab" * 10), 0.1, vocabulary)
    assert corpus.vocabulary is vocabulary
    assert decoded(corpus) == ("abbab" * 9, "abbab")
    with pytest.raises(UnknownCharacterError, match="'X'"):
        split(text("abXb"), 0, vocabulary)


@pytest.mark.parametrize(
    ("known", "advice"), [("", r"is novel\.txt a text\?"), ("ΑΒΓ", "`drop_unused=True`")]
)
def test_a_vocabulary_that_no_checkpoint_can_have_is_refused(known, advice, monkeypatch):
    monkeypatch.setattr("chargen.text.corpus.MAX_CHARACTERS", 5)
    assert len(vocabulary_of([text("abc"), text("cde")])) == 5
    with pytest.raises(
        TextError, match=f"more than the 5 that a model can have: .*{advice}"
    ):
        known = Vocabulary(known) if known else None
        vocabulary_of([text("abc"), text("defg")], known, name="novel.txt")


@pytest.mark.parametrize("characters", [" \n", "\t \n\n \u3000"])
def test_white_space_is_nothing_to_learn_from(characters):
    message = refusal(text(characters * 99, "blank.txt"), 0)
    assert message.startswith("blank.txt is all white space")


def test_where_the_text_is_kept_makes_no_difference(monkeypatch):
    one = text(letters(5000) + "é中")
    monkeypatch.setattr(encoding, "IN_MEMORY", 0)
    other = text(letters(5000) + "é中")
    assert (one.on_disk, other.on_disk) == (False, True)
    found = [split(each, 0.1, test=0.1) for each in (one, other)]
    assert found[0].vocabulary.characters == found[1].vocabulary.characters
    for name in ("train", "validation", "test"):
        ids = [getattr(corpus, name).read().tolist() for corpus in found]
        assert ids[0] == ids[1]
    for name in ("context", "test_context", "counts"):
        assert getattr(found[0], name).tolist() == getattr(found[1], name).tolist()
    assert found[0].unseen == found[1].unseen
    other.codes.close()


def test_train_validation_and_test_follow_each_other():
    characters = letters(4600)
    corpus = split(text(characters), 0.1, test=0.2)
    decode = corpus.vocabulary.decode
    found = [decode(part.read()) for part in (corpus.train, corpus.validation, corpus.test)]
    assert "".join(found) == characters
    assert [len(part) for part in found] == [3220, 460, 920]
    assert found[0].endswith(decode(corpus.context))
    assert "".join(found[:2]).endswith(decode(corpus.test_context))
    assert len(corpus.test_context) == len(corpus.context) == WARM_UP + 1


def test_characters_of_the_test_part_are_in_the_vocabulary():
    corpus = split(text("ab" * 50 + "z"), 0.1, test=0.1)
    assert corpus.vocabulary.decode(corpus.test.read()).endswith("z")
    other = split(text("ab" * 50), 0.1, test=text("yx"))
    assert other.vocabulary.decode(other.test.read()) == "yx"
    assert other.test_context.size == 0
    assert len(other.train) + len(other.validation) == 100


def test_too_little_text_for_a_test_part():
    assert "too few to hold out 0.001 of them: use `test=0`" in refusal(
        text("ab" * 50), 0.0, test=0.001
    )
    assert "`validation` and `test` leave nothing" in refusal(
        text("ab" * 50), 0.1, test=0.95
    )
    assert "the test part is too short" in refusal(text("ab" * 50), 0.0, test=text("a"))


# Directions


@pytest.mark.parametrize("shares", [(0.1, 0.2), (0.1, None), (0.0, 0.2)])
def test_the_parts_are_the_same_in_both_directions(shares):
    characters = letters(4600) + "é中"
    one, other = (
        split(text(characters), shares[0], test=shares[1], backward=backward)
        for backward in (False, True)
    )
    assert one.vocabulary.characters == other.vocabulary.characters
    assert one.counts.tolist() == other.counts.tolist()
    for part in PARTS:
        forward, backward = (getattr(corpus, part).read() for corpus in (one, other))
        assert backward.tolist() == forward[::-1].tolist()
        assert backward.dtype == np.int32


def test_the_context_of_a_backward_part_is_what_follows_it():
    characters = letters(4600)
    corpus = split(text(characters), 0.1, test=0.2, backward=True)
    decode = corpus.vocabulary.decode
    assert decode(corpus.context) == characters[3680 : 3680 + WARM_UP + 1][::-1]
    assert corpus.test_context.size == 0  # nothing follows
    short = split(text(characters), 0.9, test=0.01, backward=True)
    assert decode(short.context) == characters[-46:][::-1]
    assert split(text(characters), 0.1, backward=True).context.size == 0


def test_a_backward_text_of_its_own_is_read_from_its_end():
    corpus = split(text(letters(60)), text("cabX"), backward=True)
    assert decoded(corpus) == (letters(60)[::-1], "Xbac")
    part, context = whole(text("abc"), Vocabulary("abc"), "it", backward=True)
    assert (part.read().tolist(), context.tolist()) == ([2, 1, 0], [])


def test_what_can_be_scored_of_a_text_is_read_from_its_end():
    vocabulary = Vocabulary("abc")
    part, _, unknown = scorable(text("abXcÉa"), vocabulary, backward=True)
    assert (vocabulary.decode(part.read()), unknown) == ("acba", 2)
    part, _, unknown = scorable(text("abca"), vocabulary, backward=True)
    assert (vocabulary.decode(part.read()), unknown) == ("acba", 0)


def test_backward_items_are_in_the_parts_where_forward_ones_are():
    one, other = (
        corpus_of(listed(NAMES), 0.1, test=0.1, backward=backward)
        for backward in (False, True)
    )
    assert items_in(one) == items_in(other)
    end = other.vocabulary.end
    assert other.context.tolist() == other.test_context.tolist() == [end]
    first = items_in(other)["validation"][0]
    ids = other.validation.read(0, len(first) + 1)
    assert (other.vocabulary.decode(ids), ids[-1]) == (first[::-1], end)
    part, context = whole(listed(NAMES), other.vocabulary, "it", backward=True)
    assert other.vocabulary.decode(part.read(0, 5)) == "0a1a"
    assert context.tolist() == [end]


# Items


def listed(items, groups=None):
    """A text of items, which are their own groups unless some are given."""
    encoder = Encoder()
    for item, group in zip(items, groups or items, strict=True):
        encoder.add_item(item, group)
    return encoder.finish([])


def items_in(corpus):
    """The items of each part, by its name."""
    found = {}
    for name in PARTS:
        part = getattr(corpus, name)
        found[name] = [*part.texts(labelled=False)] if len(part) else []
    return found


NAMES = [f"{letter}{number}" for letter in "abcdefgh" for number in range(100)]


def test_each_item_is_in_one_part():
    found = items_in(corpus_of(listed(NAMES), 0.1, test=0.2))
    assert sorted(itertools.chain(*found.values())) == sorted(NAMES)
    assert 40 < len(found["validation"]) < 130
    assert 100 < len(found["test"]) < 220
    for items in found.values():
        assert items == [name for name in NAMES if name in items]  # in their order


def test_the_order_of_the_items_decides_nothing():
    one = items_in(corpus_of(listed(NAMES), 0.1, test=0.1))
    turned = [*reversed(NAMES[400:]), *NAMES[:400]]
    other = items_in(corpus_of(listed(turned), 0.1, test=0.1))
    for part in PARTS:
        assert sorted(one[part]) == sorted(other[part])


def test_new_items_leave_the_old_ones_where_they_are():
    one = items_in(corpus_of(listed(NAMES), 0.1))
    other = items_in(corpus_of(listed([*NAMES, "new", "newer"]), 0.1))
    assert set(one["train"]) <= set(other["train"])
    assert set(one["validation"]) <= set(other["validation"])


def test_duplicates_are_on_one_side():
    found = items_in(corpus_of(listed(NAMES * 3), 0.1, test=0.1))
    for part in PARTS:
        assert all(found[part].count(item) == 3 for item in found[part])


def test_groups_are_on_one_side():
    groups = [name[0] + name[-1] for name in NAMES]  # 80 groups of ten
    found = items_in(corpus_of(listed(NAMES, groups), 0.2))
    sides = [{item[0] + item[-1] for item in found[part]} for part in PARTS[:2]]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_common_initials_of_a_sorted_list_are_in_both_parts():
    lines = (BUNDLED_CORPORA / "minerals.txt").read_text("utf-8").splitlines()
    found = items_in(corpus_of(listed(sorted(lines)), 0.1))
    initials = [line[0] for line in lines]
    common = {c for c in initials if initials.count(c) >= 0.04 * len(initials)}
    assert len(common) == 9  # which two thirds of the names begin with
    for part in ("train", "validation"):
        assert common <= {item[0] for item in found[part]}


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_there_is_an_item_on_each_side(count, share):
    found = items_in(corpus_of(listed([f"item {n}" for n in range(count)]), share))
    assert found["train"] and found["validation"]
    assert len(found["train"]) + len(found["validation"]) == count


def test_a_tenth_of_the_items_is_held_out_unless_they_are_few():
    corpus = corpus_of(listed(NAMES[:80]), None)
    assert items_in(corpus)["validation"] == []
    found = items_in(corpus_of(listed(NAMES), None))
    assert found == items_in(corpus_of(listed(NAMES), DEFAULT_VALIDATION))
    assert found["validation"]


def test_one_item_is_learned_whole():
    found = items_in(corpus_of(listed(["one long item " * 500]), None))
    assert len(found["train"]) == 1
    assert found["validation"] == []


def test_one_item_cannot_be_divided():
    with pytest.raises(TextError, match=r"1 item, too few .* use `validation=0`"):
        corpus_of(listed(["one item"]), 0.1)
    with pytest.raises(TextError, match="1 item, too few"):
        corpus_of(listed(["one item"] * 20), 0.1)  # all of them alike


def test_no_items_are_nothing_to_learn_from():
    with pytest.raises(TextError, match=r"names\.txt is empty"):
        corpus_of(listed([]), None, name="names.txt")


def test_counts_of_items_are_those_of_the_training_part():
    corpus = corpus_of(listed(NAMES), 0.1)
    items = items_in(corpus)["train"]
    counts = dict(zip(corpus.vocabulary.characters, corpus.counts, strict=False))
    assert counts == {c: "".join(items).count(c) for c in corpus.vocabulary.characters}
    assert corpus.counts[corpus.vocabulary.end] == len(items)


def test_before_items_stands_an_end_mark():
    corpus = corpus_of(listed(NAMES), 0.1, test=0.1)
    end = [corpus.vocabulary.end]
    assert corpus.context.tolist() == corpus.test_context.tolist() == end
    part, context = whole(listed(["ab", "c"]), Vocabulary("abc", end=True), "it")
    assert (part.read().tolist(), context.tolist()) == ([0, 1, 3, 2, 3], [3])


def test_items_of_their_own_are_held_out_whole():
    corpus = corpus_of(listed(NAMES), listed(["X1", "Y2"]))
    assert items_in(corpus)["validation"] == ["X1", "Y2"]
    assert len(items_in(corpus)["train"]) == len(NAMES)
    assert {"X", "Y"} <= set(corpus.vocabulary.characters)
    assert corpus.context.tolist() == [corpus.vocabulary.end]


def test_items_are_no_text_for_a_model_without_an_end_mark():
    with pytest.raises(TextError, match="made of items, and the model has no end mark"):
        corpus_of(listed(["ab", "ba"]), 0, Vocabulary("ab"))


# Rare characters


def kept(counts, **options):
    return np.flatnonzero(Folding(**options).kept(np.array(counts))).tolist()


COMMON = [1_000_000, *[RARE] * MANY]


def test_few_characters_are_all_kept():
    assert kept([10**6] * 10 + [1] * 10) == list(range(20))
    assert kept([10**6, *[1] * (MANY - 1)]) == list(range(MANY))


def test_rare_ones_of_many_are_folded():
    counts = [*COMMON, RARE - 1, 1, RARE]
    assert kept(counts) == [*range(MANY + 1), MANY + 3]


def test_rare_ones_are_kept_where_they_are_a_thousandth_of_the_text():
    rare = [1] * 1_011  # of a text of 1,011,011
    assert kept([*COMMON, *rare]) == list(range(MANY + 1))
    assert kept([*COMMON, *rare, 1]) == list(range(MANY + 1 + 1_012))


@pytest.mark.parametrize(
    ("least", "expected"),
    [(1, [0, 1, 2, 3]), (2, [0, 1, 2]), (3, [0, 2]), (6, [])],
)
def test_the_least_count_can_be_given(least, expected):
    assert kept([5, 2, 3, 1], min_count=least) == expected


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, [1]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])],
)
def test_how_many_are_kept_can_be_given(most, expected):
    """Of equally common ones, the first by code point are kept."""
    assert kept([3, 5, 3, 3], max_vocabulary=most) == expected


def test_a_bound_by_number_takes_the_place_of_the_default():
    counts = [*COMMON, 1, 1]
    assert kept(counts, max_vocabulary=len(counts)) == list(range(len(counts)))
    assert kept(counts, max_vocabulary=len(counts), min_count=2) == kept(COMMON)


def test_both_bounds_hold():
    assert kept([9, 8, 7, 1], min_count=2, max_vocabulary=2) == [0, 1]
    assert kept([9, 1, 1, 1], min_count=2, max_vocabulary=2) == [0]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "1"])
@pytest.mark.parametrize("name", ["min_count", "max_vocabulary"])
def test_a_bound_is_a_whole_number(name, wrong):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number"):
        Folding(**{name: wrong})


def folded(characters, validation=0, **options):
    return split(text(characters), validation, folding=Folding(**options))


def test_rare_characters_become_the_mark_for_unknown_ones():
    corpus = folded("abababXabYabZab", min_count=2)
    assert corpus.vocabulary.characters == ("a", "b")
    unknown = corpus.vocabulary.unknown
    ids = corpus.train.read().tolist()
    assert [i for i, place in enumerate(ids) if place == unknown] == [6, 9, 12]
    assert corpus.counts.tolist() == [6, 6, 3]
    assert corpus.folded == 3 / 15


def test_there_is_no_mark_where_nothing_is_folded():
    corpus = folded("abcabc", min_count=2)
    assert corpus.vocabulary.unknown is None
    assert corpus.folded == 0.0
    assert split(text("abc"), 0).vocabulary.unknown is None


def test_what_is_folded_is_counted_over_all_parts():
    one, other = text("ab" * 10 + "X"), text("XaY" + "ba" * 5)
    corpus = corpus_of(one, other, folding=Folding(min_count=2))
    assert corpus.vocabulary.characters == ("X", "a", "b")
    assert corpus.folded == 1 / 34


def test_a_mark_that_training_never_saw_is_unseen():
    corpus = folded("ab" * 45 + "XabYababab", 0.1, min_count=2)
    assert corpus.unseen == pytest.approx(2 / 10)


def test_end_marks_are_neither_folded_nor_counted_as_characters():
    corpus = corpus_of(listed(["ab" * 9, "ba" * 9]), 0, folding=Folding(min_count=3))
    assert corpus.vocabulary.end == 2
    assert corpus.vocabulary.unknown is None
    assert corpus.train.read()[-1] == 2


def test_too_few_characters_may_be_left():
    with pytest.raises(TextError, match=r"fewer than two characters .*`min_count`"):
        folded("aabbcc", min_count=9)
    with pytest.raises(TextError, match="`max_vocabulary`"):
        folded("aabbcc", max_vocabulary=1)
    assert len(folded("aabbcc", max_vocabulary=2).vocabulary) == 3


def test_the_characters_of_another_model_stay():
    known = Vocabulary("zyx", unknown=True)
    found = vocabulary_of([text("aabX")], known, folding=Folding(min_count=2))
    assert found.characters == ("a", "x", "y", "z")
    assert found.unknown == 4
    assert vocabulary_of([text("ab")], known).unknown is not None
    assert vocabulary_of([text("ab")], Vocabulary("zyx")).unknown is None


def test_the_vocabulary_of_items_has_an_end_mark():
    assert vocabulary_of([text("ab")]).end is None
    assert vocabulary_of([text("ab"), listed(["c"])]).end == 3


# What any model is scored on


def test_unknown_characters_are_left_out():
    part, context, unknown = scorable(text("aXbYYa"), Vocabulary("ab"))
    assert (part.read().tolist(), context.tolist(), unknown) == ([0, 1, 0], [], 3)
    assert part.read().dtype == np.int32


def test_unknown_characters_are_marked_where_there_is_a_mark():
    part, _, unknown = scorable(text("aXbYYa"), Vocabulary("ab", unknown=True))
    assert (part.read().tolist(), unknown) == ([0, 2, 1, 2, 2, 0], 3)


def test_unknown_characters_of_items_are_left_out():
    vocabulary = Vocabulary("ab", end=True)
    part, context, unknown = scorable(listed(["aXb", "YY", "b"]), vocabulary)
    assert part.read().tolist() == [0, 1, 2, 2, 1, 2]
    assert (context.tolist(), unknown) == ([2], 3)


def test_items_are_no_items_to_a_model_without_an_end_mark():
    part, context, unknown = scorable(listed(["ab", "ba"]), Vocabulary("ab"))
    assert part.read().tolist() == [0, 1, 1, 0]
    assert (context.tolist(), unknown) == ([], 0)


@pytest.mark.parametrize("characters", ["", "X", "XYZ"])
def test_nothing_that_is_known_is_nothing(characters):
    part, _, unknown = scorable(text(characters), Vocabulary("ab"))
    assert (len(part), unknown) == (0, len(characters))


def test_a_text_that_is_known_throughout_is_not_copied():
    part, _, _ = scorable(text("abab"), Vocabulary("abc"))
    assert not isinstance(part, Plain)
    assert part.read().tolist() == [0, 1, 0, 1]
