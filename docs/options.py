"""Writes docs/options.md from what the code says of its options: python docs/options.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from chargen.cli import COMMANDS
from chargen.cli.options import sections

PAGE = Path(__file__).with_suffix(".md")


def table(options: list[click.Option], command: click.Command) -> Iterator[str]:
    """Yield a table of options, with the help that the command line gives."""
    context = click.Context(command, info_name=command.name, terminal_width=1000)
    yield "| option | |"
    yield "|---|---|"
    for option in options:
        found = option.get_help_record(context)
        if found is not None:
            name, text = (part.replace("|", "\\|") for part in found)
            yield f"| `{name}` | {' '.join(text.split())} |"


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield (name, command) of the commands, and of those below them."""
    for name, load in COMMANDS.items():
        command = load()
        yield name, command
        if isinstance(command, click.Group):
            for below, one in command.commands.items():
                yield f"{name} {below}", one


def page() -> str:
    """Return the page."""
    lines = [
        "# All options",
        "",
        "Made by `python docs/options.py` from the code: it says what `--help` says. In",
        "Python, settings have the same names with `_` for `-`, and `seconds` for `--for`.",
        "In the environment they are `CHARGEN_TRAIN_UNITS` and the like.",
    ]
    for name, command in all_commands():
        found = list(sections(command.params, getattr(command, "groups", ())))
        if not found:
            continue
        lines += ["", f"## chargen {name}"]
        for heading, options in found:
            lines += ["", *([f"### {heading}", ""] if len(found) > 1 else [])]
            lines += table(options, command)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
