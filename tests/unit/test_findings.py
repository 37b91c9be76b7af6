"""Every code that the program can raise stands in docs/findings.md, and the other way round."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from chalicelib.core import terms
from chalicelib.core.observations import Sizes
from chalicelib.core.spec import Contract
from tests.unit.judging import BACKUP_ID, USUAL, WHOLE

ROOT = Path(__file__).parents[2]
CODE = r"(?:select|repository|snapshot|engine|run|counts|contract|clock|doctor|restore|capsule|drill|salvage)\.[a-z_]+"
TERMS = {f"contract.{term}" for term in Contract.model_fields} - {"contract.allow_partial"}
"""Their codes are made from the names of the keys."""


def test_codes_and_their_page_agree() -> None:
    core = ROOT / "chalicelib" / "core"
    sources = [path.read_text() for path in core.rglob("*.py") if "config" not in path.parts]  # keys of the file
    raised = {code for text in sources for code in re.findall(rf'"({CODE})"', text)} | TERMS
    first = re.findall(rf"^\| (`{CODE}`[^|]*) \|", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE)
    documented = {code for cell in first for code in re.findall(rf"`({CODE})`", cell)}
    assert raised == documented
    assert len(raised) > 30


def test_every_term_of_a_contract_raises_its_code() -> None:
    asked = Contract(must_include=("c",), min_indices=3, min_docs=101, min_bytes=1001, max_shrink=Decimal(0))
    usual = replace(USUAL, docs=1000)
    found = terms.broken(asked, BACKUP_ID, WHOLE, Sizes(total=1000, added=1), 100, usual)
    assert {finding.code for finding in found} == TERMS
