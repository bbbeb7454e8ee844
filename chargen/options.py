"""How the command line writes a setting: its option and its value."""

from __future__ import annotations


def option(setting: str) -> str:
    """Return the command-line option of a setting."""
    return "--for" if setting == "seconds" else "--" + setting.replace("_", "-")


def format_value(setting: str, value: object) -> str:
    """Write a setting as the command line reads it."""
    if setting in ("seconds", "save_every"):
        return format_seconds(float(str(value)))
    return repr(value) if isinstance(value, float) else str(value)


def format_seconds(seconds: float) -> str:
    """Write a duration as `--for` reads it: 90 → "1m30s"."""
    if seconds != int(seconds):
        return f"{seconds:f}s" if seconds < 1e-4 else f"{seconds!r}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"
