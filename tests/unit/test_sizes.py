from pathlib import Path

from tests.sizes import too_long

ROOT = Path(__file__).parents[2]


def test_files_and_functions_stay_small() -> None:
    assert "\n".join(too_long(ROOT)) == ""


def test_a_long_file_and_a_long_function_are_found(tmp_path: Path) -> None:
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "long.py").write_text("x = 1\n" * 300)
    (tmp_path / "app.py").write_text("def work():\n" + "    x = 1\n" * 39)

    assert too_long(tmp_path) == ["app.py:1: work has 40 lines", "chalicelib/long.py: 300 lines"]


def test_the_docstring_of_a_function_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text('def work():\n    """' + "word\n    " * 50 + '"""\n' + "    x = 1\n" * 38)

    assert too_long(tmp_path) == []
