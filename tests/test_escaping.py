"""Text of files and settings on the book's pages: shown as it is, never as markup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_up_run import ROOT, labels, project, write_networks
from markdown_it.renderer import RendererHTML
from matplotlib.figure import Figure
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from boneage_lib.notebook import Run, collect
from boneage_lib.paper.published import TITLES
from boneage_lib.report import provenance_page
from boneage_lib.report.compare import compare_runs, comparison_page
from boneage_lib.report.explorer import write_explorer
from boneage_lib.report.front_page import front_page
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.stamps import all_shown, stamped
from boneage_lib.report.tables import show
from boneage_lib.report.theme import svg_text
from boneage_lib.report.wording import as_code, as_words

BAD = '<script>alert("1")</script>'
#: Ways out of a line, a cell, code or text, by what they would become.
MARKUP = (
    BAD,
    f"`{BAD}`",
    f"``{BAD}`",
    f"| {BAD} | 2 |",
    f"a\n\n{BAD}\n\nb",
    "a\n\n```{raw} html\n" + BAD + "\n```\n",
    "[here](javascript:alert(1))",
    "![here](http://example.org/seen.png)",
    "{download}`../../parameters.yaml`",
    "&lt;b&gt; &#60;script>",
    "*a* _b_ **c** ~~d~~ $x$ $$y$$",
    "\\<script>\\",
)


class Shown(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> Shown:
    """As the book's own parser renders it."""
    extensions = yaml.safe_load((ROOT / "_config.yml").read_text())["parse"]
    config = MdParserConfig(enable_extensions=set(extensions["myst_enable_extensions"]))
    return Shown(create_md_parser(config, RendererHTML).render(markdown))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("form", [as_words, as_code])
def test_markup_in_text_is_shown_as_text(form: Any, text: str) -> None:
    inside = rendered(f"Before {form(text)} after.")
    assert inside.text.strip() == f"Before {one_line(text)} after."
    assert set(inside.tags) <= {"p", "code"}
    cell = form(text).replace("|", r"\|") if form is as_code else form(text)
    table = rendered(f"| a | b |\n|---|---|\n| {cell} | 7 |\n")
    assert one_line(text) in table.text
    assert table.tags.count("td") == 2
    assert set(table.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    for form in (as_words, as_code):
        found = rendered(f"Before {form(text)} after.")
        assert found.text.strip() == f"Before {one_line(text)} after."
        assert set(found.tags) <= {"p", "code"}


def test_tables_show_labels_and_not_markup() -> None:
    table = pd.DataFrame(
        {BAD: [BAD, "a & b"], "mixed": [0.5, BAD], "n": [1000, 2]},
        index=pd.Index([BAD, "<img src=x onerror=alert(1)>"]),
    )
    style = show(table, BAD)
    page = style.to_html()
    plain = show(pd.DataFrame({"a": ["b"]}), "c").to_html()
    assert set(Shown(page).tags) == set(Shown(plain).tags)
    found = Shown(page)
    assert found.text.count(BAD) == 5 and "a & b" in found.text and "1,000" in found.text
    assert "0.500000" in found.text, "as pandas has it"
    assert style.data.equals(table), "files are written from what is there"
    cell = new_code_cell("1", outputs=[new_output("display_data", {"text/html": page})])
    (stamp,) = all_shown(new_notebook(cells=[cell]))
    assert stamp.caption == BAD


def test_figures_show_names_and_not_markup() -> None:
    figure = Figure()
    figure.subplots().set_title(BAD)
    assert "<script" not in svg_text(figure)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run whose every setting and name is markup."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project(tmp_path_factory.mktemp("project")))
        yield made_of_markup()


def made_of_markup() -> Run:
    run = Run(f"runs/{BAD.replace('/', '')}")
    write_networks(run)
    for name in TITLES:
        result = run.read_json(f"{name}.json", name)
        result["base"]["weights"]["checkpoint"] = f"the file {BAD}"
        run.write_json(f"{name}.json", result)
    collect(run)
    settings = {
        "profile": BAD,
        "title": f"{BAD}\n\n{BAD}",
        "cohort": {"source": "phantom", "n": 160, "size": 256, "seed": 0, BAD: BAD},
        "weights": f"weights/{BAD}`".replace("</", "<"),
    }
    run.parameters_file.write_text(yaml.safe_dump(settings))
    run.cohort_folder.mkdir()
    cohort = {"kind": BAD, "n": 160, "size": 256, "checksum": BAD}
    (run.cohort_folder / "cohort.json").write_text(json.dumps(cohort))
    return run


def test_the_first_page_shows_names_and_not_markup(run: Run) -> None:
    found = rendered(front_page(run))
    assert "script" not in found.tags
    assert found.text.count(BAD) >= 2, "the profile's name and the weights' file"


def test_the_page_of_what_made_each_result_shows_settings_and_not_markup(run: Run) -> None:
    table = show(pd.DataFrame({"a": [1]}), BAD).to_html()
    name = NOTEBOOKS[0]
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            new_code_cell("1", outputs=[new_output("display_data", {"text/html": table})]),
        ]
    )
    run.notebooks.mkdir()
    nbformat.write(notebook, run.notebooks / f"{name}.ipynb")
    made = {
        "parameters": {"seed": BAD, "weights": f"x/{BAD}", "study": f"`{BAD}", "run_dir": BAD},
        "versions": {BAD: BAD},
        **dict.fromkeys(("started", "commit", "device", "processor", "python"), BAD),
        "seconds": 1.0,
        "cell_seconds": [1.0],
    }
    (run.notebooks / f"{name}.made.json").write_text(json.dumps(made))
    found = rendered(provenance_page.provenance_page(run))
    assert "script" not in found.tags
    assert found.text.count(BAD) >= 10
    assert found.tags.count("table") == 2, "nothing left its cell"


