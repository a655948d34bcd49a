"""The published notebooks say of training what the run says, where nbval does not compare them.

Cells whose output comes of training differ between processors in their last digits. Their form is
compared here, and the errors that they print are held to the tolerance of `references.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from html_tables import Table

from boneage_lib.paper.published import TITLES
from boneage_lib.report.profile import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[2]
REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text())
ERROR = "mean absolute error (months)"
IGNORED, INJECTED = "nbval-ignore-output", "injected-parameters"


def tables(cell: Any) -> Iterator[Table]:
    for output in cell.get("outputs", []):
        if "<table" in (html := output.get("data", {}).get("text/html", "")):
            yield Table(html)


def form(cell: Any) -> list[Any]:
    """What a cell shows, without numbers: kinds of output, captions, heads and rows' names."""
    kinds = [sorted(output.get("data", {"text": ""})) for output in cell.get("outputs", [])]
    shown = [
        (without_numbers(table.caption), [without_numbers(row[0]) for row in table.rows if row])
        for table in tables(cell)
    ]
    heads = [[without_numbers(head) for head in table.heads] for table in tables(cell)]
    return [kinds, shown, heads]


def tags(cell: Any) -> list[str]:
    found: list[str] = cell.metadata.get("tags", [])
    return found


def without_numbers(text: str) -> str:
    return re.sub(r"[-+−]?\d[\d,.]*", "#", text)


def published(name: str) -> Any:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_comes_of_training_has_the_form_that_is_published(
    name: str, notebooks: dict[str, Any]
) -> None:
    executed = [cell for cell in notebooks[name].cells if INJECTED not in tags(cell)]
    for known, own in zip(published(name).cells, executed, strict=True):
        if IGNORED in tags(known):
            assert form(own) == form(known), known.source


def test_published_errors_are_those_of_other_machines() -> None:
    """Of every network and ensemble, as tables of the published ensemble analysis print them."""
    found: dict[str, set[float]] = {}
    for cell in published("08_ensemble_analysis").cells:
        for table in tables(cell):
            if ERROR in table.heads:
                at = table.heads.index(ERROR)
                for name, told in ((row[0], row[at]) for row in table.rows if len(row) > at):
                    if error := re.match(r"\d+\.\d", told):
                        found.setdefault(name, set()).add(float(error[0]))
    names = {key: TITLES.get(key, key.replace("_", " ")) for key in REFERENCES["test_mae_months"]}
    assert set(names.values()) <= set(found)
    for key, expected in REFERENCES["test_mae_months"].items():
        for error in found[names[key]]:
            assert error == pytest.approx(expected["mean"], abs=expected["tolerance"]), key
