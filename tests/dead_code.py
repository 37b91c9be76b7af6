"""What nobody uses: functions, classes, methods, unreachable lines. `make check` runs it as a program.

Class variables are left out: an enum member or a field of a stored record is used by whoever reads the table.
Imports and local variables are ruff's.
"""

import sys
from pathlib import Path

from vulture import Vulture

SOURCES = ("chalicelib", "infra", "tests", "app.py")
KINDS = ("class", "function", "method", "property", "unreachable_code")

CALLED_BY_DECORATOR = [
    "@app.*",
    "@initialize",
    "@rule",
    "@field_validator",
    "@field_serializer",
    "@model_validator",
    "@model_serializer",
    "@pytest.fixture",
    "@*.callback",
    "@*.command",
]
CALLED_BY_NAME = [
    "pytest_*",
    "test_*",
    "Test*",
    "teardown",
    "do_GET",
    "do_HEAD",
    "do_POST",
    "do_PUT",
    "do_DELETE",
    "log_message",
]

USED_ELSEWHERE: dict[str, str] = {
    "Meta": "pynamodb",
    "json_loads": "the client's serializer",
    "__call__": "whatever is called: protocols of functions",
    "run": "the console script, see pyproject.toml",
}
"""name -> who uses it."""


def unused(root: Path) -> list[str]:
    vulture = Vulture(ignore_names=CALLED_BY_NAME, ignore_decorators=CALLED_BY_DECORATOR)
    vulture.scavenge([str(root / source) for source in SOURCES if (root / source).exists()])
    return [
        f"{Path(item.filename).relative_to(root)}:{item.first_lineno}: {item.message}"
        for item in vulture.get_unused_code(min_confidence=60)
        if item.typ in KINDS and item.name not in USED_ELSEWHERE
    ]


if __name__ == "__main__":
    found = unused(Path(__file__).parents[1])
    sys.exit("\n".join(found) if found else 0)
