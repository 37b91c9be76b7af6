"""What somebody probably meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_key(key: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and what was expected."""
    names = sorted(known)
    return f"unknown key{nearest(key, names)}", "one of " + ", ".join(names)
