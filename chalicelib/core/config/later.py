"""What the file may say already and this release does not act on yet. A line of `LATER` goes when its issue is done."""

from collections.abc import Callable

from chalicelib.core.config.load import Config
from chalicelib.core.promise import PROVABLE
from chalicelib.core.spec import Policy

LATER: tuple[tuple[str, Callable[[Policy], bool], str], ...] = (
    ("prove", lambda p: p.prove == "L3", f"judged at {PROVABLE} for now"),
    ("retention", lambda p: p.retention is not None, "checked, but nothing is deleted yet"),
    ("rpo", lambda p: "L3" in p.rpo, f"a promise at L3 is judged at {PROVABLE} for now"),
)


def not_active_yet(config: Config) -> list[str]:
    """One sentence per block, with who uses it: `retention (policies nightly, weekly): …`."""
    told = []
    for block, used, sentence in LATER:
        names = [name for name, policy in config.policies.items() if used(policy)]
        told += [_sentence(block, names, sentence)] if names else []
    return told


def _sentence(block: str, names: list[str], sentence: str) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"`{block}` ({'policy' if len(names) == 1 else 'policies'} {', '.join(names[:5])}{more}): {sentence}"
