"""Under each figure and table stands what made it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pandas as pd
import pytest
import yaml
from made_up_run import project
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from boneage_lib.errors import InputError
from boneage_lib.report.execute import execute
from boneage_lib.report.made import read_made
from boneage_lib.report.outputs import keep_output
from boneage_lib.report.provenance_page import provenance_page
from boneage_lib.report.run import Run
from boneage_lib.report.sources import LABELS, source
from boneage_lib.report.stamps import (
    Shown,
    all_shown,
    anchor,
    number_tables,
    settings_digest,
    stamped,
)
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


STUDY = {
    "cohort": {"checksum": "c0ffee" * 8, "n": 9, "kind": "rsna", "size": 500, "seed": 0}
    | {"split_origin": "stratified"},
    "profile": {
        "profile": "tiny",
        "title": "A tiny study",
        "notebooks": {"04_xception": {"seeds": 5}, "09_claims": {}},
    },
    "commit": "abcdef012345",
    "written": "2026-01-02T03:04:05+00:00",
    "processor": "a processor",
    "python": "3",
    "versions": {"keras": "3"},
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(project(tmp_path))
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    (tmp_path / "results" / "tiny" / "provenance.json").write_text(json.dumps(STUDY))
    return "tiny"


def test_what_another_study_measured_has_its_data_settings_and_commit(
    study: str, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    table = show(pd.DataFrame({"a": [1]}), "Kept.", of=study).to_html()
    notebook.cells.append(new_code_cell("4", outputs=[shown({"text/html": table})]))
    cells = stamped(notebook, "04_xception", MADE, "fedcba987654", tmp_path).cells
    own, kept = cells[6].source, cells[8].source
    assert "data fedcba · commit 0123456" in own
    digest = settings_digest(STUDY["profile"])
    assert f"cell 4 · study tiny · settings {digest} · data c0ffee · commit abcdef0" in kept


def test_a_figure_can_say_that_it_is_of_another_study(
    study: str, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    (picture,) = notebook.cells[2].outputs
    picture.metadata["image/png"] = {"width": 9, "of": study}
    cells = stamped(notebook, "11_beyond", MADE, "fedcba987654", tmp_path).cells
    assert "study tiny" in cells[3].source and "study" not in cells[6].source


def test_a_notebook_of_a_study_names_it_under_all_it_shows(
    study: str, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    made = {**MADE, "parameters": {"study": study}}
    cells = stamped(notebook, "10_real_radiographs", made, "fedcba987654", tmp_path).cells
    assert all("study tiny" in cells[number].source for number in (3, 6))


def test_a_cell_can_say_that_it_shows_labels(
    notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    notebook.cells[2].metadata["of"] = LABELS
    cells = stamped(notebook, "01_data_inspection", MADE, "fedcba987654", tmp_path).cells
    counts = source(LABELS)
    assert counts is not None
    assert f"RSNA&#x27;s labels · settings {settings_digest(MADE['parameters'])}" in cells[3].source
    assert f"data {counts.data[:6]} · commit 0123456" in cells[3].source
    assert "labels" not in cells[6].source


@pytest.mark.parametrize("name", ["none", "../results/tiny", "<b>", "tiny\n"])
def test_no_study_is_none(study: str, name: str) -> None:
    assert source(name) is None


def test_tables_are_numbered_through_the_book(notebook: nbformat.NotebookNode) -> None:
    assert number_tables(notebook, 7) == 8
    (found,) = [each for each in all_shown(notebook) if each.kind == "table"]
    assert "Table 7 </span>Ages &" in found.caption
    assert number_tables(new_notebook(cells=[new_markdown_cell("<table>")]), 3) == 3


def test_the_page_of_what_made_each_result_tells_of_the_studies(
    study: str, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run")
    run.cohort_folder.mkdir(parents=True)
    cohort = {"kind": "synthetic", "n": 1, "size": 100, "checksum": "0" * 9}
    (run.cohort_folder / "cohort.json").write_text(json.dumps(cohort))
    settings = {"profile": "own", "title": "Own", "weights": "random"}
    run.parameters_file.write_text(yaml.safe_dump(settings))
    run.notebooks.mkdir()
    notebook.cells[2].metadata["of"] = study
    nbformat.write(notebook, run.notebooks / "04_xception.ipynb")
    facts = dict.fromkeys(("started", "commit", "device", "processor", "python"), "x")
    made = {**MADE, **facts, "versions": {}, "seconds": 1.0, "cell_seconds": [1.0] * 3}
    (run.notebooks / "04_xception.made.json").write_text(json.dumps(made))
    page = provenance_page(run)
    assert "Cell 2, figure, 1.0 s: Errors. Shows {ref}`study tiny <made-of-tiny>`." in page
    assert "Cell 3, table 1, 1.0 s: Ages \\& sexes.\n" in page
    own = page.partition("(made-of-tiny)=\n## Shown beside the run: study tiny\n")[2]
    for word in ("A tiny study", "c0ffee" * 8, "`abcdef012345`", "04: `seeds = 5`"):
        assert word in own, word


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
        "import pandas as pd\n\nfrom boneage_lib.notebook import show, use_theme\n\n"
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


def test_a_figure_that_could_not_be_kept_as_a_file_is_missed(
    tmp_path: Path, environment: None
) -> None:
    source = tmp_path / "11_more.py"
    source.write_text(
        '# %% [markdown]\n# # More\n\n# %% tags=["parameters"]\nkept = True\n\n# %%\n'
        "import os\n\nfrom matplotlib.figure import Figure\n\n"
        "from boneage_lib.notebook import use_theme\n\n"
        'if not kept:\n    del os.environ["BONEAGE_OUTPUTS"]\nuse_theme()\n\n'
        '# %% mystnb={"figure": {"name": "fig-a", "caption": "Nothing."}}\n'
        "figure = Figure(figsize=(1, 1), label='tiny')\nfigure.add_subplot()\nfigure\n"
    )
    out = tmp_path / "run" / "11_more.ipynb"
    with pytest.raises(InputError, match="11_more, cell 4: its figure could not be written"):
        execute(source, out, {"kept": False}, tmp_path, tmp_path / "out")
    assert not out.exists() and not (tmp_path / "out").exists()
    execute(source, out, {}, tmp_path, tmp_path / "out")
    assert (tmp_path / "out" / "3.svg").is_file()
    (figure,) = all_shown(nbformat.read(out, as_version=4))
    assert figure.of == "tiny"
