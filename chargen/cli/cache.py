"""`chargen cache`: the large texts that are kept so that they are read only once."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chargen.cli.command import Command
from chargen.display import one_line
from chargen.text.store import clear, default_cache, stored

SHOWN = 40  # characters of the names of a text's files


@click.command(cls=Command, short_help="Show or clear the large texts that are kept.")
@click.option("--clear", "remove", is_flag=True, help="Remove them all.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to look in.  [default: the user's cache folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, a list of texts.")
def cache(remove: bool, cache: Path | None, as_json: bool) -> None:
    """Show the large texts that chargen keeps, encoded, so that it reads them only once.

    Nothing is lost if they are removed: a text is read anew when it is needed again.

    \b
    chargen cache
    chargen cache --clear
    """
    folder = cache or default_cache()
    if remove:
        freed = clear(folder)
        if not as_json:
            click.echo(f"removed {freed:,} bytes from {one_line(str(folder))}")
            return
    texts = stored(folder)
    if as_json:
        found = [
            {"folder": str(text.folder), "bytes": text.size, "files": list(text.names)}
            for text in texts
        ]
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{one_line(str(folder))}: {sum(text.size for text in texts):,} bytes")
    for text in texts:
        names = ", ".join(text.names[:3]) or "damaged, or not complete"
        more = f" and {len(text.names) - 3:,} more" if len(text.names) > 3 else ""
        click.echo(f"{text.size:>15,}  {one_line(names[:SHOWN] + more)}")
