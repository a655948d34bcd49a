"""A finished demo run: every step worked, and the book says what its numbers are worth."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jupytext
import nbformat
import pandas as pd
import pytest
import yaml
from html_tables import Table
from write_references import of_own_seed, processor, what_is_trained

from boneage_lib.data import Cohort
from boneage_lib.paper import exact_claims, ledger
from boneage_lib.paper.published import TABLE_3, TITLES
from boneage_lib.report.collected import NOTEBOOK_OF
from boneage_lib.report.profile import NOTEBOOKS, load_profile
from boneage_lib.report.run import Run

ROOT = Path(__file__).resolve().parents[2]
#: A pretrained network errs by no more than this share of a constant guess's error.
LARGEST_SHARE = 0.6
REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text())


def outputs(notebook: nbformat.NotebookNode) -> list[Any]:
    return [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]


def says_something(metrics: dict[str, Any]) -> bool:
    """Whether the run says something about the paper, or is a pipeline check."""
    data = metrics["data"]
    return bool(data["cohort_kind"] == "rsna" and data["weights"] == "imagenet")


# Notebooks


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_ran_to_its_end(name: str, notebooks: dict[str, nbformat.NotebookNode]) -> None:
    found = outputs(notebooks[name])
    assert found
    for output in found:
        assert output.output_type != "error", f"{output.get('ename')}: {output.get('evalue')}"
        warned = output.output_type == "stream" and output.name == "stderr"
        warned |= "WARNING" in output.get("text", "")  # some loggers write to stdout
        assert not warned, f"{name} prints a warning: {output.get('text', '')[:300]}"
    cells = [cell for cell in notebooks[name].cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_no_failed_or_partial_notebook_is_left(run: Run) -> None:
    assert sorted(path.name for path in run.notebooks.iterdir()) == [
        f"{name}.{kind}" for name in NOTEBOOKS for kind in ("ipynb", "made.json")
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_names_no_place_on_this_machine(name: str, run: Run) -> None:
    text = (run.notebooks / f"{name}.ipynb").read_text()
    places = {str(ROOT), str(Path.home()) + os.sep, "/ipykernel_", "site-packages"} - {"//"}
    for place in places:
        at = text.find(place)
        assert at < 0, text[max(at - 80, 0) : at + 120]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_has_the_text_of_its_source(
    name: str, notebooks: dict[str, nbformat.NotebookNode]
) -> None:
    """A run shows what its code does, not what an earlier text did."""
    source = jupytext.read(ROOT / "notebooks" / f"{name}.py")
    ran = [
        cell.source
        for cell in notebooks[name].cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    assert ran == [cell.source for cell in source.cells]


def test_committed_notebooks_have_the_text_of_their_sources() -> None:
    committed = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if os.environ.get("CI"):
        assert [path.stem for path in committed] == list(NOTEBOOKS)
    for path in committed:
        source = jupytext.read(path.with_suffix(".py"))
        notebook = nbformat.read(path, as_version=4)
        assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
            (cell.cell_type, cell.source) for cell in source.cells
        ], path.name


@pytest.mark.parametrize("network", list(TITLES))
def test_built_networks_have_the_parameters_of_table_3(
    network: str, notebooks: dict[str, nbformat.NotebookNode]
) -> None:
    tables = [
        output.data["text/html"]
        for output in outputs(notebooks[NOTEBOOK_OF[network]])
        if "Parameters of the built network" in output.get("data", {}).get("text/html", "")
    ]
    assert len(tables) == 1
    cells = [cell for row in Table(tables[0]).rows for cell in row]
    if network in TABLE_3:
        printed = TABLE_3[network]
        assert "True" in cells and "False" not in cells
        for number in (printed.total, printed.trainable, printed.frozen):
            assert f"{number:,}" in cells
    else:
        assert "not printed" in cells


# Results


def test_the_run_is_what_its_profile_says(settings: dict[str, Any]) -> None:
    demo = load_profile("demo", ROOT)
    assert settings["profile"] == "demo"
    assert settings["cohort"].items() >= demo["cohort"].items()


def test_the_cohort_is_whole(run: Run, metrics: dict[str, Any]) -> None:
    cohort = Cohort.open(run.cohort_folder, verify=True)
    data = metrics["data"]
    assert data["cohort"] == cohort.checksum
    assert cohort.synthetic == (data["cohort_kind"] == "synthetic")
    assert data["image_size"] == cohort.size
    for split in ("train", "validation", "test"):
        assert data[f"n_{split}"] == len(cohort.rows(split))


@pytest.mark.parametrize("name", [*TITLES, "ensemble"])
def test_predictions_are_of_every_held_out_radiograph_and_a_sample_of_training(
    name: str, run: Run, metrics: dict[str, Any]
) -> None:
    labels = Cohort.open(run.cohort_folder).labels.set_index("id")
    table = pd.read_csv(run.predictions / f"{name}.csv").set_index("id")
    assert table.index.is_unique
    held_out = labels.index[labels["split"] != "train"]
    assert sorted(table.index[table["split"] != "train"]) == sorted(held_out)
    wanted = min(2 * metrics["data"]["n_validation"], metrics["data"]["n_train"])
    assert (table["split"] == "train").sum() == wanted
    labels = labels.loc[table.index]
    assert (table["split"] == labels["split"]).all()
    assert (table["female"] == labels["female"]).all()
    assert table["boneage_months"].to_numpy() == pytest.approx(
        labels["boneage_months"].to_numpy(), abs=1e-3
    )
    for split in ("validation", "test"):
        rows = table.query("split == @split")
        mae = (rows["predicted_months"] - rows["boneage_months"]).abs().mean()
        assert metrics["networks"][name][split]["mae_months"] == pytest.approx(mae, abs=1e-3)


@pytest.mark.parametrize("name", [*TITLES, "ensemble"])
@pytest.mark.parametrize("split", ["validation", "test", "test_resampled"])
def test_scores_lie_in_their_intervals(name: str, split: str, metrics: dict[str, Any]) -> None:
    scores = metrics["networks"][name][split]
    for key in ("mae_months", "rmse_months", "rmse_z"):
        low, high = scores[f"{key}_ci"]
        assert 0 < low < scores[key] < high, key


@pytest.mark.parametrize("name", list(TITLES))
def test_every_network_beats_a_constant_guess(name: str, metrics: dict[str, Any]) -> None:
    found = metrics["networks"][name]
    difference = found["against_constant"]
    assert difference["difference_months_ci"][1] < 0, (
        f"{name}: {found['test']['mae_months']:.1f} months, a constant guess "
        f"{found['constant']['mae_months']:.1f}, difference {difference['difference_months_ci']}"
    )
    if metrics["data"]["weights"] != "random":
        share = found["test"]["mae_months"] / found["constant"]["mae_months"]
        assert share <= LARGEST_SHARE, f"{name}: {share:.2f} of a constant guess's error"


def test_references_are_of_this_demo(run: Run, settings: dict[str, Any]) -> None:
    found = what_is_trained(run, settings)
    assert found in REFERENCES["of"], (
        "the demo changed; run tests/run/write_references.py. Or, where the same demo passes on "
        "another type of processor: add this one's digest"
    )


@pytest.mark.parametrize("name", REFERENCES["test_mae_months"])
def test_errors_are_those_of_other_machines(name: str, metrics: dict[str, Any]) -> None:
    """Within what another seed would have moved them; see `write_references.py`."""
    of_demo = {row["name"]: row for row in metrics["ensemble"]}[name]
    for reference, key in (
        ("test_mae_months", "mae_months"),
        ("test_rmse_months", "rmse_months"),
        ("validation_mae_months", "mae_validation_months"),
    ):
        if expected := REFERENCES[reference].get(name):  # two are of networks alone
            assert of_demo[key] == pytest.approx(expected["mean"], abs=expected["tolerance"]), key


def test_errors_are_those_of_the_same_processor(run: Run) -> None:
    """Of networks, ensembles and the patch-size study."""
    kind = processor(json.loads(run.provenance_file.read_text())["processor"])
    if kind not in REFERENCES["processors"]:
        pytest.skip(f"no reference of {kind}; tests/run/write_references.py makes one")
    known, found = REFERENCES["processors"][kind], of_own_seed(run)
    agree = REFERENCES["processors_agree_within_months"]
    assert {name: found[name] for name in known} == pytest.approx(known, abs=agree)


@pytest.mark.parametrize("name", list(TITLES))
def test_the_best_epoch_of_each_network_is_kept(
    name: str, run: Run, metrics: dict[str, Any]
) -> None:
    history = pd.read_csv(run.histories / f"{name}.csv")
    assert history["kept"].sum() == 1
    assert history["val_loss"].idxmin() == history["kept"].idxmax()
    assert len(history) <= metrics["settings"][name]["epochs"]
    assert (run.models / f"{name}.keras").is_file()


def test_the_fair_patch_study_is_fair(run: Run) -> None:
    fair = pd.read_csv(run.results / "patch_size_fair.csv")
    printed = pd.read_csv(run.results / "patch_size_study.csv")
    assert fair["updates"].nunique() == fair["patches_a_step"].nunique() == 1
    assert set(fair["patch_count"]) == set(printed["patch_count"])
    assert fair.groupby("patch_count")["seed"].nunique().nunique() == 1


def test_claims_are_tested_where_they_can_be(run: Run, metrics: dict[str, Any]) -> None:
    claims = json.loads((run.results / "claims.json").read_text())
    measured = [claim for claim in claims if claim["needs"] == "run"]
    assert measured
    if not says_something(metrics):
        assert {claim["verdict"] for claim in measured} == {"not testable here"}
    exact = {claim["id"]: claim["verdict"] for claim in claims if claim["needs"] == "arithmetic"}
    expected = ledger(exact_claims())
    assert exact == dict(zip(expected["id"], expected["verdict"], strict=True))


def test_provenance_is_that_of_the_results(run: Run, settings: dict[str, Any]) -> None:
    record = json.loads(run.provenance_file.read_text())
    assert record["profile"] == settings
    assert record["cohort"] == json.loads((run.cohort_folder / "cohort.json").read_text())
    assert set(record["timing"]) == {*TITLES, "patch_size_study"}
    results = {"metrics.json", "claims.json", "patch_size_study.csv", "patch_size_fair.csv"}
    assert results | {"patches_at_test.csv"} <= set(record["results"])
    for name, digest in record["results"].items():
        assert hashlib.sha256((run.results / name).read_bytes()).hexdigest() == digest, name


# The book


def test_the_first_page_says_what_the_run_is(first_page: Any, metrics: dict[str, Any]) -> None:
    data, words = metrics["data"], first_page.words
    assert f"{data['weights']} weights" in words.lower()
    if not says_something(metrics):
        assert "pipeline check" in words
    if data["cohort_kind"] == "synthetic":
        assert "synthetic radiographs" in words
        assert "random bases" in words or data["weights"] != "random"
    for name, title in TITLES.items():
        mae = metrics["networks"][name]["test"]["mae_months"]
        assert re.search(rf"{re.escape(title)} {mae:.1f} \(", words), title


def test_the_book_is_small_enough_to_be_sent(run: Run) -> None:
    sizes = {path: path.stat().st_size for path in run.html.rglob("*") if path.is_file()}
    largest = sorted(sizes, key=lambda path: -sizes[path])[:5]
    assert sum(sizes.values()) < 40e6, [str(path.relative_to(run.html)) for path in largest]


def test_every_chapter_has_its_page(run: Run) -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    assert len(chapters) > len(NOTEBOOKS)
    for chapter in [contents["root"], *chapters]:
        assert (run.html / f"{chapter}.html").is_file(), chapter


def test_pages_load_nothing_from_elsewhere(pages: list[Any]) -> None:
    assert len(pages) > len(NOTEBOOKS)
    for page in pages:
        for address in page.loaded:
            assert not re.match(r"(?:https?:)?//", address.strip()), f"{page.path.name}: {address}"
        for style in page.styles:
            assert not fetched(style), f"{page.path.name}: {fetched(style)}"


def test_style_sheets_load_nothing_from_elsewhere(run: Run) -> None:
    sheets = sorted(run.html.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        found = fetched(sheet.read_text("utf-8"))
        assert not found, f"{sheet.relative_to(run.html)}: {found}"


def fetched(style: str) -> list[str]:
    """Addresses elsewhere that a style sheet loads."""
    found: list[str] = re.findall(
        r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", style, re.I
    )
    return found


def test_what_pages_load_is_there(pages: list[Any]) -> None:
    for page in pages:
        for address in page.loaded:
            name = unquote(re.split(r"[?#]", address)[0])
            if name and not name.startswith("data:"):
                assert (page.path.parent / name).is_file(), f"{page.path.name} lacks {address}"


def test_the_book_names_no_place_on_this_machine(pages: list[Any]) -> None:
    for page in pages:
        assert str(ROOT) not in page.path.read_text("utf-8"), page.path.name
