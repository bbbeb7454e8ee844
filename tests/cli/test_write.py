"""`chargen write` as a person uses it: at a terminal, by keys, by what is on the screen."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner
from commands import CHARGEN, posix
from helpers import tiny_checkpoint, write_run
from item_models import write_item_run
from prompt_toolkit.application import create_app_session

from chargen.cli import cli
from chargen.text.policy import TextPolicy

CHARACTERS = "\n abcdeé"
POEM = "\n，。春夜江上月初明"

TAB, ENTER, ESCAPE, END, ODDS = "\t", "\r", "\x1b", "\x1b[F", "\x1bOQ"
NEXT, SAVE, QUIT, INTERRUPT, WARMER = "\x0e", "\x13", "\x11", "\x03", "\x1bOS"
GREY = "808080"


class Person:
    """Somebody at a terminal, who presses keys and looks at the screen.

    Attributes:
        text: what is on the screen, one line after the other.
    """

    def __init__(self, terminal, columns, rows, is_over):
        import pyte

        self._terminal, self._is_over = terminal, is_over
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def press(self, *keys):
        for key in keys:
            os.write(self._terminal, key.encode())

    def sees(self, *what, cursor=None):
        """Wait until all this is on the screen, and the cursor in this row and column."""
        self.until(
            lambda: (
                all(each in self.text for each in what) and cursor in (None, self.cursor)
            )
        )

    def until(self, condition):
        """Wait until something holds for the screen."""
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end and not self._is_over(), self.text
            if select.select([self._terminal], [], [], 0.05)[0]:
                self._stream.feed(os.read(self._terminal, 2**16))

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def grey(self):
        """What is grey in the rows of the text."""
        found = [
            cell.data
            for row in range(self._screen.lines - 4)
            for _, cell in sorted(self._screen.buffer[row].items())
            if cell.fg == GREY and cell.data not in "│█▏▎▍▌▋▊▉"
        ]
        return "".join(found)

    @property
    def cursor(self):
        return self._screen.cursor.y, self._screen.cursor.x


def at_a_terminal(arguments, person, *, columns=80, rows=16):
    """Run a command at a terminal while a person does something; return its exit code."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    over, failures = threading.Event(), []

    def act():
        try:
            person(Person(ours, columns, rows, over.is_set))
        except BaseException as error:
            failures.append(error)
            os.close(ours)  # which ends the command

    thread = threading.Thread(target=act)
    code = None
    with (
        contextlib.suppress(OSError),  # a closed terminal takes nothing more
        open(theirs, encoding="utf-8", closefd=False) as stdin,
        open(theirs, "w", encoding="utf-8") as stdout,
        create_app_session(),  # else prompt_toolkit keeps to the first terminal it sees
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLORTERM", "truecolor")
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        thread.start()
        try:
            cli.main(arguments, prog_name="chargen")
        except SystemExit as ended:
            code = ended.code
        finally:
            over.set()
            thread.join()
    if failures:
        raise failures[0]
    os.close(ours)
    return code


@pytest.fixture
def novel(tmp_path, monkeypatch):
    """A run called novel, in the folder that commands are typed in."""
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "checkpoints" / "novel", 3, characters=CHARACTERS)


# --- at a terminal -----------------------------------------------------------------------


@posix
def test_somebody_writes_a_line_together_with_a_model(novel, tmp_path):
    def person(at):
        at.sees("no name yet", "temperature 1.2 · seed 1 · line 1, column 1", "Tab word")
        at.press("abc de")
        at.sees("abc de", "not saved", "column 7", cursor=(0, 6))
        at.until(lambda: at.grey)
        first = at.grey
        at.press(NEXT)
        at.sees("seed 2")
        at.until(lambda: at.grey not in ("", first))
        assert "abc de" + at.grey in at.text.replace("\n", "")
        at.press(TAB)
        at.until(lambda: "column 7" not in at.text)
        at.press(WARMER, ODDS)
        at.sees("temperature 1.3", "next character", "%")
        at.press(ENTER, "é", SAVE)
        at.sees("Save as:")
        at.press("new.txt", ENTER)
        at.sees("saved new.txt")
        at.press(QUIT)

    code = at_a_terminal(["write", "novel", "--seed", "1", "--temperature", "1.2"], person)
    assert code == 0
    *_, line, last = (tmp_path / "new.txt").read_text("utf-8").split("\n")
    assert line.startswith("abc de") and len(line) > 6 and last == "é"


@posix
def test_chinese_is_as_wide_as_it_is_and_lines_are_broken_beside_any_character(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "checkpoints" / "poems", 3, characters=POEM)

    def person(at):
        at.sees("Ctrl-Q")
        at.press("春夜", ENTER, "春江上月初明，")
        at.sees("春江上月初明，", "2:8", cursor=(1, 14))
        at.press("江上月初明，" * 3)
        at.sees("2:26", "明，↵", cursor=(2, 4))
        assert at.text.split("\n")[1:3] == ["春" + "江上月初明，" * 3 + "江上月初", "明，↵"]
        at.press(END)
        at.sees("3:1", cursor=(3, 0))
        at.press(INTERRUPT)
        at.sees("Save the text?")
        at.press("n")

    arguments = ["write", "poems", "--out", "p.txt", "--seed", "1", "--forbid", POEM[1:]]
    assert at_a_terminal(arguments, person, columns=50) == 0


