"""What other tools call things: their options and commands, and ours.

One table serves both the errors of the command line and docs/coming-from.md. Its sources
are the options of char-rnn's and torch-rnn's Lua scripts, textgenrnn's keyword arguments,
nanoGPT's variables, and the scripts and generation settings of Hugging Face's
Transformers.
"""

from __future__ import annotations

from dataclasses import dataclass

CHAR_RNN = "char-rnn"
TEXTGENRNN = "textgenrnn"
NANOGPT = "nanoGPT"
HUGGING_FACE = "Hugging Face"
OTHERS = "others"
TOOLS = (CHAR_RNN, TEXTGENRNN, NANOGPT, HUGGING_FACE, OTHERS)

THEIR_COMMANDS = {
    "help": "chargen --help",
    "generate": "sample",
    "evaluate": "eval",
    "finetune": "train --init-from",
    "resume": "train --resume",
    "list": "runs",
    "ls": "runs",
    "show": "info",
}
"""Our command for each name that people type in its place."""


@dataclass(frozen=True)
class Habit:
    """An option of another tool.

    Attributes:
        command: the command of chargen to which it would be given.
        theirs: the option, as chargen would write it, without the leading hyphens.
        tools: who calls it that.
        ours: chargen's option or argument; empty if there is none.
        advice: what else to know, or what to do instead.
    """

    command: str
    theirs: str
    tools: tuple[str, ...]
    ours: str
    advice: str = ""

    @property
    def answer(self) -> str:
        """What to type instead, as a part of a sentence."""
        if self.ours and self.advice:
            return f"{self.ours} ({self.advice})"
        return self.ours or self.advice


def _habits(
    command: str, rows: dict[str, tuple[str, str, tuple[str, ...]]]
) -> tuple[Habit, ...]:
    return tuple(
        Habit(command, theirs, tools, ours, advice)
        for names, (ours, advice, tools) in rows.items()
        for theirs in names.split()
    )


