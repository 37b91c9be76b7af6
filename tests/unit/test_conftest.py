"""The gates of the test run itself."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_skip_without_a_reason_fails_the_run(pytester: pytest.Pytester, processes: str) -> None:
    result = _run(
        pytester,
        """
        import pytest
        def test_skip(): pytest.skip()
        def test_blank(): pytest.skip("  ")
        def test_xfail(): pytest.xfail()
        @pytest.mark.skip
        def test_skip_mark(): pass
        @pytest.mark.xfail
        def test_xfail_mark(): assert False
        """,
        *("-n", processes),
    )

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    blamed = [line for line in result.outlines if line.endswith("skipped without a reason")]
    assert len(blamed) == 5


def test_a_skip_with_a_reason_passes(pytester: pytest.Pytester) -> None:
    result = _run(
        pytester,
        """
        import pytest
        def test_skip(): pytest.skip("needs Linux")
        @pytest.mark.skip(reason="needs Linux")
        def test_skip_mark(): pass
        @pytest.mark.skipif(True, reason="needs Linux")
        def test_skipif(): pass
        @pytest.mark.xfail(reason="upstream bug 1")
        def test_xfail_mark(): assert False
        """,
    )

    assert result.ret == pytest.ExitCode.OK


def test_a_golden_file_is_compared_and_rewritten_only_on_request(pytester: pytest.Pytester) -> None:
    (pytester.path / "golden").mkdir()
    file = pytester.path / "golden" / "a.txt"
    file.write_text("old")
    tests = """
        def test_same(golden): golden("a.txt", "new")
        """

    assert _run(pytester, tests).ret == pytest.ExitCode.TESTS_FAILED
    assert file.read_text() == "old"
    assert _run(pytester, tests, "--update").ret == pytest.ExitCode.OK
    assert file.read_text() == "new"
    assert _run(pytester, tests).ret == pytest.ExitCode.OK


def _run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)
