"""The editor, by the keys that reach it; what it looks like is in test_write.

Keys come through prompt_toolkit's pipe, all at once, so the companion answers at once, too:
its thread has tests of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest
from commands import posix
from helpers import tiny_checkpoint
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from chargen.cli import editor as module
from chargen.cli.editor import Editor, Follower
from chargen.cli.manuscript import Manuscript
from chargen.cli.screen import HINTS, unknown_note
from chargen.sampling import companion
from chargen.sampling.companion import Companion, Suggestion, next_word
from chargen.sampling.engine import Engine
from chargen.sampling.options import Sampling

MODEL = Engine.from_checkpoint(tiny_checkpoint(characters="\n abcdeé", units=7))
BOLD = Sampling(temperature=1.5, seed=4, unknown="nearest")

QUIT, SAVE, UNDO, REDO, CANCEL = "\x11", "\x13", "\x1a", "\x19", "\x07"
NEXT, BEFORE, INTERRUPT = "\x0e", "\x10", "\x03"
TAB, ENTER, HOME, END, RIGHT, UP = "\t", "\r", "\x1b[H", "\x1b[F", "\x1b[C", "\x1b[A"
COOLER, WARMER, ODDS = "\x1bOR", "\x1bOS", "\x1bOQ"
SHIFT_LEFT, SHIFT_RIGHT = "\x1b[1;2D", "\x1b[1;2C"


class AtOnce:
    """A follower that answers before it is asked again."""

    def __init__(self, companion, say):
        self._companion, self._say = companion, say
        self._asked = None

    def ask(self, text, sampling):
        if (text, sampling) == self._asked:
            return
        self._asked = text, sampling
        for found in self._companion.follow(text, sampling):
            self._say(found)

    def close(self):
        pass


@pytest.fixture(autouse=True)
def at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "Follower", AtOnce)
    monkeypatch.setattr(companion, "LOOKAHEAD", 8)
    monkeypatch.setattr(companion, "LONGEST", 12)
    monkeypatch.chdir(tmp_path)


def edit(keys, path=None, *, by=None, then=None):
    """Run an editor until keys end it, and return it; `then` is called once it runs."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        found = Editor(by or Companion(MODEL), Manuscript(path), BOLD)

        def begin():
            loop = asyncio.get_running_loop()
            late = TimeoutError("no key ended the editor")
            loop.call_later(10, lambda: found.app.exit(exception=late))
            if then is not None:
                loop.call_later(0.05, then, found)

        found.app.pre_run_callables.append(begin)
        pipe.send_text(keys)
        found.ended = found.run()
    return found


def written(keys, path=None, **more):
    """Return the text that keys make."""
    return edit(keys + QUIT + "n", path, **more).buffer.text


def grey(text, sampling=BOLD):
    """Return how the model goes on."""
    *_, last = Companion(MODEL).follow(text, sampling)
    return last.continuation


# --- writing together --------------------------------------------------------------------


def test_what_is_typed_is_written():
    assert written("ab c" + ENTER + "中\x7fd") == "ab c\nd"


def test_tab_takes_a_word_at_a_time():
    first = next_word(grey("a"))
    assert written("a" + TAB) == "a" + first
    assert written("a" + TAB + TAB) == "a" + first + next_word(grey("a" + first))


@pytest.mark.parametrize("key", [END, RIGHT, "\x05"])
def test_at_the_end_other_keys_take_the_rest(key):
    assert written("a" + key) == "a" + grey("a")
    assert written("a" + key + key) == "a" + grey("a") + grey("a" + grey("a"))


def test_at_the_end_of_a_line_the_text_goes_on_there():
    assert written("a" + ENTER + "b" + UP + END) == f"a{grey('a')}\nb"
    assert written("a" + ENTER + "b" + UP + RIGHT) == "a\nb"  # this only moves
    assert written("a" + ENTER + "b" + UP + RIGHT + "c") == "a\ncb"


@pytest.mark.parametrize("key", [TAB, RIGHT])
def test_within_a_line_nothing_is_taken(key):
    assert written("ab" + HOME + key) == "ab"


def test_nothing_is_taken_in_place_of_what_is_selected():
    assert written("ab" + HOME + SHIFT_RIGHT * 2 + TAB) == "ab"
    assert written("ab" + SHIFT_LEFT + "c") == "ac"


