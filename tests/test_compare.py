"""Two runs side by side."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from made_up_run import project, write_networks
from typer.testing import CliRunner

from boneage_lib.cli import app
from boneage_lib.errors import InputError
from boneage_lib.notebook import Run, collect
from boneage_lib.paper.published import TITLES
from boneage_lib.report.compare import compare_runs, comparison_page, in_tables

SETTINGS = {
    "profile": "demo",
    "cohort": {"source": "phantom", "n": 160, "size": 256, "seed": 0},
    "weights": "random",
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project(tmp_path_factory.mktemp("collected")))
        run = Run("runs/one")
        write_networks(run)
        collect(run)
        run.parameters_file.write_text(yaml.safe_dump(SETTINGS))
        return run.folder.resolve()


@pytest.fixture
def runs(collected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    """Twice the same run under two names."""
    monkeypatch.chdir(project(tmp_path))
    for name in ("first", "second"):
        shutil.copytree(collected, tmp_path / "runs" / name)
    return Run("runs/first"), Run("runs/second")


def test_equal_runs_differ_in_nothing(runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs)
    assert found["settings"] == {}
    assert set(found["networks"]) == {*TITLES, "ensemble"}
    for row in found["networks"].values():
        assert row["paired"] and row["difference_months"] == 0
        assert row["difference_months_ci"] == [0, 0]
    assert "No setting differs." in comparison_page(*runs, found)


def test_what_differs_is_named_and_measured(runs: tuple[Run, Run]) -> None:
    first, second = runs
    metrics = json.loads((second.results / "metrics.json").read_text())
    metrics["settings"]["xception"]["epochs"] = 3
    second.write_json("metrics.json", metrics)
    table = second.read_table("predictions/xception.csv", "04")
    table["predicted_months"] = table["boneage_months"] + 50
    second.write_table("predictions/xception.csv", table)
    history = second.read_table("histories/xception.csv", "04")
    second.write_table("histories/xception.csv", history.assign(val_loss=9.0))
    found = compare_runs(first, second)
    assert found["settings"] == {"xception.epochs": [7, 3]}
    row = found["networks"]["xception"]
    assert row["mae_months"][1] == pytest.approx(50)
    assert row["difference_months"] == pytest.approx(50 - row["mae_months"][0])
    low, high = row["difference_months_ci"]
    assert low < row["difference_months"] < high
    settings, errors = in_tables(found)
    assert settings.to_numpy().tolist() == [["xception.epochs", "7", "3"]]
    assert errors["test radiographs"].unique().tolist() == ["the same"]
    page = comparison_page(first, second, found)
    assert "xception.epochs" in page
    assert page.count("<svg") == len(TITLES)
    assert not re.search(r"(src|href)=\"http", page), "the page needs nothing from elsewhere"


def test_other_test_radiographs_are_not_paired(runs: tuple[Run, Run]) -> None:
    first, second = runs
    for name in (*TITLES, "ensemble"):
        table = second.read_table(f"predictions/{name}.csv", "04")
        second.write_table(f"predictions/{name}.csv", table.assign(id=table["id"] + 1000))
    found = compare_runs(first, second)
    for row in found["networks"].values():
        low, high = row["difference_months_ci"]
        assert not row["paired"] and low < 0 < high


def test_names_are_escaped(runs: tuple[Run, Run]) -> None:
    first, second = runs
    second.name = "<script>alert(1)</script>"
    assert "<script>" not in comparison_page(first, second, compare_runs(first, second))


def test_a_folder_without_a_run_is_refused(runs: tuple[Run, Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of a run"):
        compare_runs(runs[0], Run(tmp_path / "nothing"))


def test_the_command_prints_tables_json_and_a_page(runs: tuple[Run, Run], tmp_path: Path) -> None:
    folders = [str(run.folder) for run in runs]
    told = CliRunner().invoke(app, ["compare", *folders, "--page", str(tmp_path / "page.html")])
    assert told.exit_code == 0 and "No setting differs." in told.stdout
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    found = json.loads(CliRunner().invoke(app, ["compare", *folders, "--json"]).stdout)
    assert found["runs"] == ["first", "second"]
