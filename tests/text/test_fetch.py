"""Public texts, fetched from a server of our own that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import platformdirs
import pytest

from chargen.errors import TextError
from chargen.text import fetch as module
from chargen.text.fetch import MANIFEST, PublicText, fetch, fetched_corpora, public_text

DATA = "To be, or not to be…\n".encode() * 10_000
TEXT = PublicText(
    "hamlet", "", hashlib.sha256(DATA).hexdigest(), len(DATA), "public domain", "a line"
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path, and tells the server what it was asked for."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/redirected":
            self.send_response(302)
            self.send_header("Location", "/sound")
            self.end_headers()
        elif self.path in ANSWERS:
            self.send_response(200)
            stated, sent = ANSWERS[self.path]
            if stated is not None:
                self.send_header("Content-Length", str(stated))
            self.end_headers()
            try:
                self.wfile.write(sent)
            except ConnectionError:  # the other side has had enough
                self.close_connection = True
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


ANSWERS = {
    "/sound": (len(DATA), DATA),
    "/truncated": (len(DATA), DATA[:-100]),
    "/short": (None, DATA[:-100]),
    "/tampered": (len(DATA), b"X" + DATA[1:]),
    "/endless": (None, DATA * 40),
}


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.asked = []
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder; no proxy stands between us and the server."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path))
    return tmp_path


@pytest.fixture
def at(server, cache):
    """Returns the text at some path of the server."""
    server.asked.clear()

    def text(path):
        return replace(TEXT, url=f"http://127.0.0.1:{server.server_port}{path}")

    return text


def left(cache):
    return [path.name for path in cache.rglob("*") if path.is_file()]


@contextmanager
def refused(text):
    """The fetch fails; the message names the text, and that of a URL says how else."""
    with pytest.raises(TextError, match=text.name) as caught:
        yield caught
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500


def test_a_text_is_fetched_and_kept(at, cache, server):
    path = fetch(at("/sound"))
    assert path == cache / "corpora" / "hamlet.txt" == TEXT.path
    assert path.read_bytes() == DATA
    assert left(cache) == ["hamlet.txt"]
    assert fetch(at("/sound")) == path
    assert server.asked == ["/sound"]  # once


def test_a_redirected_answer_is_followed(at, server):
    assert fetch(at("/redirected")).read_bytes() == DATA
    assert server.asked == ["/redirected", "/sound"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/truncated", "broke off"),
        ("/short", "sent something else"),
        ("/tampered", "sent something else"),
        ("/endless", "sent something else"),
        ("/nowhere", "404"),
    ],
)
def test_a_bad_answer_is_refused_and_leaves_nothing(at, cache, path, words):
    text = at(path)
    with refused(text) as caught:
        fetch(text)
    assert words in str(caught.value) and text.url in str(caught.value)
    assert left(cache) == []


class Disk(io.FileIO):
    """A file that remembers what was written, and may take no more."""

    written = 0
    error = None

    def write(self, data):
        if self.error:
            raise self.error
        Disk.written += len(data)
        return super().write(data)


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(module, "open", Disk, raising=False)
    monkeypatch.setattr(Disk, "written", 0)
    return monkeypatch


def test_an_endless_answer_is_not_read_to_its_end(at, disk):
    with refused(TEXT):
        fetch(at("/endless"))
    assert len(DATA) < Disk.written <= len(DATA) + module.PIECE


def test_nobody_listens(cache):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        text = replace(TEXT, url=f"http://127.0.0.1:{taken.getsockname()[1]}/sound")
        with refused(text) as caught:
            fetch(text)
    assert "there is no connection" in str(caught.value)
    assert left(cache) == []


def test_nobody_answers(cache, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = replace(TEXT, url=f"http://127.0.0.1:{silent.getsockname()[1]}/sound")
        with refused(text) as caught:
            fetch(text)
    assert "there is no connection" in str(caught.value)
    assert left(cache) == []


def test_there_is_no_such_host(cache, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    text = replace(TEXT, url="http://chargen.invalid/sound")
    with refused(text) as caught:
        fetch(text)
    assert "Is this machine on the internet?" in str(caught.value)
    assert left(cache) == []


def test_what_was_changed_is_fetched_anew_and_a_failure_keeps_what_was_there(at, cache):
    path = fetch(at("/sound"))
    path.write_bytes(b"changed")
    with refused(TEXT):
        fetch(at("/tampered"))
    assert path.read_bytes() == b"changed"
    assert fetch(at("/sound")).read_bytes() == DATA
    assert left(cache) == ["hamlet.txt"]


def test_a_folder_that_cannot_be_made(at, cache):
    (cache / "corpora").write_text("in the way")
    with refused(TEXT) as caught:
        fetch(at("/sound"))
    assert "cannot write" in str(caught.value)
    assert left(cache) == ["corpora"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError("a long text of the library"), "folder cannot be written to"),
    ],
)
def test_a_disk_that_takes_nothing(at, cache, disk, error, words):
    disk.setattr(Disk, "error", error)
    with refused(TEXT) as caught:
        fetch(at("/sound"))
    assert str(caught.value).endswith(words)
    assert left(cache) == []


def test_fetched_corpora_are_those_of_the_manifest_that_are_there(at, cache, monkeypatch):
    other = replace(TEXT, name="another")
    monkeypatch.setattr(module, "MANIFEST", (TEXT, other, replace(TEXT, name="third")))
    assert fetched_corpora() == []
    paths = [fetch(replace(at("/sound"), name=text.name)) for text in (TEXT, other)]
    (cache / "corpora" / "mine.txt").write_text("not of the manifest")
    assert fetched_corpora() == sorted(paths)
    assert public_text("another") == other
    assert public_text("another.txt") is None


def test_the_manifest_is_sound():
    names = [text.name for text in MANIFEST]
    assert len(set(names)) == len(names)
    assert "tiny-shakespeare" in names
    for text in MANIFEST:
        assert re.fullmatch("[a-z0-9-]+", text.name)
        assert re.fullmatch("[0-9a-f]{64}", text.sha256)
        assert text.url.startswith("https://")
        assert text.size > 0 and text.licence
        assert "\n" not in text.what and len(text.what) <= 60
