"""Under each figure and table stands what made it."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from boneage_lib.report.execute import execute
from boneage_lib.report.made import read_made
from boneage_lib.report.outputs import keep_output
from boneage_lib.report.stamps import Shown, all_shown, anchor, settings_digest, stamped
from boneage_lib.report.tables import show
from boneage_lib.report.theme import save_figure

PNG = base64.b64encode(b"a picture").decode()
MADE: dict[str, Any] = {"parameters": {"seed": 0}, "commit": "0123456789ab"}


def shown(data: dict[str, str]) -> Any:
    return new_output("execute_result", data=data, execution_count=1)


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    figure = {"figure": {"name": "fig-a", "caption": "Errors."}}
    table = show(pd.DataFrame({"a": [1]}), "Ages & sexes.").to_html()
    return new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            new_code_cell("1", outputs=[shown({"text/plain": "1"})]),
            new_code_cell("2", metadata={"mystnb": figure}, outputs=[shown({"image/png": PNG})]),
            new_markdown_cell("Text."),
            new_code_cell("3", outputs=[shown({"text/html": table})]),
        ]
    )


def test_figures_and_tables_are_found_with_their_captions(notebook: nbformat.NotebookNode) -> None:
    digest = hashlib.sha256(b"a picture").hexdigest()
    assert list(all_shown(notebook)) == [
        Shown(2, "figure", "Errors.", digest),
        Shown(3, "table", "Ages & sexes."),
    ]


def test_a_stamp_follows_each_and_tells_what_made_it(
    notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    (tmp_path / "2.svg").touch()
    found = stamped(notebook, "04_xception", MADE, "fedcba987654", tmp_path)
    kinds = [cell.cell_type for cell in found.cells]
    assert kinds == ["markdown", "code", "code", "markdown", "markdown", "code", "markdown"]
    figure, table = found.cells[3].source, found.cells[6].source
    assert f'href="../book/provenance.html#{anchor("04_xception", 2)}"' in figure
    assert "notebook 04, cell 2 · settings" in figure
    assert "data fedcba · commit 0123456" in figure
    assert 'href="../outputs/04_xception/2.svg" download' in figure
    assert ".png" in figure and ".csv" not in table and ".png" not in table


def test_another_parameter_gives_another_stamp(
    notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    other = {**MADE, "parameters": {"seed": 1}}
    texts = [
        stamped(nbformat.from_dict(notebook), "04_xception", made, "f" * 9, tmp_path)
        .cells[3]
        .source
        for made in (MADE, other)
    ]
    assert texts[0] != texts[1]
    assert settings_digest({"seed": 1}) in texts[1]


def test_figures_and_tables_are_kept_as_files(tmp_path: Path) -> None:
    values = [Figure(), show(pd.DataFrame({"a": [0.123456]}), "A."), "text", None]
    for number, value in enumerate(values, start=1):
        keep_output(
            tmp_path / "out", save_figure, SimpleNamespace(result=value, execution_count=number)
        )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.svg", "2.csv"]
    assert (tmp_path / "out" / "2.csv").read_text() == "a\n0.123456\n"


@pytest.fixture
def environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_an_executed_notebook_has_its_record_and_its_files(
    tmp_path: Path, environment: None
) -> None:
    source = tmp_path / "11_more.py"
    source.write_text(
        '# %% [markdown]\n# # More\n\n# %% tags=["parameters"]\nn = 1\n\n# %%\n'
        "import pandas as pd\n\nfrom boneage_lib.report import show, use_theme\n\n"
        'use_theme()\n\n# %%\nshow(pd.DataFrame({"n": [n]}), "Numbers.")\n'
    )
    out = execute(source, tmp_path / "run" / "11_more.ipynb", {"n": 5}, tmp_path, tmp_path / "out")
    made = read_made(out)
    assert made is not None
    assert made["parameters"] == {"n": 5}
    assert len(made["cell_seconds"]) == 4 and made["seconds"] > 0
    assert {"commit", "device", "processor", "versions", "started"} <= set(made)
    (table,) = all_shown(nbformat.read(out, as_version=4))
    assert (tmp_path / "out" / f"{table.cell}.csv").read_text() == "n\n5\n"
