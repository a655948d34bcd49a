"""The book and the notebooks' pairs: what can be checked without building or running."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest
import yaml
from checkout import tracked_files

from boneage_lib.report.dependencies import drawing_digest
from boneage_lib.report.profile import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "book").glob("*.md"))
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
PAIRS = [source for source in SOURCES if source.with_suffix(".ipynb").is_file()]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CHAPTERS = [TOC["root"], *(page["file"] for part in TOC["parts"] for page in part["chapters"])]


def texts() -> dict[str, str]:
    """Text files of the project by their path; MathJax, which is not ours, left out."""
    found = {}
    files = tracked_files()
    if files is None:
        pytest.skip("not a git checkout")
    for path in files:
        if "mathjax" not in path.parts:
            try:
                found[str(path.relative_to(ROOT))] = path.read_text("utf-8")
            except UnicodeDecodeError:
                continue
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_exists(chapter: str) -> None:
    suffix = ".py" if chapter.startswith("notebooks/") else ".md"
    assert (ROOT / chapter).with_suffix(suffix).is_file()


def test_every_page_is_in_the_contents() -> None:
    included = {"this_run", "verdicts"}  # parts of other pages
    assert {f"book/{page.stem}" for page in PAGES if page.stem not in included} | {
        f"notebooks/{source.stem}" for source in SOURCES
    } == set(CHAPTERS)


def test_notebooks_stand_in_the_order_in_which_they_run() -> None:
    listed = [name.removeprefix("notebooks/") for name in CHAPTERS if "notebooks/" in name]
    assert listed == list(NOTEBOOKS)


def test_the_first_page_says_what_the_run_is() -> None:
    assert "```{include} this_run.md" in (ROOT / "book" / "index.md").read_text()
    assert (ROOT / "book" / "this_run.md").read_text().count("\n## This run\n") == 1


@pytest.mark.parametrize("source", PAIRS, ids=lambda path: path.stem)
def test_notebook_has_the_text_of_its_source(source: Path) -> None:
    def cells(path: Path) -> list[tuple[object, ...]]:
        return [
            (cell.cell_type, cell.source, cell.metadata.get("tags"), cell.metadata.get("mystnb"))
            for cell in jupytext.read(path).cells
        ]

    assert cells(source.with_suffix(".ipynb")) == cells(source)


@pytest.mark.parametrize("source", PAIRS, ids=lambda path: path.stem)
def test_published_figures_are_what_todays_code_draws(source: Path) -> None:
    drawn_by = jupytext.read(source.with_suffix(".ipynb")).metadata["boneage"]["drawn_by"]
    assert drawn_by == drawing_digest(source, ROOT), "publish anew: make notebooks"


@pytest.mark.parametrize("source", PAIRS, ids=lambda path: path.stem)
def test_published_cells_ran_once_and_in_order(source: Path) -> None:
    code = [
        cell
        for cell in jupytext.read(source.with_suffix(".ipynb")).cells
        if cell.cell_type == "code"
    ]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert all(output.output_type != "error" for output in cell.outputs), cell.source


def test_either_every_notebook_is_published_or_none() -> None:
    published = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert published in (set(), {source.stem for source in SOURCES})


def test_every_citation_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text()))
    for path in [*PAGES, *SOURCES]:
        for cited in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", path.read_text()):
            assert {key.strip() for key in cited.split(",")} <= keys, path.name


def test_every_numbered_reference_has_its_figure() -> None:
    drawn = re.findall(r'"figure": \{"name": "([^"]+)"', "".join(s.read_text() for s in SOURCES))
    assert len(drawn) == len(set(drawn))
    for path in [*PAGES, *SOURCES]:
        for name in re.findall(r"\{numref\}`(?:[^`<]*<)?([^`>]+)>?`", path.read_text()):
            assert name in drawn, f"{path.name} refers to {name}"


def test_every_figure_has_a_caption_and_says_in_its_own_sentence_what_it_shows() -> None:
    alts = []
    for source in SOURCES:
        for cell in jupytext.read(source).cells:
            options = cell.metadata.get("mystnb", {})
            if "figure" in options:
                assert options["figure"]["caption"].endswith("."), source.name
                alts.append(options["image"]["alt"])
    for alt in alts:
        assert alt[0].isupper() and alt.endswith(".") and len(alt.split()) > 8, alt
        assert alts.count(alt) == 1, f"two figures say {alt!r}"


def test_terms_stand_wherever_readers_are_sent_for_the_data() -> None:
    for name in ("README.md", "book/data.md", "book/reproduce.md", "book/data_card.md"):
        text = " ".join((ROOT / name).read_text().split())
        assert "non-commercial" in text, name
        assert "identify" in text, name
        assert "rsna-pediatric-bone-age-challenge-2017" in text, name


def test_the_book_brings_its_own_mathjax() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    options = config["sphinx"]["config"]
    assert not options["mathjax_path"].startswith("http")
    script = ROOT / options["html_extra_path"][0] / options["mathjax_path"].removeprefix("../")
    assert script.stat().st_size > 1_000_000
    assert "Apache License" in (script.parent / "LICENSE").read_text()


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    place = re.compile(r"(?<![\w.])/(?:home|Users|root|mnt|tmp|work)/\w")
    for name, text in texts().items():
        if name != "tests/test_book.py":
            found = place.search(text)
            assert not found, f"{name}: {text[found.start() : found.start() + 60]!r}"