@posix
def test_ctrl_c_asks_and_escape_goes_back(novel, tmp_path):
    def person(at):
        at.sees("Ctrl-Q")
        at.press("abcd", INTERRUPT)
        at.sees("Save the text? y yes · n no · Esc back")
        at.press(ESCAPE)
        at.sees("Tab word")
        at.press("e", QUIT)
        at.sees("abcde", "Save the text?")
        at.press("y")

    assert at_a_terminal(["write", "novel", "--out", "a.txt"], person) == 0
    assert (tmp_path / "a.txt").read_text() == "abcde"


@posix
def test_what_the_model_never_saw_is_said_and_control_characters_are_escapes(
    novel, tmp_path
):
    (tmp_path / "a.txt").write_bytes("É\x1b月".encode())

    def person(at):
        at.sees("É\\x1b月", "never saw \\x1b (it reads nothing), É (it reads é), 月 (it")
        assert "seed None" not in at.text  # one was drawn
        at.press(QUIT)

    assert at_a_terminal(["write", "novel", "--out", "a.txt"], person) == 0
    assert (tmp_path / "a.txt").read_bytes() == "É\x1b月".encode()


@posix
def test_a_model_that_cannot_compute_says_so_and_the_text_can_be_saved(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    weights = tiny_checkpoint(characters=CHARACTERS).weights
    weights["rnn.0.bias"][:] = 100  # every unit is at its largest
    weights["dense.kernel"][:] = 3e38
    write_run(tmp_path / "checkpoints/broken", 1, characters=CHARACTERS, weights=weights)

    def person(at):
        at.sees("Ctrl-Q")
        at.press("abcd")
        at.sees("no suggestions: the model's weights are too large", "column 5")
        at.press(QUIT, "y")

    assert at_a_terminal(["write", "broken", "--out", "a.txt"], person) == 0
    assert (tmp_path / "a.txt").read_text() == "abcd"


@posix
def test_a_terminal_that_is_closed_does_not_lose_the_text(novel, tmp_path, capsys):
    def person(at):
        at.sees("Ctrl-Q")
        at.press("abcd")
        at.sees("abcd")
        raise InterruptedError("the window is closed")

    with pytest.raises(InterruptedError):
        at_a_terminal(["write", "novel", "--out", "a.txt"], person)
    assert (tmp_path / "a.txt.rescued").read_text() == "abcd"
    assert capsys.readouterr().err == "what was not saved is in a.txt.rescued\n"


@posix
def test_sigterm_saves_what_there_is_and_says_where(novel, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*CHARGEN, "write", "novel", "--out", "a.txt"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    )
    at = Person(ours, 80, 24, lambda: process.poll() is not None)
    at.sees("Ctrl-Q")
    at.press("abcd")
    at.sees("abcd", "not saved")
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert (tmp_path / "a.txt.rescued").read_text() == "abcd"
    assert errors == "what was not saved is in a.txt.rescued\n"
    os.close(ours)
    os.close(theirs)


# --- what is refused ---------------------------------------------------------------------


def refused(*arguments, code=2):
    """Run a command that is refused, and return what it says."""
    done = CliRunner().invoke(cli, ["write", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_without_a_terminal_it_says_what_to_use(novel):
    assert "needs a terminal; where there is none, use chargen sample" in refused("novel")


@pytest.fixture
def terminal(monkeypatch):
    """Let commands believe that they are at a terminal."""
    from chargen.cli import write

    monkeypatch.setattr(write, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_that_cannot_place_its_cursor_is_no_place_for_an_editor(
    novel, terminal, monkeypatch
):
    monkeypatch.setenv("TERM", "dumb")
    assert "(TERM=dumb); use chargen sample" in refused("novel")


def test_what_the_model_cannot_write_is_refused_before_the_screen_changes(
    novel, tmp_path, terminal
):
    assert "--forbid leaves no character" in refused("novel", "--forbid", CHARACTERS)
    assert "--label is for models whose items" in refused("novel", "--label", "a")
    assert "'error' is not one of" in refused("novel", "--unknown", "error")
    assert "No such option '--length'" in refused("novel", "--length", "9")
    assert "bias" in refused("novel", "--bias", "x=1", code=1)
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert "latin is not UTF-8" in refused("novel", "--out", "latin", code=1)
    assert "there is no checkpoint 'nove'" in refused("nove", code=1)


def test_a_model_that_writes_backwards_is_refused(tmp_path, monkeypatch, terminal):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "checkpoints/back", 1, text=TextPolicy(direction="backward"))
    assert "this model writes from the end of a text" in refused("back")


def test_a_label_that_the_model_never_saw_is_refused(tmp_path, monkeypatch, terminal):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints/names"
    write_item_run(folder, "abc\t", label=True, documents="column", unknown=False)
    assert "the label has a character" in refused("names", "--label", "x", code=1)


def test_the_editor_is_loaded_by_no_other_command():
    code = (
        "import sys; from chargen.cli import cli, COMMANDS\n"
        "for make in COMMANDS.values(): make()\n"
        "print('prompt_toolkit' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