HABITS = (
    *_habits(
        "sample",
        {
            "prompt": ("--seed-text", "", (HUGGING_FACE, OTHERS)),
            "prefix": ("--seed-text", "", (TEXTGENRNN, HUGGING_FACE)),
            "primetext": ("--seed-text", "", (CHAR_RNN,)),
            "start-text": ("--seed-text", "", (CHAR_RNN,)),
            "start": ("--seed-text", "", (NANOGPT,)),
            "start-string text input seed-string": ("--seed-text", "", (OTHERS,)),
            "max-new-tokens": ("--length", "", (NANOGPT, HUGGING_FACE)),
            "max-gen-length": ("--length", "", (TEXTGENRNN,)),
            "max-length": ("--length", "new characters only", (HUGGING_FACE,)),
            "num-chars num-characters n-chars gen-length": ("--length", "", (OTHERS,)),
            "temp": ("--temperature", "", (OTHERS,)),
            "random-seed": ("--seed", "", (OTHERS,)),
            "sample": (
                "",
                "--temperature 0 always takes the likeliest character",
                (CHAR_RNN,),
            ),
            "do-sample": (
                "",
                "--temperature 0 always takes the likeliest character",
                (HUGGING_FACE,),
            ),
            "top-n": ("--top-k", "", (TEXTGENRNN,)),
            "repetition-penalty no-repeat-ngram-size": (
                "--dry",
                "12, say: the classic penalty would punish e and the space",
                (HUGGING_FACE,),
            ),
            "bad-words-ids suppress-tokens": (
                "--forbid",
                "the characters themselves",
                (HUGGING_FACE,),
            ),
            "sequence-bias": ("--bias", "e=-2, say", (HUGGING_FACE,)),
            "stop-strings": ("--stop", "", (HUGGING_FACE,)),
            "stop-token": ("--stop", "", (OTHERS,)),
            "num-beams": ("", "--count 20 --rank: the likeliest first", (HUGGING_FACE,)),
            "interactive": ("", "chargen write CHECKPOINT", (TEXTGENRNN,)),
            "prompt-file": ("--seed-file", "", (OTHERS,)),
            "grammar regex": ("--pattern", "a regular expression", (OTHERS,)),
            "num-samples": ("--count", "", (NANOGPT,)),
            "num-return-sequences": ("--count", "", (HUGGING_FACE,)),
            "n": ("--count", "how many texts", (TEXTGENRNN,)),
            "l len": ("--length", "", (OTHERS,)),
            "o output": ("--out", "", (OTHERS,)),
            "t": ("--temperature", "", (OTHERS,)),
            "checkpoint": ("CHECKPOINT", "the first argument", (CHAR_RNN, OTHERS)),
            "model model-name-or-path": (
                "CHECKPOINT",
                "the first argument",
                (HUGGING_FACE, OTHERS),
            ),
            "out-dir": ("CHECKPOINT", "the first argument", (NANOGPT,)),
            "gpuid": ("", "sampling runs on the CPU", (CHAR_RNN,)),
            "device": ("", "sampling runs on the CPU", (NANOGPT, HUGGING_FACE)),
        },
    ),
    *_habits(
        "train",
        {
            "data-dir": ("CORPUS", "files or folders, as arguments", (CHAR_RNN,)),
            "file-path": ("CORPUS", "files or folders, as arguments", (TEXTGENRNN,)),
            "dataset": ("CORPUS", "files or folders, as arguments", (NANOGPT,)),
            "train-file": ("CORPUS", "files or folders, as arguments", (HUGGING_FACE,)),
            "data input file text": (
                "CORPUS",
                "files or folders, as arguments",
                (OTHERS,),
            ),
            "line-delimited": ("--documents", "lines", (TEXTGENRNN,)),
            "is-csv": ("--column", "the column to learn", (TEXTGENRNN,)),
            "rnn-size": ("--units", "", (CHAR_RNN, TEXTGENRNN)),
            "n-embd": ("--units", "the size of a layer", (NANOGPT,)),
            "hidden-size": ("--units", "", (HUGGING_FACE, OTHERS)),
            "hidden-dim n-hidden num-units rnn-units": ("--units", "", (OTHERS,)),
            "num-layers": ("--layers", "", (CHAR_RNN, OTHERS)),
            "rnn-layers": ("--layers", "", (TEXTGENRNN,)),
            "n-layer": ("--layers", "", (NANOGPT,)),
            "n-layers num-hidden-layers": ("--layers", "", (HUGGING_FACE, OTHERS)),
            "model": ("--cell", "rnn, lstm or gru", (CHAR_RNN,)),
            "rnn-type cell-type": ("--cell", "rnn, lstm or gru", (OTHERS,)),
            "model-type": ("--cell", "rnn, lstm or gru", (HUGGING_FACE,)),
            "wordvec-size": ("--embedding-size", "", (CHAR_RNN,)),
            "dim-embeddings": ("--embedding-size", "", (TEXTGENRNN,)),
            "embedding-dim embed-size": ("--embedding-size", "", (OTHERS,)),
            "block-size": ("--seq-length", "", (NANOGPT, HUGGING_FACE)),
            "max-length": ("--seq-length", "", (TEXTGENRNN,)),
            "seq-len sequence-length context-length bptt window": (
                "--seq-length",
                "",
                (OTHERS,),
            ),
            "per-device-train-batch-size": ("--batch-size", "", (HUGGING_FACE,)),
            "bs batch": ("--batch-size", "", (OTHERS,)),
            "lr": ("--learning-rate", "", (OTHERS,)),
            "learning-rate-decay learning-rate-decay-after": (
                "",
                "the rate always falls along a cosine",
                (CHAR_RNN,),
            ),
            "min-lr lr-decay-iters decay-lr": (
                "",
                "the rate falls along a cosine to a tenth of --learning-rate",
                (NANOGPT,),
            ),
            "lr-scheduler-type": (
                "",
                "the rate always falls along a cosine",
                (HUGGING_FACE,),
            ),
            "warmup-iters": ("--warmup", "a share of the run", (NANOGPT,)),
            "warmup-ratio": ("--warmup", "", (HUGGING_FACE,)),
            "warmup-steps": ("--warmup", "a share of the run", (HUGGING_FACE,)),
            "max-epochs": ("--epochs", "", (CHAR_RNN, OTHERS)),
            "num-epochs": ("--epochs", "", (TEXTGENRNN, OTHERS)),
            "num-train-epochs": ("--epochs", "", (HUGGING_FACE,)),
            "max-iters": ("--steps", "", (NANOGPT,)),
            "max-steps": ("--steps", "", (HUGGING_FACE,)),
            "iterations iters": ("--steps", "", (OTHERS,)),
            "time max-time duration": ("--for", "such as 10m", (OTHERS,)),
            "grad-clip": ("--clip-norm", "a bound on the global norm", (CHAR_RNN, NANOGPT)),
            "max-grad-norm": ("--clip-norm", "", (HUGGING_FACE,)),
            "opt optim": ("--optimizer", "soap or adamw", (HUGGING_FACE, OTHERS)),
            "beta1 beta2": ("", "they are fixed", (NANOGPT,)),
            "gradient-accumulation-steps": (
                "--batch-size",
                "one update a batch",
                (NANOGPT, HUGGING_FACE),
            ),
            "eval-iters": ("--validation-chars", "", (NANOGPT,)),
            "log-interval": ("", "the log has a line for each percent", (NANOGPT,)),
            "logging-steps": ("", "the log has a line for each percent", (HUGGING_FACE,)),
            "print-every": ("", "progress is always shown", (CHAR_RNN,)),
            "compile": ("", "it always compiles; --stock does not", (NANOGPT,)),
            "wandb-log": ("--tensorboard", "", (NANOGPT,)),
            "report-to": ("--tensorboard", "", (HUGGING_FACE,)),
            "always-save-checkpoint": (
                "",
                "every evaluation saves one; --keep says how many stay",
                (NANOGPT,),
            ),
            "num-workers": ("--threads", "", (OTHERS,)),
            "val-frac": ("--validation", "", (CHAR_RNN,)),
            "train-frac": ("--validation", "the share that is held out", (CHAR_RNN,)),
            "train-size": ("--validation", "the share that is held out", (TEXTGENRNN,)),
            "validation-file": ("--validation", "", (HUGGING_FACE,)),
            "val-split validation-split": ("--validation", "", (OTHERS,)),
            "eval-val-every": ("--eval-every", "", (CHAR_RNN,)),
            "eval-interval": ("--eval-every", "", (NANOGPT,)),
            "eval-steps": ("--eval-every", "", (HUGGING_FACE,)),
            "save-steps": ("--save-every", "a time such as 1m", (HUGGING_FACE,)),
            "save-total-limit": ("--keep", "", (HUGGING_FACE,)),
            "early-stopping-patience": ("--patience", "", (HUGGING_FACE,)),
            "checkpoint-dir": ("--out", "", (CHAR_RNN,)),
            "out-dir": ("--out", "", (NANOGPT,)),
            "output-dir": ("--out", "", (HUGGING_FACE,)),
            "save-dir output o": ("--out", "", (OTHERS,)),
            "length": ("--for", "or --epochs, or --steps", (OTHERS,)),
            "resume-from-checkpoint": ("--resume", "", (HUGGING_FACE,)),
            "overwrite-output-dir": ("--overwrite", "", (HUGGING_FACE,)),
            "model-name-or-path": ("--init-from", "", (HUGGING_FACE,)),
            "new-model": (
                "",
                "a run is new unless --resume or --init-from is given",
                (TEXTGENRNN,),
            ),
            "gpuid": ("--device", "cpu or gpu", (CHAR_RNN,)),
            "gpu cuda": ("--device gpu", "", (OTHERS,)),
            "dtype": ("--precision", "", (NANOGPT,)),
            "bf16": ("--precision bfloat16", "", (HUGGING_FACE,)),
            "fp16": ("--precision bfloat16", "", (HUGGING_FACE,)),
            "random-seed manual-seed": ("--seed", "", (OTHERS,)),
            "n-head num-attention-heads": (
                "",
                "chargen trains recurrent networks, which have no attention",
                (NANOGPT, HUGGING_FACE),
            ),
            "word-level": ("", "chargen reads and writes characters", (TEXTGENRNN,)),
            "rnn-bidirectional": (
                "--backward",
                "for a second model, which sample --containing uses",
                (TEXTGENRNN,),
            ),
        },
    ),
)


def find(command: str, option: str) -> Habit | None:
    """Return the habit that an unknown option of a command comes from, if it is known.

    Args:
        command: the name of one of chargen's commands.
        option: the option as it was typed, be it with one hyphen or two, with `_` for
            `-`, or in capitals.
    """
    name = plain(option)
    for habit in HABITS:
        if (habit.command, habit.theirs) == (command, name):
            return habit
    return None


def plain(option: str) -> str:
    """Return an option as `Habit.theirs` has it: `--Rnn_Size=5` → `rnn-size`."""
    return option.split("=")[0].lstrip("-").replace("_", "-").lower()
