"""What `chargen train` takes: files, folders, standard input and tables."""

from __future__ import annotations

import gc
import gzip
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from jobs import asked, begun

from chargen.cli import cli
from chargen.text import encoded as encoding
from chargen.text import ingest
from chargen.text.sources import BUNDLED_CORPORA
from chargen.text.store import stored

STORY = "it was a dark and stormy night, said the dog.\n"
TABLE = "name,country,family\n" + "".join(
    f"name{n % 90} of {n},{'uk' if n % 2 else 'nl'},{n // 3}\n" for n in range(300)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEN_HOME", raising=False)
    write("story.txt", STORY * 100)
    return tmp_path


def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))


def planned(*words, data=None):
    """The lines of a plan: sizes, notes, and the arguments of the command for it."""
    steps = [] if "--steps" in words else ["--steps", "5"]
    given = ["train", "--dry-run", *steps, *map(str, words)]
    done = CliRunner().invoke(cli, given, input=data)
    assert done.exit_code == 0, done.output
    size, *notes, command = done.stdout.splitlines()
    command = shlex.split(command)
    return size, notes, command[command.index("train") + 1 :]


def learned(*words, **options):
    """How many characters there are to learn from."""
    return int(planned(*words, **options)[0].split()[0].replace(",", ""))


def refusal(*words, data=None, code=1):
    done = CliRunner().invoke(cli, ["train", "--dry-run", *map(str, words)], input=data)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stderr


def types_again(*words):
    """Type the command that a plan ends with; return both plans."""
    size, notes, command = planned(*words)
    size_again, notes_again, command_again = planned(*command)
    assert size_again == size
    assert [word.removesuffix(".0") for word in command_again] == [
        word.removesuffix(".0") for word in command
    ]
    items = [[note for note in each if "items to" in note] for each in (notes, notes_again)]
    assert items[0] == items[1]
    return size, notes, command


# --- files and folders ------------------------------------------------------------------


def test_files_and_folders_are_one_text():
    write("more.txt", "x" * 9)  # without a newline
    write("notes/b.md", "y" * 90)
    write("notes/deep/a.md", "z" * 900)
    write("notes/c.txt", "not this one")
    write("c.txt", STORY)
    write("d.txt", STORY * 2)
    size, _, command = types_again(
        *("story.txt", "more.txt", "notes", "--glob", "*.md"),
        *("--validation", "c.txt", "--validation", "d.txt"),
    )
    characters = len(STORY) * 100 + 10 + 91 + 900
    held_out = len(STORY) * 3
    start = f"{characters:,} characters to learn from, {held_out:,} to validate on"
    assert size.startswith(start)
    assert command[:3] == ["story.txt", "more.txt", "notes"]
    typed = shlex.join(command)
    assert "--validation c.txt --validation d.txt" in typed
    assert "--glob '*.md'" in typed


def test_the_order_of_the_files_is_that_of_the_words():
    write("b.txt", "b" * 99)
    for names in (["story.txt", "b.txt"], ["b.txt", "story.txt"]):
        assert types_again(*names)[2][:2] == names


def test_one_text_or_ten_are_one_plan():
    for n in range(10):
        write(f"ten/{n}.txt", STORY * 10)
    one = planned("story.txt")
    assert planned("ten")[0] == planned(*(f"ten/{n}.txt" for n in range(10)))[0] == one[0]


def test_a_test_part_may_be_files_too():
    write("c.txt", STORY * 2)
    _, _, command = types_again("story.txt", "--test", "c.txt", "--test", "story.txt")
    typed = shlex.join(command)
    assert "--test c.txt --test story.txt" in typed


def test_a_fraction_and_a_file_are_not_one_part():
    write("c.txt", STORY)
    message = refusal("story.txt", "--validation", "c.txt", "--validation", "0.1", code=2)
    assert "give one fraction, or files" in message


def test_what_is_skipped_is_counted():
    write("all/a.txt", STORY * 100)
    write("all/b.png", b"\x89PNG\r\n")
    write("all/c.docx.tmp.zip", b"PK\x03\x04")
    _, notes, _ = planned("all")
    assert "2 files in all are not texts, and were left out" in notes


