"""The editor of `chargen write`: a text, and in grey how the model would go on."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, has_selection
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.named_commands import get_by_name
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from chargen.cli.manuscript import Manuscript
from chargen.cli.page import Undoable
from chargen.cli.screen import STYLE, Screen
from chargen.sampling.companion import Companion, Suggestion, next_word
from chargen.sampling.options import Sampling
from chargen.system.signals import STOPS

WARMER = 0.1
"""By how much a key changes the temperature."""

PATIENCE = 0.3
"""After so many seconds of reading, the editor says how far it has come."""

RESCUE_EVERY = 10.0
"""After so many seconds, what is not saved is put by, in case the process is killed."""


class Follower:
    """A thread in which a companion follows a text; of several requests, the latest counts.

    Args:
        companion: what is asked.
        say: is told, in that thread, what the companion says.
    """

    def __init__(self, companion: Companion, say: Callable[[Suggestion], None]) -> None:
        self._companion, self._say = companion, say
        self._changed = threading.Condition()
        self._wanted: tuple[str, Sampling] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self, text: str, sampling: Sampling) -> None:
        """Ask what comes after a text."""
        with self._changed:
            self._wanted = text, sampling
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._overtaken)
                if self._closed or self._wanted is None:
                    return
                text, sampling = self._wanted
                self._wanted = None
            try:
                self._follow(text, sampling)
            except Exception as error:  # whatever the model does, the text is to stay
                reason = str(error) or type(error).__name__
                self._say(Suggestion(text, failed=reason))

    def _follow(self, text: str, sampling: Sampling) -> None:
        start = time.monotonic()
        for found in self._companion.follow(text, sampling):
            if self._overtaken():
                return
            if found.read == 1 or time.monotonic() - start > PATIENCE:
                self._say(found)

    def _overtaken(self) -> bool:
        return self._closed or self._wanted is not None


@dataclass(frozen=True)
class Question:
    """Something that the user is asked.

    Attributes:
        text: the question.
        keys: the letters that answer it; if there are none, a line is typed.
        then: what to do with the answer, unless the user goes back.
    """

    text: str
    keys: str
    then: Callable[[str], object]


class Editor:
    """An editor in the terminal.

    Args:
        companion: what suggests how to go on.
        manuscript: where the text comes from and goes to.
        sampling: how the companion draws; with a seed.

    Attributes:
        manuscript, sampling: as above; keys change how is drawn.
        buffer: what holds the text.
        suggestion: what the companion said last.
        question: what the user is being asked.
        message: what there is to say; empty for nothing.
        lost: why what is not saved could not be put by; empty if that went well.
        screen: what is shown.
        app: the application of prompt_toolkit; `run` runs it.
    """

    def __init__(
        self, companion: Companion, manuscript: Manuscript, sampling: Sampling
    ) -> None:
        self.manuscript, self.sampling = manuscript, sampling
        self.suggestion: Suggestion | None = None
        self.question: Question | None = None
        self.message = self.lost = ""
        self._companion = companion
        self._follower: Follower | None = None
        earlier = manuscript.earlier()
        if earlier is not None:
            self.message = f"{earlier} holds what was not saved when chargen ended early"
        self.buffer = Undoable(manuscript.saved)
        self.buffer.on_text_changed += lambda _: self._on_change()
        self.buffer.on_cursor_position_changed += lambda _: self._ask()
        self.screen = Screen(self)
        self.app: Application[int | None] = Application(
            layout=self.screen.layout,
            key_bindings=_bindings(self),
            style=Style.from_dict(STYLE),
            full_screen=True,
            min_redraw_interval=0.02,
        )
        self.app.ttimeoutlen = 0.05  # how long Escape may be the beginning of a key
        if self.app.color_depth == ColorDepth.DEPTH_1_BIT:  # there is no grey
            self.app.style = Style.from_dict({**STYLE, "ghost": "underline"})

    def run(self) -> int | None:
        """Edit the text, until the user quits or a signal comes.

        However this ends: unless the user gave it up, what is not saved is in
        `manuscript.rescued`, or `lost` says why it is not.

        Returns:
            The number of the signal; None if the user quit.

        Raises:
            EOFError, OSError: the terminal is gone.
        """
        self._follower = Follower(self._companion, self._on_suggestion)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they would be written into the screen
                return self.app.run(pre_run=self._begin, set_exception_handler=False)
        except BaseException:
            self.rescue()
            raise
        finally:
            self._follower.close()

    @property
    def unsaved(self) -> bool:
        """Whether there is something to lose."""
        return self.buffer.text != self.manuscript.saved

    def ghost(self) -> str:
        """Return what is shown in grey: at the end of a line, how the model would go on."""
        at_end = self.buffer.document.is_cursor_at_the_end_of_line
        selects = self.buffer.selection_state is not None
        if self.suggestion is None or self.question is not None or not at_end or selects:
            return ""
        return self.suggestion.rest(self.buffer.document.text_before_cursor)

    # --- what happens ----------------------------------------------------------------

    def _begin(self) -> None:
        """Start what goes on besides, once there is an event loop."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_exception)
        for number in STOPS:
            watched = signal.getsignal(number) is not signal.SIG_IGN  # as under nohup
            if os.name != "nt" and number != signal.SIGINT and watched:
                loop.add_signal_handler(number, self._on_signal, number)
        self.app.create_background_task(self._put_by())
        self.buffer.cursor_position = len(self.buffer.text)
        self._ask()

    def _on_exception(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """End the editor where it fails; `run` rescues the text."""
        error = context.get("exception") or RuntimeError(context["message"])
        if self.app.is_running and not self.app.is_done:
            self.app.exit(exception=error)

    def _on_signal(self, number: int) -> None:
        self.rescue()
        if not self.app.is_done:
            self.app.exit(result=number)

    def _on_change(self) -> None:
        self.message = ""
        self._ask()

    def _on_suggestion(self, found: Suggestion) -> None:
        self.suggestion = found
        self.app.invalidate()

    def _ask(self) -> None:
        if self._follower is not None:
            self._follower.ask(self.buffer.document.text_before_cursor, self.sampling)

    async def _put_by(self) -> None:
        """Keep a copy of what is not saved."""
        last = self.manuscript.saved
        while True:
            await asyncio.sleep(RESCUE_EVERY)
            if self.buffer.text != last:
                last = self.buffer.text
                self.rescue()

    def rescue(self) -> None:
        """Write what is not saved to a file of its own."""
        if not self.unsaved:
            return
        self.lost = ""
        try:
            self.manuscript.rescue(self.buffer.text)
        except OSError as error:
            self.lost = f"cannot put by what is not saved: {error.strerror}"
            self.message = self.lost

    # --- what keys do ----------------------------------------------------------------

    def draw(self, **changes: Any) -> None:
        """Draw another continuation, with some settings of sampling changed."""
        self.sampling = replace(self.sampling, **changes)
        self.suggestion = None
        self._ask()

    def next_seed(self, by: int) -> None:
        """Draw the continuation of another seed."""
        self.draw(seed=max((self.sampling.seed or 0) + by, 0))

    def warm(self, by: float) -> None:
        """Draw at a higher or a lower temperature."""
        self.draw(temperature=max(round(self.sampling.temperature + by, 2), 0.0))

    def save(self, then: Callable[[], object] = lambda: None) -> None:
        """Save the text and, when that is done, do something."""
        path = self.manuscript.path
        if path is not None:
            self._save_to(path, then)
        else:
            self._ask_user("Save as:", then=lambda name: self._save_as(name, then))

    def _save_as(self, name: str, then: Callable[[], object]) -> None:
        if name:
            self._save_to(Path(os.path.expanduser(name)), then)

    def _save_to(self, path: Path, then: Callable[[], object]) -> None:
        if not self.manuscript.would_lose(path):
            self._store(path, then)
            return
        what = "was changed meanwhile" if path == self.manuscript.path else "exists"

        def replace_it(answer: str) -> None:
            if answer == "y":
                self._store(path, then)

        self._ask_user(f"{path} {what}. Replace it?", keys="yn", then=replace_it)

    def _store(self, path: Path, then: Callable[[], object]) -> None:
        try:
            self.manuscript.save(self.buffer.text, path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self.message = f"cannot write {path}: {reason}"
            return
        self.message = f"saved {path}"
        then()

    def quit(self) -> None:
        """Leave the editor; ask before that if something is not saved."""

        def leave(answer: str) -> None:
            if answer == "y":
                self.save(self._leave)
            else:
                self._leave()

        if self.unsaved:
            self._ask_user("Save the text?", keys="yn", then=leave)
        else:
            self._leave()

    def _leave(self) -> None:
        self.manuscript.forget()
        self.lost = ""
        self.app.exit()

    def _ask_user(
        self, text: str, *, keys: str = "", then: Callable[[str], object]
    ) -> None:
        """Ask a question; keys go to the answer until there is one."""
        self.screen.answer.reset()
        self.question = Question(text, keys, then)
        self.screen.focus(answer=True)

    def reply(self, answer: str | None) -> None:
        """Answer the question; None to go back."""
        question, self.question = self.question, None
        self.screen.focus(answer=False)
        if question is not None and answer is not None:
            question.then(answer)


def _bindings(editor: Editor) -> KeyBindings:
    """Return what keys do, beyond what they do in prompt_toolkit."""
    found, buffer, screen = KeyBindings(), editor.buffer, editor.screen
    writing = Condition(lambda: editor.question is None)
    unselected = writing & ~has_selection  # the rest is as in prompt_toolkit
    ghost = Condition(lambda: bool(editor.ghost()))
    last = Condition(lambda: buffer.document.is_cursor_at_the_end)

    def toggle_odds() -> None:
        screen.odds = not screen.odds

    actions: dict[str, Callable[[], object]] = {
        "tab": lambda: buffer.insert_text(next_word(editor.ghost())),
        "c-n": lambda: editor.next_seed(1),
        "c-p": lambda: editor.next_seed(-1),
        "f2": toggle_odds,
        "f3": lambda: editor.warm(-WARMER),
        "f4": lambda: editor.warm(WARMER),
        "c-s": editor.save,
        "c-q": editor.quit,
        "c-c": editor.quit,
        Keys.SIGINT: editor.quit,
    }
    moves: dict[str, Callable[[], object]] = {
        "left": partial(_step, buffer, -1),
        "right": partial(_step, buffer, 1),
        "up": lambda: screen.page.move(-1),
        "down": lambda: screen.page.move(1),
        "pageup": lambda: screen.page.move(1 - screen.height),
        "pagedown": lambda: screen.page.move(screen.height - 1),
    }
    for key, action in actions.items():
        found.add(key, filter=writing)(_of_event(action))
    for key, action in moves.items():
        found.add(key, filter=unselected)(_of_event(action))
    for key, action in {"c-z": buffer.undo, "c-y": buffer.redo}.items():
        found.add(key, filter=writing, save_before=lambda _: False)(_of_event(action))
    rest = _of_event(lambda: buffer.insert_text(editor.ghost()))
    for key, where in {"end": ghost, "c-e": ghost, "right": ghost & last}.items():
        found.add(key, filter=writing & where)(rest)
    found.add("c-v", filter=writing)(get_by_name("yank"))  # Ctrl-Y is taken
    found.add(Keys.Any, filter=unselected, save_before=_begins_word)(
        lambda event: buffer.insert_text(event.data * event.arg)
    )
    _bind_answers(editor, found)
    return found


def _bind_answers(editor: Editor, bindings: KeyBindings) -> None:
    """Add the keys by which questions are answered."""
    asked = Condition(lambda: editor.question is not None)
    by_key = Condition(lambda: editor.question is not None and bool(editor.question.keys))
    for key in ("escape", "c-c", "c-g", Keys.SIGINT):
        bindings.add(key, filter=asked, eager=True)(lambda _: editor.reply(None))
    bindings.add("enter", filter=asked & ~by_key, eager=True)(
        lambda _: editor.reply(editor.screen.answer.text)
    )

    @bindings.add(Keys.Any, filter=by_key, eager=True)
    def _(event: KeyPressEvent) -> None:
        if editor.question is not None and event.data.lower() in tuple(
            editor.question.keys
        ):
            editor.reply(event.data.lower())


def _step(buffer: Buffer, by: int) -> None:
    buffer.cursor_position += by


def _of_event(action: Callable[[], object]) -> Callable[[KeyPressEvent], None]:
    def handle(event: KeyPressEvent) -> None:
        action()

    return handle


def _begins_word(event: KeyPressEvent) -> bool:
    """Whether undo is to come back to where this character was typed."""
    return not event.is_repeat or event.data.isspace()
