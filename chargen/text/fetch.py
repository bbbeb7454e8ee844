"""Public texts that are fetched once and kept: what there is, where from, and its hash.

A text is in the manifest only if its SHA-256 is certain, because the hash decides whether
what a server sends is kept, wherever it was redirected to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chargen.errors import TextError

TIMEOUT = 30.0
"""After how many seconds without an answer a server is given up."""

PIECE = 2**16  # bytes that are received at once


@dataclass(frozen=True)
class PublicText:
    """A text that can be fetched.

    Attributes:
        name: what it is called on the command line.
        url: where it is.
        sha256: the SHA-256 of its bytes, in hexadecimal digits.
        size: its size in bytes.
        licence: under which terms it may be used.
        what: what it is, in one line.
    """

    name: str
    url: str
    sha256: str
    size: int
    licence: str
    what: str

    @property
    def path(self) -> Path:
        """Where it is kept once it was fetched."""
        return folder() / f"{self.name}.txt"


MANIFEST = (
    PublicText(
        name="tiny-shakespeare",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
        "tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        size=1_115_394,
        licence="public domain",
        what="40,000 lines of Shakespeare's plays, from char-rnn",
    ),
)


def folder() -> Path:
    """Return the folder of the texts that were fetched, below the user's cache folder."""
    import platformdirs  # what reads no such text does without

    return Path(platformdirs.user_cache_dir("chargen", appauthor=False)) / "corpora"


def public_text(name: str) -> PublicText | None:
    """Return the text of that name in the manifest; None if there is none."""
    return next((text for text in MANIFEST if text.name == name), None)


def fetched_corpora() -> list[Path]:
    """Return the text files that were fetched, by name."""
    return sorted(text.path for text in MANIFEST if text.path.is_file())


def fetch(text: PublicText) -> Path:
    """Download a text unless it is there already, and return its path.

    Only what has the stated hash is kept, under its name from the first moment; what has
    been changed since then is fetched anew.

    Raises:
        TextError: it cannot be reached or written, or something else was sent.
    """
    import pooch  # these take as long to import as all else that a command needs
    import requests

    def download(url: str, output_file: str, _: object) -> None:
        with (
            requests.get(url, stream=True, timeout=TIMEOUT) as answer,
            open(output_file, "wb") as file,
        ):
            answer.raise_for_status()
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                if file.tell() > text.size:
                    raise ValueError("it is longer than it should be")

    pooch.get_logger().setLevel("WARNING")
    path = text.path
    with _explained(text):
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            text.url, f"sha256:{text.sha256}", path.name, path.parent, downloader=download
        )
    return path


@contextlib.contextmanager
def _explained(text: PublicText) -> Iterator[None]:
    """Say in a TextError what went wrong with a download, and what to do."""
    from requests.exceptions import ConnectionError, HTTPError, RequestException, Timeout

    failed, host = f"cannot fetch {text.name}:", urlsplit(text.url).netloc
    by_hand = f"save {text.url} with another program, and train on that file"
    try:
        yield
    except HTTPError as error:
        raise TextError(
            f"{failed} {error}. A newer chargen may know where the text is now"
        ) from error
    except (ConnectionError, Timeout) as error:
        raise TextError(
            f"{failed} there is no connection to {host}. Is this machine on the "
            f"internet? If not, {by_hand}"
        ) from error
    except RequestException as error:
        raise TextError(
            f"{failed} the download from {host} broke off. Try again, or {by_hand}"
        ) from error
    except ValueError as error:  # another hash, or too long
        raise TextError(
            f"{failed} {host} sent something else (its SHA-256 is not "
            f"{text.sha256}), and nothing was kept. Some networks put a page of their own "
            f"in its place: try again from another one, or {by_hand}"
        ) from error
    except OSError as error:
        reason = error.strerror or "the folder cannot be written to"
        raise TextError(f"cannot write {text.path}: {reason}") from error
