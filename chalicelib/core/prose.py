"""Numbers and names as people read them in a report: durations, sizes, instants, and text that fits into a line."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

SPELLED = str.maketrans(
    {"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Þ": "Th", "þ": "th"}
    | dict.fromkeys("–—‐‑−", "-")
    | dict.fromkeys("‘’‚‹›", "'")
    | dict.fromkeys("“”„«»", '"')
    | {"…": "...", "→": "->", "×": "x"}
)


def ascii_line(text: str) -> str:
    """One line of printable ASCII: accents dropped, what has no equivalent becomes `?` (several in a row one)."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELLED))
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    known = re.sub(r"[^\x00-\x7f]+", "?", kept)
    return " ".join(re.sub(r"[\x00-\x20\x7f]+", " ", known).split())


def shortened(text: str, room: int) -> str:
    """At most `room` characters; what is cut ends in `...`, after a whole word when one ends nearby."""
    if len(text) <= room:
        return text
    if room <= 3:
        return text[: max(room, 0)]
    cut = text[: room - 3]
    word = cut.rsplit(" ", 1)[0]
    whole = text[room - 3] != " " and len(cut) - len(word) <= min(12, room // 3)
    return (word if whole else cut).rstrip(" ,;:-") + "..."


def span(duration: timedelta) -> str:
    """The two biggest units: `26 h 14 min`, `9 d 3 h`, `12 s`. Hours up to two days, because promises are in hours."""
    seconds = max(int(duration.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return _two(seconds // 60, "min", seconds % 60, "s")
    if seconds < 48 * 3600:
        return _two(seconds // 3600, "h", seconds % 3600 // 60, "min")
    return _two(seconds // 86400, "d", seconds % 86400 // 3600, "h")


def _two(big: int, unit: str, small: int, smaller: str) -> str:
    return f"{big} {unit} {small} {smaller}" if small else f"{big} {unit}"


def size(count: int) -> str:
    """`73400320` -> `70.0 MiB`."""
    power = max((count.bit_length() - 1) // 10, 0)
    unit = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[min(power, 5)]
    return f"{count} B" if unit == "B" else f"{count / 1024 ** min(power, 5):.1f} {unit}"


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 997 others`."""
    others = len(names) - most
    return ", ".join(names[:most]) + (f" and {counted(others, 'other')}" if others > 0 else "")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 slot`, `3 slots`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
