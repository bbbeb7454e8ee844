"""`chargen corpora`: the texts that ship with chargen."""

from __future__ import annotations

import click

from chargen.library import bundled_corpora
from chargen.text import read_text


@click.command()
def corpora() -> None:
    """List the texts that ship with chargen.

    \b
    chargen corpora
    chargen train sishi-jueju
    """
    click.echo(f"{'name':<16}{'bytes':>10}{'characters':>12}{'vocabulary':>12}")
    for path in bundled_corpora():
        text = read_text(path)
        characters = text.characters
        click.echo(
            f"{path.stem:<16}{text.size:>10,}{len(characters):>12,}"
            f"{len(set(characters)):>12,}"
        )
