"""Every code that the program can raise stands in docs/findings.md, and the other way round."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = r"(?:select|repository|snapshot|engine|run)\.[a-z_]+"


def test_codes_and_their_page_agree() -> None:
    sources = [path.read_text() for path in (ROOT / "chalicelib" / "core").rglob("*.py")]
    raised = {code for text in sources for code in re.findall(rf'"({CODE})"', text)}
    documented = set(re.findall(rf"^\| `({CODE})`", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE))
    assert raised == documented
    assert len(raised) > 10
