"""`chargen corpora`: the texts that ship with chargen."""

from __future__ import annotations

import json

import click

from chargen.cli.command import Command
from chargen.text.reading import read_text
from chargen.text.sources import bundled_corpora


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, a list of texts.")
def corpora(as_json: bool) -> None:
    """List the texts that ship with chargen.

    \b
    chargen corpora
    chargen train sishi-jueju
    """
    found = []
    for path in bundled_corpora():
        text = read_text(path)
        counts = {
            "bytes": text.size,
            "characters": len(text.characters),
            "vocabulary": len(set(text.characters)),
        }
        found.append({"name": path.stem, **counts})
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{'name':<16}{'bytes':>10}{'characters':>12}{'vocabulary':>12}")
    for row in found:
        click.echo(
            f"{row['name']:<16}{row['bytes']:>10,}{row['characters']:>12,}"
            f"{row['vocabulary']:>12,}"
        )
