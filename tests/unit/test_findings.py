"""Every code that the program can raise stands in docs/findings.md, and the other way round."""

import re
from pathlib import Path

from chalicelib.core.spec import Contract

ROOT = Path(__file__).parents[2]
CODE = r"(?:select|repository|snapshot|engine|run|counts|contract|clock|doctor)\.[a-z_]+"
TERMS = {f"contract.{term}" for term in Contract.model_fields} - {"contract.allow_partial"}
"""Their codes are made from the names of the keys."""


def test_codes_and_their_page_agree() -> None:
    sources = [path.read_text() for path in (ROOT / "chalicelib" / "core").rglob("*.py")]
    raised = {code for text in sources for code in re.findall(rf'"({CODE})"', text)} | TERMS
    documented = set(re.findall(rf"^\| `({CODE})`", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE))
    assert raised == documented
    assert len(raised) > 30
