"""The first step of `prepare`: what is asked for, before anything is looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargen.checks import require
from chargen.errors import SettingsError
from chargen.training.settings import LENGTHS, Settings


@dataclass(frozen=True)
class Request:
    """A training that is asked for.

    Attributes:
        corpus: text files, folders, names of bundled corpora, or "-" for standard input;
            one may be given as it is.
        given: settings by name, as `Settings` has them; `validation` and `test` may be
            files. What is not given is chosen by `recipe`, unless a run is resumed.
        out: the run's folder; None for a new one, `checkpoints/<corpus>`.
        resume: whether to go on with the run in `out`, or with the newest of this corpus.
            If `out` is a step directory, newer ones are removed once it trains.
        overwrite: whether to replace the run in `out`.
        init_from: a checkpoint, by path or name, whose model is trained further.
        drop_unused: whether to leave out the characters of its vocabulary that the corpus
            lacks.
        dry_run: whether to change nothing on the disk; nothing will be trained.
        cache: where a large text is kept once it is read; None for the user's cache folder.
        no_cache: whether to read it anew each time.

    Raises:
        SettingsError: what is asked for contradicts itself.
    """

    corpus: str | tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None
    resume: bool = False
    overwrite: bool = False
    init_from: str | None = None
    drop_unused: bool = False
    dry_run: bool = False
    cache: Path | None = None
    no_cache: bool = False

    def __post_init__(self) -> None:
        try:
            names = self.names
            named = isinstance(names, tuple) and all(isinstance(x, str) for x in names)
            require(bool(names) and named, "corpus", "names or paths", self.corpus)
            require(isinstance(self.given, Mapping), "given", "settings", self.given)
            Settings.from_dict(self.given)
        except (ValueError, TypeError) as error:
            raise SettingsError(str(error)) from error
        if self.out is not None and not self.out.name:  # `.`: its name is needed later
            object.__setattr__(self, "out", Path(os.path.abspath(self.out)))
        if self.resume and self.overwrite:
            raise SettingsError("`resume` goes on with a run and `overwrite` replaces it")
        if self.resume and self.init_from is not None:
            raise SettingsError(
                "`resume` goes on with a run and `init_from` starts a new one"
            )
        if self.drop_unused and self.init_from is None:
            raise SettingsError("`drop_unused` is for the vocabulary of `init_from`")
        if sum(self.given.get(name) is not None for name in LENGTHS) > 1:
            raise SettingsError("give one of `seconds`, `epochs` and `steps`")

    @property
    def names(self) -> tuple[str, ...]:
        """What is trained on, as a tuple."""
        return (self.corpus,) if isinstance(self.corpus, str) else self.corpus
