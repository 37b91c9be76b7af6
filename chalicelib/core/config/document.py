"""YAML text -> plain data with the line of everything in it, or problems. Nothing of our own vocabulary.

The tree is made from the parser's events, not by PyYAML's constructors: a file can then name no Python type, be no
deeper and expand its aliases no further than the limits here, and repeat no key. Plain words mean what they mean in
YAML 1.2: `on`, `no` and `NO` are words, 12:30 and 2026-01-01 are words, 010 is ten.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from chalicelib.core.errors import BadInput, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 200_000
"""Values after aliases are expanded: what a few lines of aliases of aliases can't grow beyond."""

INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SURROGATE = re.compile("[\ud800-\udfff]")
WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`lines`: path of each key and list item -> its line, counted from 1. `problems`: repeated keys and the like,
    after which the rest is still worth looking at."""

    file: str
    data: Any
    lines: Mapping[Path, int]
    problems: tuple[Problem, ...]

    def place(self, path: Path) -> tuple[int, Path]:
        """The line of the nearest part of `path` that was written, and that part."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1), path

    def problem(self, path: Path, message: str, expected: str | None = None) -> Problem:
        return Problem(message, expected, self.file, self.place(path)[0], dotted(path) or None)


def dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(text: str | bytes, file: str) -> Document:
    """BadInput for what is not one YAML document of a sensible size."""
    reader = _Reader(file)
    root = reader.tree(_decoded(text, file))
    lines: dict[Path, int] = {}
    data = reader.plain(root, (), lines)
    return Document(file, data, lines, tuple(reader.problems))


def _decoded(text: str | bytes, file: str) -> str:
    try:
        raw = text if isinstance(text, bytes) else text.encode()
        words = text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeError:
        raise BadInput(Problem("not a text file", "YAML in UTF-8", file)) from None
    if len(raw) > MAX_BYTES:
        raise BadInput(Problem(f"the file has {len(raw):,} bytes", f"at most {MAX_BYTES:,}", file))
    if "\0" in words:
        raise BadInput(Problem("not a text file", "YAML in UTF-8", file))
    return words