def test_compressed_files_are_read():
    write("story.txt.gz", gzip.compress((STORY * 100).encode()))
    assert planned("story.txt.gz")[0] == planned("story.txt")[0]


def test_standard_input():
    size, _, command = planned("-", data=STORY * 100)
    assert size == planned("story.txt")[0]
    assert command[0] == "-"
    assert planned(*command, data=STORY * 100)[0] == size


def test_standard_input_in_another_encoding():
    text = "床前明月光，疑是地上霜。\n" * 50
    size, notes, _ = planned(
        "-", "--documents", "none", "--encoding", "auto", data=text.encode("gb18030")
    )
    assert size == planned("-", "--documents", "none", data=text.encode())[0]
    assert any("is read as gb18030 (" in note for note in notes)


def test_standard_input_that_cannot_be_decoded_is_called_that():
    assert "standard input is not UTF-8: byte 0xff" in refusal("-", data=b"abc\xff")


def test_names_like_options():
    write("-v.txt", STORY * 100)
    assert planned("--", "-v.txt")[0] == planned("./-v.txt")[0] == planned("story.txt")[0]
    types_again("./-v.txt")
    types_again("--", "-v.txt")


def test_an_unknown_option_is_no_file():
    assert "No such option" in refusal("story.txt", "--colunm", "name", code=2)


# --- what cannot be learned from --------------------------------------------------------


def test_a_name_that_is_nothing():
    assert "there is no file nothing" in refusal("nothing")
    assert "there is no file nothing" in refusal("story.txt", "nothing")
    assert "there is no file 'nothing'" in refusal(
        "story.txt", "--validation", "nothing", code=2
    )


def test_nothing_at_all():
    assert "Missing argument 'CORPUS...'" in refusal(code=2)


def test_a_folder_without_a_text():
    Path("empty").mkdir()
    assert "the folder empty holds no text" in refusal("empty")
    write("pictures/a.png", b"\x89PNG\r\n")
    assert "the folder pictures holds no text" in refusal("pictures")
    message = refusal("pictures", "--glob", "*.md")
    assert "holds no file that matches '*.md'" in message
    assert "--glob" in refusal("pictures", "--glob", "")


def test_an_archive_is_refused_by_name():
    write("x.zip", b"PK\x03\x04 and more")
    message = refusal("x.zip")
    assert "x.zip is an archive and not plain text: unpack it" in message


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("documents", ["none", "lines", "blank-lines", "files"])
def test_an_empty_file(data, documents):
    write("empty.txt", data)
    message = refusal("empty.txt", "--documents", documents)
    assert "empty.txt is empty: there is nothing to learn from" in message


@pytest.mark.parametrize(
    ("documents", "said"), [("none", "is all white space"), ("lines", "is empty")]
)
def test_white_space_alone(documents, said):
    write("blank.txt", " \n\t\r\n \n")
    assert f"blank.txt {said}" in refusal("blank.txt", "--documents", documents)


@pytest.mark.parametrize("documents", ["none", "lines"])
def test_a_vocabulary_of_one_character(documents):
    write("a.txt", "aaaa\n" * (documents == "lines") or "aaaa")
    message = refusal("a.txt", "--documents", documents)
    assert "a.txt consists of one character repeated, 'a'" in message


def test_files_that_are_all_empty_are_counted():
    write("a.txt", "")
    write("b.txt", "")
    assert "2 files is empty" in refusal("a.txt", "b.txt")


def test_a_validation_file_without_a_text_is_said():
    write("empty.txt", "")
    message = refusal("story.txt", "--validation", "empty.txt")
    assert "the validation part is too short: it has 0 characters" in message


# --- items ------------------------------------------------------------------------------


def test_a_list_is_taken_for_one_and_a_play_is_not():
    _, notes, command = types_again("minerals")
    assert any(note.startswith("this is a list: each line is learned") for note in notes)
    assert any("items to learn from" in note for note in notes)
    assert "--documents lines" in shlex.join(command)
    _, notes, command = types_again("harbour-plays")
    assert not any("items" in note or "list" in note for note in notes)
    assert "--documents none" in shlex.join(command)


def test_a_list_of_the_users_own_is_taken_for_one():
    write("names.txt", (BUNDLED_CORPORA / "minerals.txt").read_bytes())
    assert planned("names.txt")[1][:2] == planned("minerals")[1][:2]
    _, notes, _ = planned("names.txt", "--documents", "none")
    assert not any("items" in note for note in notes)