def test_stamps_show_names_and_not_markup(tmp_path: Path) -> None:
    table = show(pd.DataFrame({"a": [1]}), "A.").to_html()
    notebook = new_notebook(
        cells=[new_code_cell("1", outputs=[new_output("display_data", {"text/html": table})])]
    )
    made = {"parameters": {BAD: BAD}, "commit": "<script"}
    stamp = stamped(notebook, NOTEBOOKS[0], made, "<script", tmp_path).cells[1].source
    assert set(Shown(stamp).tags) == {"p", "a"}


def test_two_runs_side_by_side_show_names_and_not_markup(run: Run) -> None:
    other = Run("runs/other")
    write_networks(other)
    collect(other)
    settings = {"cohort": {"source": "phantom", BAD: 1}, "weights": "random"}
    other.parameters_file.write_text(yaml.safe_dump(settings))
    found = Shown(comparison_page(run, other, compare_runs(run, other)))
    assert "script" not in found.tags
    assert BAD in found.text


def test_data_of_the_page_to_explore_closes_no_script(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = Run(shutil.copytree(run.folder, tmp_path / "run"))
    for name in (*TITLES, "ensemble"):
        table = run.read_table(f"predictions/{name}.csv", name)
        run.write_table(f"predictions/{name}.csv", table.assign(id="<" + table["id"].astype(str)))
    cohort = SimpleNamespace(
        info={"kind": "synthetic"},
        labels=labels().assign(id="<" + labels()["id"].astype(str)),
        images=np.zeros((len(labels()), 8, 8), np.uint8),
    )
    monkeypatch.setattr(Run, "cohort", lambda self: cohort)
    write_explorer(run, tmp_path / "explorer")
    text = (tmp_path / "explorer" / "data.js").read_text()
    assert "<" not in text
    hands = json.loads(text.partition(" = ")[2].rstrip(";\n"))["hands"]
    assert all(hand["name"].startswith("<") for hand in hands)


def test_the_books_scripts_make_no_markup_of_text() -> None:
    for script in (ROOT / "book" / "styles").glob("*.js"):
        text = script.read_text()
        for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert door not in text, f"{script.name}: {door}"