def test_other_continuations_have_the_next_seeds_and_one_goes_back():
    assert written("a" + NEXT + NEXT + TAB) == "a" + next_word(
        grey("a", Sampling(temperature=1.5, seed=6))
    )
    assert written("a" + NEXT + BEFORE + END) == "a" + grey("a")
    assert edit(BEFORE * 9 + QUIT).sampling.seed == 0


def test_an_old_continuation_is_not_taken_while_another_one_is_drawn():
    class Once:
        def follow(self, text, sampling):
            if sampling == BOLD:
                yield Suggestion(text, read=1.0, continuation="bcd")

    assert written("a" + TAB, by=Once()) == "abcd"
    assert written("a" + NEXT + TAB, by=Once()) == "a"


def test_the_temperature_goes_up_and_down_and_not_below_zero():
    assert edit(WARMER + WARMER + QUIT).sampling.temperature == 1.7
    assert edit(COOLER + QUIT).sampling.temperature == 1.4
    assert edit(COOLER * 16 + QUIT).sampling.temperature == 0
    assert written("a" + COOLER + END) == "a" + grey("a", Sampling(temperature=1.4, seed=4))


def test_the_text_is_as_it_was_typed_whatever_the_model_reads():
    found = edit("É中" + QUIT + "n")
    assert found.buffer.text == "É中"
    assert found.suggestion.replaced == {"É": "é", "中": ""}


def test_undo_takes_back_what_was_taken_and_what_was_typed_by_words():
    assert written("a" + END + UNDO) == "a"
    assert written("ab cd" + UNDO) == "ab"
    assert written("ab cd" + UNDO + UNDO) == ""
    assert written("ab" + END + UNDO + UNDO + REDO + REDO) == "ab" + grey("ab")
    assert written("ab" + UNDO + UNDO + UNDO + REDO + REDO + REDO) == "ab"
    assert written("ab" + UNDO + "c" + REDO) == "c"


class Silent:
    """A companion that has nothing to say."""

    def follow(self, text, sampling):
        return []


def test_a_paste_is_one_change_and_its_tabs_and_line_ends_are_text():
    pasted = "\x1b[200~x\ty\r\nz" + "long " * 9_000 + "\x1b[201~"
    expected = "x\ty\nz" + "long " * 9_000
    assert written(pasted, by=Silent()) == expected
    assert written("a" + pasted + UNDO, by=Silent()) == "a"


def test_what_was_cut_can_be_put_back():
    assert written("ab cd" + HOME + "\x0b" + "x" + "\x16") == "xab cd"


def test_every_key_at_the_bottom_is_a_key():
    keys = {"End": END, "Tab": TAB, "F2": ODDS, "F3 F4": COOLER, "Ctrl-N": NEXT}
    keys |= {"Ctrl-P": BEFORE, "Ctrl-Z": UNDO, "Ctrl-Y": REDO, "Ctrl-S": SAVE}
    assert [key for key, _ in HINTS if key not in keys] == ["Ctrl-Q"]


def test_the_odds_are_shown_and_hidden():
    assert edit(ODDS + QUIT).screen.odds
    assert not edit(ODDS + ODDS + QUIT).screen.odds


# --- saving and quitting -----------------------------------------------------------------


def test_a_file_is_opened_and_the_cursor_is_at_its_end(tmp_path):
    (tmp_path / "a.txt").write_text("ab\n")
    found = edit("c" + SAVE + QUIT, tmp_path / "a.txt")
    assert found.ended is None and (tmp_path / "a.txt").read_text() == "ab\nc"


def test_a_name_is_asked_for(tmp_path):
    found = edit("ab" + SAVE + "new.txt" + ENTER + "c" + SAVE + QUIT)
    assert (tmp_path / "new.txt").read_text() == "abc" == found.manuscript.saved


@pytest.mark.parametrize("answer", [ENTER, CANCEL, "x" + INTERRUPT])
def test_without_a_name_nothing_is_saved_and_writing_goes_on(tmp_path, answer):
    assert written("ab" + SAVE + answer + "c") == "abc"
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_not_replaced_unasked(tmp_path):
    (tmp_path / "other").write_text("precious")
    start = "ab" + SAVE + "other" + ENTER
    for answer in ("n", CANCEL, "x\x7f" + ENTER + "n"):
        assert written(start + answer + "c") == "abc"
        assert (tmp_path / "other").read_text() == "precious"
    edit(start + "y" + QUIT)
    assert (tmp_path / "other").read_text() == "ab"


