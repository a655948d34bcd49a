"""No result is typed into prose: numbers with units come from files, or stand on a short list."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ALLOWED: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "typed_numbers.yaml").read_text()
)
#: Written by a run from its results.
WRITTEN = {"book/this_run", "book/verdicts", "book/provenance"}
PAGES = {
    str(path.relative_to(ROOT).with_suffix("")): path
    for path in [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.py")]
}
UNITS = (
    r"(?:training |test |validation |real |synthetic )?"
    r"(?:months?|years?|seconds?|minutes?|hours?|days?|min|s|h|times|[GMk]i?B|px|pixels?|images?"
    r"|radiographs?|views?|patches|epochs?|seeds?|parameters|points?)\b|%|z²"
)
NUMBER = re.compile(rf"(?<![\w.,/`{{#-])(\d[\d,.]*\d|\d)[\s-]?({UNITS})")


def typed_numbers(text: str) -> set[str]:
    """Numbers with a unit in MyST prose; code, roles' targets and addresses left out."""
    text = re.sub(r"^(```|:::\{code).*?^(```|:::)$", "", text, flags=re.S | re.M)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)
    return {" ".join(found.group().split()) for found in NUMBER.finditer(text)}


def prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text()
    cells = jupytext.read(path).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("page", sorted(set(PAGES) - WRITTEN))
def test_no_result_is_typed(page: str) -> None:
    found, allowed = typed_numbers(prose(PAGES[page])), set(ALLOWED.get(page, {}))
    assert found - allowed == set(), "compute it, or give the reason in tests/typed_numbers.yaml"
    assert allowed - found == set(), "tests/typed_numbers.yaml allows what no longer stands there"


def test_every_exception_is_of_a_page() -> None:
    assert set(ALLOWED) <= set(PAGES)


@pytest.mark.parametrize(
    ("planted", "caught"),
    [
        ("ResNet50 errs by 13.2 months on test.", {"13.2 months"}),
        ("The ensemble is 12 % better.", {"12 %"}),
        ("It took\n41 minutes and 2 GiB.", {"41 minutes", "2 GiB"}),
        ("On 140 real radiographs.", {"140 real radiographs"}),
        ("`-p epochs=7 epochs` and {doc}`x 3 months` in [a](b 3 s) Table 3.", set()),
    ],
)
def test_a_planted_number_is_caught(planted: str, caught: set[str]) -> None:
    assert typed_numbers(planted) == caught
