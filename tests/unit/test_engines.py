from pathlib import Path

import pytest

from chalicelib import engines
from chalicelib.core.errors import Refused

ROOT = Path(__file__).parents[2]


def missing_fakes(names: tuple[str, ...], fakes: Path) -> list[str]:
    return [
        f"engine {name} has no fake: write {fakes.name}/{name}.py"
        for name in names
        if not (fakes / f"{name}.py").exists()
    ]


def test_engines_are_found_by_file_name_without_their_helpers() -> None:
    assert engines.available() == ("elasticsearch",)
    assert callable(engines.load("elasticsearch").connect)


@pytest.mark.parametrize("name", ["opensearch", "elasticsearch_read", "../store/memory", ""])
def test_an_unknown_engine_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(Refused, match="available: elasticsearch"):
        engines.load(name)


def test_every_engine_has_its_fake() -> None:
    assert missing_fakes(engines.available(), ROOT / "tests" / "fakes") == []


def test_an_engine_without_a_fake_is_named(tmp_path: Path) -> None:
    (tmp_path / "fakes").mkdir()

    assert missing_fakes(("ravendb",), tmp_path / "fakes") == ["engine ravendb has no fake: write fakes/ravendb.py"]
