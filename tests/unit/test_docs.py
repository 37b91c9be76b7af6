"""What the documents say is so: keys, defaults, examples, commands, links, make targets."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from chalicelib.cli.main import app, run
from chalicelib.core.config import load, schema
from chalicelib.core.config.later import LATER

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONFIGURATION = ROOT / "docs" / "configuration.md"
SECTIONS = {"top level": "## Top level", "targets": "## Targets", "policies": "## Policies"}
BY_WORDS = {"auth", "tls", "restore", "contract", "drill.into", "notify"}
"""Blocks whose default is said by their own keys."""

Row = list[str]


def section(text: str, heading: str) -> str:
    _, _, rest = text.partition(f"{heading}\n")
    assert rest, f"there is no section {heading}"
    return re.split(r"^## ", rest, flags=re.MULTILINE)[0]


def table(text: str, first: str) -> list[Row]:
    """The body of the table whose first heading is `first`."""
    _, _, rest = text.partition(f"| {first} |")
    body = re.match(r"[^\n]*\n\|[ |:-]+\|\n((?:\|[^\n]*\n)+)", rest)
    assert body, f"there is no table of {first}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in body[1].splitlines()]


def rows(where: str) -> dict[str, Row]:
    """Of a table of keys: key -> type, default, acts, what it does."""
    found = table(section(CONFIGURATION.read_text(), SECTIONS[where]), "key")
    return {row[0].strip("` |"): [cell.strip("| ") for cell in row[1:]] for row in found}


def keys(part: Mapping[str, Any], parts: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str | None]]:
    """Every key below `part` of the schema as documents write it, and its default (`required`, None: none)."""
    part = parts[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    for choice in (*part.get("anyOf", ()), *([part["items"]] if "items" in part else ())):
        yield from keys(choice, parts, path)
    if isinstance(named := part.get("additionalProperties"), Mapping) and "$ref" in named:
        yield from keys(named, parts, f"{path}NAME.")
    for key, inner in part.get("properties", {}).items():
        if not re.fullmatch(r"L\d", key):
            default = written(inner["default"]) if "default" in inner else None
            yield f"{path}{key}", "required" if key in part.get("required", ()) else default
            yield from keys(inner, parts, f"{path}{key}.")


def written(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(next(iter(item)) if isinstance(item, dict) else str(item) for item in value)}]"
    return json.dumps(value)


def known(where: str) -> dict[str, str | None]:
    made = schema()
    if where == "top level":
        return {key: "required" for key in made["properties"] if key in made["required"]}
    name = {"targets": "Target", "policies": "Policy"}[where]
    return dict(keys(made["$defs"][name], made["$defs"]))


@pytest.mark.parametrize("where", SECTIONS)
def test_every_key_of_the_schema_is_documented_and_no_other(where: str) -> None:
    assert list(rows(where)) == list(known(where))


@pytest.mark.parametrize("where", SECTIONS)
def test_defaults_are_those_of_the_schema(where: str) -> None:
    said = {key: row[1].strip("`") for key, row in rows(where).items()}
    wanted = {key: default or "none" for key, default in known(where).items()}
    wrong = {key: (said[key], default) for key, default in wanted.items() if key in said and said[key] != default}
    assert {key for key in wrong if wanted[key] == "required" or key not in BY_WORDS} == set()


def test_what_acts_later_is_what_apply_says_so_of() -> None:
    for where, later in (("targets", ()), ("policies", LATER)):
        blocks = {key for key, *_ in later}
        for key, (_, _, acts, *_) in rows(where).items():
            said = bool({key, key.split(".")[0]} & blocks)
            assert acts != "yes" or not said, key
            assert acts != "later" or said, key


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_examples_are_accepted(path: Path) -> None:
    for block in re.findall(r"^```yaml\n(version: 1\n.*?)^```", path.read_text(), flags=re.MULTILINE | re.DOTALL):
        load(block, path.name, neighbour=lambda name: name)


def test_there_are_examples() -> None:
    assert all("```yaml\nversion: 1\n" in path.read_text() for path in (CONFIGURATION, ROOT / "README.md"))


def test_the_mistakes_are_told_as_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = section(CONFIGURATION.read_text(), "## Mistakes")
    example = re.search(
        r"```yaml\n(.*?)```.*?```console\n\$ snapwarden apply snapwarden.yaml\n(.*?)```", text, re.DOTALL
    )
    assert example
    monkeypatch.chdir(tmp_path)
    Path("snapwarden.yaml").write_text(example[1])
    with pytest.raises(SystemExit) as ended:
        run(["apply", "snapwarden.yaml"])
    assert (ended.value.code, capsys.readouterr().err) == (2, example[2])


def commands() -> Mapping[str, Any]:
    """By what is typed: `backup`, `restore plan`."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, TyperGroup) else {}
        found |= {f"{name} {word}": one for word, one in inner.items()} or {name: command}
    return found


def name_of(typed: str) -> str:
    """Of the command that a line begins with."""
    words = re.findall(r"[a-z-]+", typed)
    return next(name for name in (" ".join(words[:2]), words[0]) if name in commands() or name == words[0])


def test_the_commands_of_the_readme_are_those_there_are() -> None:
    spans = [
        span for row in table((ROOT / "README.md").read_text(), "command") for span in re.findall("`(.+?)`", row[0])
    ]
    assert sorted(map(name_of, spans)) == sorted(commands())
    for span in spans:
        options = {option for parameter in commands()[name_of(span)].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", span)) <= options, span


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_that_is_typed_exists(path: Path) -> None:
    typed = re.findall(r"^\$ (?:\S+/)?snapwarden ([a-z].*)$", path.read_text(), flags=re.MULTILINE)
    assert {name_of(line) for line in typed} <= set(commands())


def anchors(path: Path) -> set[str]:
    """As the usual renderers make them from headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_make_targets_exist(path: Path) -> None:
    named = re.findall(r"(?:`|^(?:\$ )?)make ([a-z-]+)", path.read_text(), flags=re.MULTILINE)
    made = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(named) <= set(made)