def test_a_list_in_ten_files_is_that_list():
    lines = (BUNDLED_CORPORA / "minerals.txt").read_text("utf-8").splitlines()
    for n in range(10):
        write(f"ten/{n}.txt", "\n".join(lines[n::10]))
    ten, one = planned("ten"), planned("minerals")
    assert ten[:2] == one[:2]


@pytest.mark.parametrize("documents", ["lines", "blank-lines"])
def test_a_list_of_one_item_is_learned_whole(documents):
    write("one.txt", STORY)
    size, notes, _ = types_again("one.txt", "--documents", documents)
    assert size.startswith(f"{len(STORY)} characters to learn from, 0 to validate on")
    assert "1 items to learn from, 0 to validate on" in notes
    message = refusal("one.txt", "--documents", documents, "--validation", "0.5")
    assert "1 item, too few to hold some out: use --validation 0" in message


def test_files_are_items():
    for n in range(40):
        write(f"poems/{n}.txt", f"poem {n}\n\n{STORY * 3}\n")
    _, notes, _ = types_again("poems", "--documents", "files", "--validation", "0.2")
    (counted,) = [note for note in notes if "items to learn from" in note]
    learn, validate = (int(word) for word in counted.split() if word.isdigit())
    assert learn + validate == 40
    assert 0 < validate < 20


def test_a_table():
    write("names.csv", TABLE)
    write("more.jsonl", '{"name": "Ann", "country": "uk"}\n{"name": null}\n')
    more = ("--label", "country", "--group-by", "family")
    _, notes, command = types_again("names.csv", "--column", "name", *more)
    assert "--column name --label country --group-by family" in shlex.join(command)
    assert any("items to learn from" in note for note in notes)
    labelled = learned("names.csv", "--column", "name", "--label", "country")
    plain = learned("names.csv", "--column", "name")
    assert labelled != plain
    _, notes, _ = planned("names.csv", "more.jsonl", "--column", "name")
    assert "1 rows hold no item, and were left out" in notes


def test_a_column_that_there_is_not():
    write("names.csv", TABLE)
    message = refusal("names.csv", "--column", "nmae")
    assert "names.csv has no column 'nmae'; its columns are name, country" in message
    assert "Did you mean name?" in message
    message = refusal("names.csv", "--column", "name", "--label", "land")
    assert "no column 'land'" in message
    assert "story.txt is no table" in refusal("story.txt", "--column", "name")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--documents", "column"), "--documents column and --column belong together"),
        (("--documents", "lines", "--column", "x"), "--column belong together"),
        (("--label", "x"), "--label is a column beside --column"),
        (("--group-by", "x"), "--group-by is a column beside --column"),
    ],
)
def test_options_that_contradict_each_other(words, said):
    assert said in refusal("story.txt", *words)


# --- characters -------------------------------------------------------------------------


def different(*words):
    """How many different characters a plan speaks of."""
    size = planned("a.txt", "--documents", "none", *words)[0]
    return int(size.split(" different")[0].split()[-1])


def test_characters_are_prepared_as_they_are_to_be():
    write("a.txt", "e\u0301 Ａ é\r\nA a\rx" * 99)
    assert different() == len({*"é Ａ\nAax"})
    assert different("--normalize", "none") == len({*"e\u0301 Ａé\nAax"})
    assert different("--normalize", "nfkc") == len({*"é A\nax"})
    assert different("--normalize", "nfkc", "--lowercase") == len({*"é a\nx"})
    assert different("--newlines", "keep") == len({*"é Ａ\r\nAax"})
    types_again("a.txt", "--normalize", "nfkc", "--lowercase", "--newlines", "lf")


def test_rare_characters_are_folded_and_that_is_said():
    write("a.txt", STORY * 99 + "XYZ")
    _, notes, _ = types_again("a.txt", "--min-count", "2")
    (said,) = [note for note in notes if "folded" in note]
    assert said.startswith("3 rare characters, 0.0")
    assert "(--min-count 1 keeps them all)" in said
    assert not any("folded" in note for note in planned("a.txt")[1])
    message = refusal("a.txt", "--max-vocabulary", "1")
    assert "fewer than two characters of a.txt are left" in message
    assert "--max-vocabulary" in message


