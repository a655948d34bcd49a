"""A run's folder: where things lie, what is said when they do not, and whole files only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_up_run import ROOT, project

from boneage_lib.errors import InputError
from boneage_lib.report.run import MissingResult, Run, project_root


@pytest.mark.parametrize("folder", ["", "notebooks", "boneage_lib/report"])
def test_root_is_found_from_inside_the_project(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / folder)
    assert project_root() == ROOT


def test_root_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_root() == ROOT


def test_a_copy_of_the_project_is_its_own_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project(tmp_path / "copy")
    (copy / "notebooks").mkdir()
    monkeypatch.chdir(copy / "notebooks")
    assert project_root() == copy
    assert Run("runs/mine").folder == copy / "runs" / "mine"


def test_relative_folders_count_from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "notebooks")
    assert Run("runs/demo").folder == ROOT / "runs" / "demo"


def test_every_path_lies_in_the_folder(tmp_path: Path) -> None:
    run = Run(tmp_path / "mine")
    assert run.name == "mine"
    names = {
        "cohort_folder": "cohort",
        "bank": "bank",
        "checkpoints": "checkpoints",
        "jobs": "jobs",
        "done": "done",
        "jobs_file": "jobs.yaml",
        "models": "models",
        "histories": "histories",
        "predictions": "predictions",
        "results": "results",
        "notebooks": "notebooks",
        "outputs": "outputs",
        "html": "html",
        "parameters_file": "parameters.yaml",
        "provenance_file": "provenance.json",
    }
    paths = {name: path for name, path in vars(run).items() if name not in ("folder", "name")}
    assert paths == {name: tmp_path / "mine" / path for name, path in names.items()}
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("read", "thing", "notebook"),
    [
        (lambda run: run.cohort(), "cohort/cohort.json", "01_data_inspection"),
        (
            lambda run: run.read_json("xception.json", "04_xception"),
            "results/xception.json",
            "04_xception",
        ),
        (
            lambda run: run.read_table("predictions/xception.csv", "04_xception"),
            "predictions/xception.csv",
            "04_xception",
        ),
    ],
    ids=["cohort", "json", "table"],
)
def test_what_is_missing_names_its_notebook_and_the_command(
    read: Any, thing: str, notebook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    with pytest.raises(MissingResult) as caught:
        read(Run("runs/mine"))
    message = str(caught.value)
    assert message.startswith(f"runs/mine has no {thing}; notebooks/{notebook}.ipynb makes it.")
    assert message.endswith(f"papermill notebooks/{notebook}.ipynb out.ipynb -p run_dir runs/mine")
    assert isinstance(caught.value, InputError)
    assert (ROOT / "notebooks" / f"{notebook}.py").is_file()


def test_a_run_without_a_cohort_draws_one_and_keeps_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    drawn = run.cohort_or_phantoms(20, 32, 5, 0.25)
    assert drawn.synthetic and (len(drawn), drawn.size) == (20, 32)
    again = run.cohort_or_phantoms(30, 40, 6, 0.5)
    assert again.checksum == drawn.checksum


def write_json(run: Run, content: Any) -> Path:
    return run.write_json("scores.json", content)


def write_table(run: Run, content: Any) -> Path:
    return run.write_table("results/scores.csv", pd.DataFrame({"score": content}))


@pytest.mark.parametrize("write", [write_json, write_table])
@pytest.mark.parametrize("broken", ["write_text", "replace"])
def test_a_failed_write_leaves_the_old_file(
    write: Any, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    path = write(run, [1, 2, 3])
    before = path.read_text()

    def fail(self: Path, content: Any, *rest: Any, **options: Any) -> None:
        if broken == "write_text":
            with self.open("w") as file:
                file.write(content[: len(content) // 2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, broken, fail)
    with pytest.raises(OSError, match="No space"):
        write(run, [7, 8, 9])
    monkeypatch.undo()
    assert path.read_text() == before
    visible = [p.name for p in run.results.iterdir() if not p.name.startswith(".")]
    assert visible == [path.name]
    write(run, [7, 8, 9])
    assert "7" in path.read_text()


def test_what_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    path = run.write_json("scores.json", {"mae_months": 9.5})
    with pytest.raises(TypeError):
        run.write_json("scores.json", {"mae_months": {1, 2}})
    assert json.loads(path.read_text()) == {"mae_months": 9.5}


def test_tables_and_json_come_back(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_json("timing/xception.json", {"seconds": 1.25, "notes": ["a", None]})
    assert run.read_json("timing/xception.json", "04_xception") == {
        "seconds": 1.25,
        "notes": ["a", None],
    }
    table = pd.DataFrame({"id": [7, 8], "split": ["test", "train"], "months": [1 / 3, 100.0]})
    run.write_table("histories/xception.csv", table, decimals=6)
    assert (run.histories / "xception.csv").read_text() == (
        "id,split,months\n7,test,0.333333\n8,train,100.000000\n"
    )
    back = run.read_table("histories/xception.csv", "04_xception")
    pd.testing.assert_frame_equal(back, table, atol=1e-6)