@dataclass(slots=True)
class _Node:
    """`value`: a scalar's value, the items of a list, or the (key, value) pairs of a mapping."""

    value: Any
    line: int
    kind: str = "scalar"
    plain: bool = False
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class _Open:
    node: _Node
    anchor: str | None
    parts: list[_Node] = field(default_factory=list)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, _Node] = {}
        self._nodes = 0

    def fail(self, line: int | None, message: str, expected: str | None = None) -> BadInput:
        return BadInput(*self.problems, Problem(message, expected, self.file, line))

    def note(self, node: _Node, path: Path, message: str, expected: str | None = None) -> None:
        self.problems.append(Problem(message, expected, self.file, node.line, dotted(path) or None))

    def tree(self, text: str) -> _Node:
        try:
            root = self._root(yaml.parse(text, Loader=yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            raise self._unreadable(text, 0 if mark is None else mark.line, error.problem) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, max(0, int(error.position)))
            raise self._unreadable(text, line, "a character that YAML does not allow") from None
        except (ValueError, OverflowError):
            raise self.fail(None, "not readable as YAML: an escape or a number out of range") from None
        if root is None:
            raise self.fail(None, "the file is empty", "version, targets and policies")
        return root

    def _unreadable(self, text: str, line: int, why: str | None) -> BadInput:
        lines = text.splitlines() or [""]
        for at in (line, line - 1):
            if 0 <= at < len(lines) and re.match(r"[ -]*\t", lines[at]):
                return self.fail(at + 1, "a tab where YAML wants spaces", "spaces")
        return self.fail(min(line, len(lines) - 1) + 1, f"not readable as YAML: {why or 'syntax error'}")

    def _root(self, events: Iterator[yaml.Event]) -> _Node | None:
        root: _Node | None = None
        stack: list[_Open] = []
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.fail(_line(event), "a second document starts here", "one document a file")
            node = self._step(event, stack)
            if node is None:
                continue
            if stack:
                stack[-1].parts.append(node)
            else:
                root = node
        blank = root is not None and root.plain and root.value is None
        return None if blank else root

    def _step(self, event: yaml.Event, stack: list[_Open]) -> _Node | None:
        """The node that is complete with this event."""
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", line, len(stack))
        if isinstance(event, yaml.ScalarEvent):
            self._tagged(event.tag, event.implicit[0] or event.tag in ("!", "tag:yaml.org,2002:str"), line)
            if SURROGATE.search(event.value):
                raise self.fail(line, "an escape that is no character")
            plain = event.style is None and event.implicit[0]
            node = _Node(self._scalar(event.value, line) if plain else event.value, line, plain=plain)
            return self._finish(node, event.anchor, len(stack))
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._tagged(event.tag, event.implicit, line)
            kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
            if len(stack) >= MAX_DEPTH:
                raise self.fail(line, f"nested deeper than {MAX_DEPTH} levels")
            stack.append(_Open(_Node(None, line, kind), event.anchor))
            self._anchors.pop(event.anchor or "", None)
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            done = stack.pop()
            parts = done.parts
            done.node.value = parts if done.node.kind == "list" else list(zip(parts[::2], parts[1::2], strict=True))
            done.node.size += sum(part.size for part in parts)
            done.node.depth += max((part.depth for part in parts), default=0)
            return self._finish(done.node, done.anchor, len(stack))
        return None

    def _tagged(self, tag: str | None, fine: bool, line: int) -> None:
        if tag is not None and not fine:
            raise self.fail(line, f"tags like {tag[:60]} are not used here", "plain values")

    def _alias(self, anchor: str, line: int, depth: int) -> _Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise self.fail(line, f"*{anchor} stands for nothing before it, or for itself", f"&{anchor} further up")
        if depth + node.depth > MAX_DEPTH + 1:
            raise self.fail(line, f"nested deeper than {MAX_DEPTH} levels")
        self._count(node.size, line)
        return node

    def _finish(self, node: _Node, anchor: str | None, depth: int) -> _Node:
        self._count(1, node.line)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self.fail(line, f"more than {MAX_NODES:,} values, counting what aliases repeat")

    def _scalar(self, text: str, line: int) -> object:
        if text in WORDS:
            return WORDS[text]
        if not FLOAT.fullmatch(text):
            return text
        if INT.fullmatch(text) and len(text) <= 20:
            return int(text)
        number = float(text)
        if INT.fullmatch(text) or not math.isfinite(number):
            raise self.fail(line, "this number is too large", "quotes, if it is not meant as a number")
        return number

    def plain(self, node: _Node, path: Path, lines: dict[Path, int]) -> Any:
        if node.kind == "list":
            for position, item in enumerate(node.value):
                lines[(*path, position)] = item.line
            return [self.plain(item, (*path, position), lines) for position, item in enumerate(node.value)]
        if node.kind == "mapping":
            return self._mapping(node, path, lines)
        return node.value

    def _mapping(self, node: _Node, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
        chosen: dict[str, tuple[_Node, _Node]] = {}
        for key, value in node.value:
            if key.plain and key.value == "<<":
                continue
            name = self._key(key, path)
            if name is None:
                continue
            if name in chosen:
                first = chosen[name][0].line
                self.note(key, (*path, name), f"this key is already there in line {first}", "each key once")
                continue
            chosen[name] = (key, value)
        for name, pair in self._merged(node, path):
            chosen.setdefault(name, pair)
        for name, (key, _) in chosen.items():
            lines[(*path, name)] = key.line
        return {name: self.plain(value, (*path, name), lines) for name, (_, value) in chosen.items()}

    def _key(self, key: _Node, path: Path) -> str | None:
        if _is_word(key):
            return str(key.value)
        written = "this key" if key.kind != "scalar" else f"the key {str(key.value).lower()}"
        self.note(key, path, f"{written} is not a word", "a word; in quotes where YAML takes it for something else")
        return None

    def _merged(self, node: _Node, path: Path) -> Iterator[tuple[str, tuple[_Node, _Node]]]:
        """What `<<: *other` brings in, nearest first. Keys of merged mappings are judged where they are written."""
        for key, value in node.value:
            if not (key.plain and key.value == "<<"):
                continue
            for source in value.value if value.kind == "list" else [value]:
                if source.kind != "mapping":
                    self.note(key, path, "<< takes a mapping, or a list of mappings", "<<: *name")
                    continue
                for name, pair in source.value:
                    if _is_word(name) and name.value != "<<":
                        yield name.value, (name, pair)
                yield from self._merged(source, path)


def _is_word(key: _Node) -> bool:
    """Keys are repeated in messages: nothing in them may move a terminal's cursor."""
    return isinstance(key.value, str) and key.value.isprintable()


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
