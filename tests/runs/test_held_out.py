"""The parts of a run's texts: found again by hash, and divided as for the training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import edit_manifest, tiny_checkpoint, write_run
from jobs import asked

from chargen.errors import (
    ChargenError,
    CheckpointError,
    MissingTextError,
    SettingsError,
    TextError,
)
from chargen.runs import held_out as module
from chargen.runs.find import open_checkpoint
from chargen.runs.held_out import find_part, reading_of
from chargen.text import encoded as encoding
from chargen.text import ingest
from chargen.text.parts import Items
from chargen.text.policy import Reading, TextPolicy

STORY = "it was a dark and stormy night, said the dog.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    Path("story.txt").write_text(STORY * 100, encoding="utf-8")
    return tmp_path


def trained(*names, **given):
    """What a training with these settings would write.

    Returns:
        The checkpoint, and the corpus that it learned from.
    """
    resolved = asked(names or "story.txt", {"units": 4, "steps": 9, **given}, dry_run=True)
    settings = resolved.settings.to_dict()
    return tiny_checkpoint(
        vocabulary=resolved.corpus.vocabulary,
        text=Reading.of(resolved.settings).policy(resolved.settings.encoding),
        corpus=resolved.corpus.sources,
        training={k: v for k, v in settings.items() if not isinstance(v, tuple)},
    ), resolved.corpus


def same(found, ids, context):
    """Whether a part that was found is that of the training."""
    return (
        found.part.read().tolist() == ids.read().tolist()
        and found.context.tolist() == context.tolist()
    )


def is_found(checkpoint, corpus, part, *arguments, **options):
    found = find_part(checkpoint, part, *arguments, **options)
    context = corpus.context if part == "validation" else corpus.test_context
    return same(found, getattr(corpus, part), context)


# --- shares of the text -----------------------------------------------------------------


@pytest.mark.parametrize("given", [(), ("story.txt",), ("./story.txt",)])
def test_the_parts_of_a_run_are_found_again(given):
    checkpoint, corpus = trained(test=0.2)
    for name in ("validation", "test"):
        assert is_found(checkpoint, corpus, name, given)
        assert find_part(checkpoint, name, given).name == f"{name} part of story.txt"


def test_a_text_may_have_another_name_now():
    checkpoint, corpus = trained()
    Path("other").mkdir()
    Path("story.txt").rename("other/moved.txt")
    Path("some.txt").write_text("another text", encoding="utf-8")
    assert is_found(checkpoint, corpus, "validation", ["some.txt", "other/moved.txt"])


def test_a_bundled_text_is_found_by_its_name():
    checkpoint, corpus = trained("minerals")
    found = find_part(checkpoint, "validation")
    assert found.name == "validation part of minerals.txt"
    assert same(found, corpus.validation, corpus.context)


@pytest.mark.parametrize("data", [b"another text", b"\xff\xfe\xff", b""])
def test_a_text_of_that_name_here_does_not_hide_the_one_that_ships(data):
    checkpoint, corpus = trained("minerals")
    Path("minerals.txt").write_bytes(data)
    assert is_found(checkpoint, corpus, "validation")


def test_a_part_that_there_is_not():
    checkpoint, _ = trained(validation=0.0)
    with pytest.raises(SettingsError, match=r"no validation part.*`validation=0`"):
        find_part(checkpoint, "validation")
    with pytest.raises(SettingsError, match="trained without `test`"):
        find_part(checkpoint, "test")


def test_a_text_that_has_changed_is_another():
    checkpoint, _ = trained()
    Path("story.txt").write_text(STORY * 101, encoding="utf-8")
    with pytest.raises(MissingTextError, match="or has changed since") as missing:
        find_part(checkpoint, "validation")
    assert missing.value.name == "story.txt"
    with pytest.raises(SettingsError, match=r"is not the text .*SHA-256 differs"):
        find_part(checkpoint, "validation", ["story.txt"])


def test_a_text_is_read_as_it_was():
    text = ("ÉCOLE\r\ncafe\u0301\r" * 200).encode("utf-16-le")
    Path("story.txt").write_bytes(text)
    given = {
        "encoding": "utf-16-le",
        "newlines": "lf",
        "normalize": "nfkc",
        "lowercase": True,
    }
    checkpoint, corpus = trained(**given)
    assert {"\r", "é"} < set(corpus.vocabulary.characters)
    assert is_found(checkpoint, corpus, "validation")


def test_an_encoding_that_was_found_out_is_recorded():
    Path("story.txt").write_bytes(("床前明月光，疑是地上霜。\n" * 200).encode("gb18030"))
    checkpoint, corpus = trained(encoding="auto")
    assert checkpoint.text.encoding == "gb18030"
    assert is_found(checkpoint, corpus, "validation")


# --- texts of their own -----------------------------------------------------------------


def test_parts_with_files_of_their_own():
    Path("held.txt").write_text(STORY[::-1] * 9, encoding="utf-8")
    Path("final.txt").write_text(STORY[::-2] * 9, encoding="utf-8")
    checkpoint, corpus = trained(validation="held.txt", test="final.txt")
    decode = corpus.vocabulary.decode
    assert decode(find_part(checkpoint, "validation").part.read()) == STORY[::-1] * 9
    assert decode(find_part(checkpoint, "test").part.read()) == STORY[::-2] * 9
    assert find_part(checkpoint, "test").name == "final.txt"
    Path("other").mkdir()
    Path("final.txt").rename("other/moved.txt")
    with pytest.raises(MissingTextError, match=r"final\.txt, which is neither"):
        find_part(checkpoint, "test")
    assert is_found(checkpoint, corpus, "test", ["story.txt", "other/moved.txt"])


def test_a_share_beside_a_file_is_that_of_the_text():
    Path("held.txt").write_text(STORY[::-1] * 9, encoding="utf-8")
    checkpoint, corpus = trained(validation="held.txt", test=0.2)
    assert len(corpus.test) == len(STORY) * 20
    assert is_found(checkpoint, corpus, "test")
    assert is_found(checkpoint, corpus, "validation")


def parts_of_many():
    """A training on a file and a folder, with two files to validate on."""
    for n in range(4):
        Path("all").mkdir(exist_ok=True)
        Path(f"all/{n}.txt").write_text(f"chapter {n}: {STORY * 9}", encoding="utf-8")
        Path(f"{n}.txt").write_text(f"{n} {STORY}", encoding="utf-8")
    Path("all/notes.md").write_text("not this one", encoding="utf-8")
    return trained(
        "story.txt", "all", validation=("2.txt", "3.txt"), test=0.1, glob="*.txt"
    )


@pytest.mark.parametrize("given", [(), ("2.txt", "3.txt")])
def test_several_files_are_one_part(given):
    checkpoint, corpus = parts_of_many()
    found = find_part(checkpoint, "validation", given)
    assert found.name == "2 files"
    decode = corpus.vocabulary.decode
    assert decode(found.part.read()) == f"2 {STORY}3 {STORY}"
    assert same(found, corpus.validation, corpus.context)


@pytest.mark.parametrize("given", [(), ("story.txt", "all")])
def test_a_part_of_several_files_and_folders_is_found(given):
    checkpoint, corpus = parts_of_many()
    assert [source.files for source in checkpoint.corpus][:2] == [None, 4]
    found = find_part(checkpoint, "test", given)
    assert found.name == "test part of 2 files"
    assert same(found, corpus.test, corpus.test_context)


@pytest.mark.parametrize(
    "given",
    [("3.txt", "2.txt"), ("2.txt",), ("2.txt", "3.txt", "1.txt"), ("2.txt", "1.txt")],
)
def test_other_files_are_another_part(given):
    checkpoint, _ = parts_of_many()
    with pytest.raises(SettingsError, match=r"2\.txt, 3\.txt: its SHA-256 differs"):
        find_part(checkpoint, "validation", given)


@pytest.mark.parametrize("change", ["changed", "more", "fewer", "renamed"])
def test_a_folder_that_has_changed_is_another(change):
    checkpoint, _ = parts_of_many()
    if change == "more":
        Path("all/9.txt").write_text("more", encoding="utf-8")
    elif change == "fewer":
        Path("all/3.txt").unlink()
    elif change == "renamed":
        Path("all/3.txt").rename("all/4.txt")
    else:
        Path("all/3.txt").write_text("other", encoding="utf-8")
    with pytest.raises(MissingTextError):
        find_part(checkpoint, "test")


def test_the_file_that_is_missing_is_named():
    checkpoint, _ = parts_of_many()
    Path("3.txt").unlink()
    with pytest.raises(MissingTextError, match=r"of 3\.txt, which is neither") as missing:
        find_part(checkpoint, "validation")
    assert missing.value.name == "3.txt"


# --- items ------------------------------------------------------------------------------


def test_the_parts_of_a_list_are_found_again():
    checkpoint, corpus = trained("minerals", test=0.1)
    assert checkpoint.text.documents == "lines"
    for part in ("validation", "test"):
        found = find_part(checkpoint, part)
        assert isinstance(found.part, Items)
        assert is_found(checkpoint, corpus, part)
        assert found.context.tolist() == [corpus.vocabulary.end]


def test_the_parts_of_a_table_are_found_again():
    rows = "".join(f"name {n},{n % 3},{n // 4}\n" for n in range(400))
    Path("names.csv").write_text("name,kind,group\n" + rows, encoding="utf-8")
    checkpoint, corpus = trained("names.csv", column="name", label="kind", group_by="group")
    assert reading_of(checkpoint) == Reading(column="name", label="kind", group_by="group")
    assert is_found(checkpoint, corpus, "validation")


def test_rare_characters_of_a_part_are_the_mark_again():
    Path("story.txt").write_text(STORY * 50 + "é" + STORY * 50 + "è", encoding="utf-8")
    checkpoint, corpus = trained(min_count=2)
    found = find_part(checkpoint, "validation")
    assert found.part.read()[-1] == corpus.vocabulary.unknown
    assert same(found, corpus.validation, corpus.context)


# --- how the texts are read -------------------------------------------------------------


def test_a_text_in_utf_8_is_read_as_if_nothing_was_asked_for():
    """So that a text that is kept on the disk is found there again."""
    found = tiny_checkpoint(text=TextPolicy("utf-8", "any", "nfc"))
    assert reading_of(found) == Reading(documents="none")
    assert reading_of(replace(found, text=TextPolicy("gb18030"))).encoding == "gb18030"


def test_a_large_text_is_read_once(monkeypatch, folder):
    checkpoint, _ = trained()
    for place in (ingest, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    opened, original = [], module.encode

    def kept(*arguments):
        opened.append(original(*arguments))
        return opened[-1]

    monkeypatch.setattr(module, "encode", kept)
    first = find_part(checkpoint, "validation", cache=folder / "cache")
    monkeypatch.setattr(ingest, "read_blocks", None)
    again = find_part(checkpoint, "validation", cache=folder / "cache")
    assert first.part.read().tolist() == again.part.read().tolist()
    for text in opened:
        text.codes.close()


@pytest.mark.parametrize(
    "policy",
    [
        TextPolicy(documents="column"),
        TextPolicy(newlines="none"),
        TextPolicy(normalize="nfd"),
        TextPolicy(documents="words"),
    ],
)
def test_a_policy_that_contradicts_itself_is_damage(policy):
    with pytest.raises(CheckpointError, match="the checkpoint is damaged: `"):
        reading_of(tiny_checkpoint(text=policy))


def test_what_is_no_name_is_no_column():
    training = {"column": 7, "label": None}
    with pytest.raises(CheckpointError):
        reading_of(tiny_checkpoint(text=TextPolicy(documents="column"), training=training))


# --- strangers' checkpoints -------------------------------------------------------------


@pytest.fixture
def published():
    """The step directory of a run of story.txt."""
    checkpoint, corpus = trained()
    parts = {
        "characters": "".join(corpus.vocabulary.characters),
        "corpus": checkpoint.corpus,
        "training": checkpoint.training,
        "text": checkpoint.text,
    }
    return write_run(Path("checkpoints/story"), 1, best=True, **parts).step_folder()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["training"].update(validation=True),
        lambda m: m["training"].update(validation=7),
        lambda m: m["training"].update(validation="../secret"),
        lambda m: m["training"].update(validation=["../secret"]),
        lambda m: (
            m["training"].update(validation="../secret"),
            m["corpus"].append(
                {**m["corpus"][0], "role": "validation", "name": "../secret"}
            ),
        ),
        lambda m: m.update(corpus=[]),
        lambda m: m["corpus"][0].update(name="../story.txt"),
        lambda m: m["corpus"][0].update(name="..", files=2),
        lambda m: m["corpus"][0].update(name=".", files=2),
        lambda m: m["corpus"][0].update(name="-"),
        lambda m: m["corpus"][0].update(name=""),
        lambda m: m["text"].update(encoding="zlib"),
    ],
)
def test_a_strangers_checkpoint_leads_to_no_other_file(published, change, monkeypatch):
    shutil.copy("story.txt", "../secret")  # what is asked for is there, with its hash
    shutil.copy("story.txt", "../story.txt")
    Path("-").write_text("not standard input", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", None)
    edit_manifest(published, change)
    with pytest.raises(ChargenError):
        find_part(open_checkpoint("story"), "validation")


def test_the_parent_folder_is_not_read(monkeypatch):
    checkpoint, _ = trained()
    (source,) = checkpoint.corpus
    strange = replace(checkpoint, corpus=(replace(source, name="..", files=3),))
    monkeypatch.setattr(module, "encode", lambda *_: pytest.fail("a text is read"))
    with pytest.raises(MissingTextError):
        find_part(strange, "validation")


def test_a_file_is_no_folder_and_a_folder_no_file(monkeypatch):
    checkpoint, _ = trained()
    (source,) = checkpoint.corpus
    Path("all").mkdir()
    monkeypatch.setattr(module, "encode", lambda *_: pytest.fail("a text is read"))
    for name, files in (("all", None), ("story.txt", 1)):
        strange = replace(checkpoint, corpus=(replace(source, name=name, files=files),))
        with pytest.raises(MissingTextError):
            find_part(strange, "validation")


def test_a_name_is_no_path_even_where_there_is_such_a_file(published):
    Path("below").mkdir()
    Path("story.txt").rename("below/story.txt")
    edit_manifest(published, lambda m: m["corpus"][0].update(name="below/story.txt"))
    with pytest.raises(TextError, match="neither in this folder"):
        find_part(open_checkpoint("story"), "validation")


# --- backward models --------------------------------------------------------------------


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_parts_of_a_backward_run_are_found_again_and_read_from_their_end(part):
    checkpoint, corpus = trained(test=0.2, backward=True)
    assert checkpoint.text.backward and reading_of(checkpoint).backward
    assert is_found(checkpoint, corpus, part)
    forward = trained(test=0.2)[0]
    ids = [find_part(each, part).part.read() for each in (checkpoint, forward)]
    assert ids[0].tolist() == ids[1][::-1].tolist() != ids[1].tolist()


def test_a_part_in_a_file_of_its_own_is_read_from_its_end():
    Path("held.txt").write_text("a dark dog", encoding="utf-8")
    checkpoint, corpus = trained(validation="held.txt", backward=True)
    assert is_found(checkpoint, corpus, "validation")
    found = find_part(checkpoint, "validation")
    assert checkpoint.vocabulary.decode(found.part.read()) == "god krad a"


def test_a_label_that_a_backward_model_cannot_have_is_damage():
    checkpoint, _ = trained(backward=True)
    training = {**checkpoint.training, "column": "text", "label": "kind"}
    text = replace(checkpoint.text, documents="column")
    with pytest.raises(CheckpointError, match="is damaged: `backward` and `label`"):
        reading_of(replace(checkpoint, text=text, training=training))
