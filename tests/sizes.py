"""How long files and functions are. A docstring costs nothing: contracts shall not be cut to fit."""

import ast
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 300
FUNCTION_LINES = 40


def too_long(root: Path, sources: tuple[str, ...] = ("chalicelib", "infra", "tests", "app.py")) -> list[str]:
    """Every file and function that is not under the limit, as `file: why` or `file:line: why`, sorted."""
    files = [path for source in sources for path in _files(root / source)]
    return sorted(f"{path.relative_to(root).as_posix()}{why}" for path in files for why in _judge(path.read_text()))


def _files(source: Path) -> Iterator[Path]:
    return source.rglob("*.py") if source.is_dir() else iter([source] if source.is_file() else [])


def _judge(text: str) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines >= FILE_LINES:
        yield f": {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (length := _length(node)) >= FUNCTION_LINES:
            yield f":{node.lineno}: {node.name} has {length} lines"


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    match node.body[0]:
        case ast.Expr(value=ast.Constant(value=str())) as docstring:
            return length - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)
    return length