def test_a_file_that_was_changed_meanwhile_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("ab")

    def change(editor):
        path.write_text("precious")
        editor.save()
        questions.append(editor.question.text)
        editor.reply("n")
        editor.quit()
        editor.reply("n")

    questions = []
    edit("c", path, then=change)
    assert questions == [f"{path} was changed meanwhile. Replace it?"]
    assert path.read_text() == "precious"


@pytest.mark.parametrize("key", [QUIT, INTERRUPT])
def test_whoever_quits_is_asked_what_becomes_of_the_text(tmp_path, key):
    path = tmp_path / "a.txt"
    assert edit("ab" + key + CANCEL + "c" + key + "n", path).buffer.text == "abc"
    assert not path.exists()
    edit("ab" + key + "Y", path)
    assert path.read_text() == "ab"


def test_whoever_quits_and_saves_is_asked_for_a_name(tmp_path):
    edit("ab" + QUIT + "y" + "b.txt" + ENTER)
    assert (tmp_path / "b.txt").read_text() == "ab"
    found = edit("ab" + QUIT + "y" + CANCEL + "c" + QUIT + "n")
    assert found.buffer.text == "abc"


def test_nobody_is_asked_where_there_is_nothing_to_lose(tmp_path):
    assert edit(QUIT).ended is None
    assert edit("a" + UNDO + QUIT).ended is None
    assert edit("a" + SAVE + "x" + ENTER + INTERRUPT).ended is None


def test_a_failure_to_save_is_said_and_the_text_stays(tmp_path):
    start = "ab" + SAVE + "nowhere/a.txt" + ENTER
    found = edit(start + QUIT + "y" + "nowhere/a.txt" + ENTER + QUIT + "n")
    assert found.message == "cannot write nowhere/a.txt: No such file or directory"
    assert found.buffer.text == "ab"


# --- what goes wrong ---------------------------------------------------------------------


def test_what_goes_wrong_in_the_editor_does_not_lose_the_text(tmp_path, monkeypatch):
    def fail(continuation):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(module, "next_word", fail)
    with pytest.raises(ZeroDivisionError, match="oh"):
        edit("ab" + TAB)
    assert (tmp_path / "chargen-write.rescued").read_text() == "ab"


def test_a_terminal_that_is_gone_does_not_lose_the_text(tmp_path):
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        found = Editor(Companion(MODEL), Manuscript(tmp_path / "a.txt"), BOLD)
        pipe.send_text("ab")
        closed = threading.Timer(0.1, pipe.close)
        closed.start()
        with pytest.raises(EOFError):
            found.run()
    assert found.manuscript.rescued.read_text() == "ab"


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", None)])
def test_a_signal_ends_the_editor_and_does_not_lose_the_text(tmp_path, number, request):
    before = signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored
    request.addfinalizer(lambda: signal.signal(number, before))
    found = edit("ab", tmp_path / "a.txt", then=lambda _: os.kill(os.getpid(), number))
    assert found.ended == number
    assert (tmp_path / "a.txt.rescued").read_text() == "ab"
    assert edit(QUIT, tmp_path / "a.txt").message == (
        f"{tmp_path / 'a.txt.rescued'} holds what was not saved when chargen ended early"
    )


@posix
def test_ctrl_c_as_a_signal_asks_like_the_key(tmp_path):
    def interrupt(editor):
        os.kill(os.getpid(), signal.SIGINT)
        asyncio.get_running_loop().call_later(0.1, answer, editor)

    def answer(editor):
        questions.append(editor.question.text)
        editor.reply("n")

    questions = []
    assert edit("ab", then=interrupt).buffer.text == "ab"
    assert questions == ["Save the text?"]