# --- runs -------------------------------------------------------------------------------


def many():
    """The words for ten files to learn from, and ten to validate on."""
    for n in range(10):
        write(f"{n}.txt", STORY * (n + 1))
        write(f"held/{n}.txt", STORY[n:] * 2)
    names = tuple(f"{n}.txt" for n in range(10))
    return names, tuple(f"held/{name}" for name in names)


def test_each_file_is_recorded_in_its_role():
    names, held = many()
    write("last/a.txt", STORY)
    write("last/b.txt", STORY)
    given = {"validation": held, "test": "last", "steps": 5}
    sources = asked(names, given, dry_run=True).corpus.sources
    assert [(each.role, each.name, each.files) for each in sources] == [
        *(("train", name, None) for name in names),
        *(("validation", name, None) for name in names),
        ("test", "last", 2),
    ]
    assert sources[3].size == len(STORY) * 4


def test_a_run_of_many_files_is_resumed_with_the_same_files():
    names, held = many()
    begun({"validation": held, "steps": 5}, names)
    words = [word for name in held for word in ("--validation", name)]
    resumed = [*names, *words, "--resume", "--out", "checkpoints/0"]
    assert planned(*resumed)[0] == planned(*names, *words)[0]
    write("held/7.txt", "other")
    assert "7.txt has changed since checkpoints/0 was started" in refusal(*resumed)
    assert "learned from 20 files, and not from 19" in refusal(*resumed[1:])


def test_a_run_whose_text_has_changed_is_not_resumed():
    begun({"steps": 5})
    resumed = ("story.txt", "--resume", "--steps", "9")
    assert planned(*resumed)[0] == planned("story.txt")[0]
    write("story.txt", STORY * 101)
    assert "story.txt has changed since checkpoints/story was" in refusal(*resumed)


def test_a_resumed_run_reads_its_text_as_before():
    write("a.txt", "ÉÈé x\r" * 999)
    given = {"lowercase": True, "newlines": "keep", "documents": "none", "steps": 5}
    begun(given, "a.txt")
    size = planned("a.txt", "--resume")[0]
    assert "5 different ones" in size
    assert size != planned("a.txt")[0]
    message = refusal("a.txt", "--resume", "--newlines", "any")
    assert "--newlines any differs from the run's keep" in message


# --- texts that are kept ----------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch):
    """Keep every text; return the cache folder."""
    for place in (ingest, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    yield Path("kept")
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
class TestKept:
    """A training has its text until it ends, and so is not asked to close it."""

    def test_a_large_text_is_read_once(self, kept, monkeypatch):
        one = planned("story.txt", "--documents", "none", "--cache", kept)
        assert [each.names for each in stored(kept)] == [("story.txt",)]
        assert f"--cache {kept}" in shlex.join(one[2])
        monkeypatch.setattr(ingest, "read_blocks", None)
        assert planned("story.txt", "--documents", "none", "--cache", kept) == one

    def test_a_resumed_run_does_not_read_its_text_again(self, kept, monkeypatch):
        one = planned("story.txt", "--cache", kept)
        begun({"steps": 5})
        monkeypatch.setattr(ingest, "read_blocks", None)
        again = planned("story.txt", "--resume", "--cache", kept)
        assert again[0] == one[0]

    def test_without_a_cache_nothing_is_left_behind(self, kept, folder, cache_folder):
        before = stored(cache_folder / "chargen")
        words = ("story.txt", "--documents", "none")
        one = planned(*words, "--no-cache")
        assert stored(cache_folder / "chargen") == before
        assert sorted(path.name for path in folder.iterdir()) == ["story.txt"]
        size, notes, _ = planned(*words, "--cache", kept)
        assert size == one[0]
        assert [note for note in notes if "is kept in" not in note] == one[1]

    def test_a_cache_that_cannot_be_written_is_named(self, kept):
        Path("file").write_text("")
        message = refusal("story.txt", "--cache", "file/below")
        assert "cannot keep the text in file/below/texts" in message
        assert "with --cache, or do without with --no-cache" in message
        assert "is a file" in refusal("story.txt", "--cache", "file", code=2)