@posix
def test_nothing_is_rescued_where_nothing_is_lost(tmp_path):
    found = edit(
        "ab" + SAVE, tmp_path / "a", then=lambda _: os.kill(os.getpid(), signal.SIGTERM)
    )
    assert found.ended == signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_not_saved_is_put_by_until_the_user_gives_it_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RESCUE_EVERY", 0.005)
    seen = []

    def look(editor):
        if not any(tmp_path.iterdir()):
            asyncio.get_running_loop().call_later(0.01, look, editor)
            return
        seen.extend(path.read_text() for path in tmp_path.iterdir())
        editor.quit()
        editor.reply("n")

    edit("ab", then=look)
    assert seen == ["ab"]
    assert list(tmp_path.iterdir()) == []


def test_why_it_cannot_be_put_by_is_said(monkeypatch):
    def fail(text):
        raise OSError(28, "No space left on device")

    found = edit(QUIT)
    monkeypatch.setattr(found.manuscript, "rescue", fail)
    found.buffer.text = "ab"
    found.rescue()
    assert found.lost == "cannot put by what is not saved: No space left on device"


# --- the thread that asks the model ------------------------------------------------------


class Slow:
    """A companion that goes on for ever, one step at a time."""

    def __init__(self):
        self.begun, self.steps = [], threading.Semaphore(0)

    def follow(self, text, sampling):
        self.begun.append(text)
        while True:
            self.steps.acquire(timeout=10)
            yield Suggestion(text, read=1.0)


def eventually(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_of_several_requests_the_latest_counts():
    slow, said = Slow(), []
    follower = Follower(slow, said.append)
    follower.ask("a", BOLD)
    eventually(lambda: slow.begun == ["a"])
    for text in ("ab", "abc"):
        follower.ask(text, BOLD)
    slow.steps.release()  # it sees that it was overtaken
    eventually(lambda: slow.begun == ["a", "abc"])
    slow.steps.release()
    eventually(lambda: [found.text for found in said] == ["abc"])
    slow.steps.release()
    follower.close()
    assert slow.begun == ["a", "abc"]


def test_how_far_it_has_read_is_said_after_a_while_only(monkeypatch):
    class Reading:
        def follow(self, text, sampling):
            yield Suggestion(text, read=0.5)
            monkeypatch.setattr(module, "PATIENCE", -1.0)
            yield Suggestion(text, read=0.75)
            yield Suggestion(text, read=1.0)

    said = []
    follower = Follower(Reading(), said.append)
    follower.ask("a", BOLD)
    eventually(lambda: len(said) == 2)
    follower.close()
    assert [found.read for found in said] == [0.75, 1.0]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("no such thing"), "no such thing"), (MemoryError(), "MemoryError")],
)
def test_whatever_fails_is_said_and_the_next_request_is_answered(error, reason):
    class Failing:
        def follow(self, text, sampling):
            if text == "a":
                raise error
            yield Suggestion(text, read=1.0)

    said = []
    follower = Follower(Failing(), said.append)
    follower.ask("a", BOLD)
    eventually(lambda: said == [Suggestion("a", failed=reason)])
    follower.ask("ab", BOLD)
    eventually(lambda: said[1:] == [Suggestion("ab", read=1.0)])
    follower.close()


def test_a_model_that_cannot_compute_does_not_keep_anyone_from_writing(monkeypatch):
    monkeypatch.setattr(module, "Follower", Follower)
    broken = Engine.from_checkpoint(tiny_checkpoint(scale=float("inf")))

    def wait(editor):
        if editor.suggestion is None or editor.suggestion.text != "ab":
            asyncio.get_running_loop().call_later(0.01, wait, editor)
            return
        editor.quit()
        editor.reply("n")

    found = edit("ab", by=Companion(broken), then=wait)
    assert found.buffer.text == "ab"
    assert found.suggestion.failed == "the model's weights are too large to compute with"


# --- what it never saw -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replaced", "note"),
    [
        ({}, ""),
        ({"é": "e"}, "the model never saw é (it reads e)"),
        (
            {"\x1b": "", "€": "", "ﬁ": "fi"},
            "the model never saw \\x1b (it reads nothing), € (it reads nothing), "
            "ﬁ (it reads fi)",
        ),
        (
            {"a": "", "b": "", "c": "", "d": "", "e": ""},
            "the model never saw a (it reads nothing), b (it reads nothing), "
            "c (it reads nothing) and 2 more",
        ),
    ],
)
def test_the_note_on_characters_that_the_model_never_saw(replaced, note):
    assert unknown_note(replaced) == note
