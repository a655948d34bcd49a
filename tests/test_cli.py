"""The command: what it prints, what it refuses in words, and that it leaves nothing half-made."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_run import ROOT, predictions, strict_json

from boneage_lib import cli
from boneage_lib.data import Cohort
from boneage_lib.report.pipeline import settle


class Outcome(NamedTuple):
    code: Any
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def boneage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command as a function of its words; anything but an exit is an error of the test."""

    def command(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["boneage", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Outcome(ended.value.code or 0, printed.out, printed.err)

    return command


@pytest.fixture(autouse=True)
def no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here gets as far as Snakemake."""

    def start(*arguments: object) -> None:
        pytest.fail("The pipeline was started.")

    monkeypatch.setattr("boneage_lib.report.pipeline.start", start)


@pytest.fixture
def predictions_csv(tmp_path: Path) -> Path:
    """Of 70 radiographs, without the column split."""
    path = tmp_path / "predictions.csv"
    predictions("xception").drop(columns="split").to_csv(path, index=False)
    return path


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.strip().startswith("boneage: "), outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def profile(folder: Path, cohort: dict[str, object], **more: object) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"cohort": {"source": "phantom", **cohort}, **more}))
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dmeo"], ["'dmeo'", "demo", "rsna-500px"]),
        (["demo", "-p", "epoch=3"], ["'epoch'", "epochs"]),
        (["demo", "-p", "epochs=many"], ["epochs='many'", "int"]),
        (["demo", "-p", "cohort.n=4"], ["n=4", "20 radiographs"]),
        (["demo", "--weights", "EMPTY"], ["inception_v3*notop*.h5", "EMPTY", "none"]),
        (["demo", "--weights", "ABSENT"], ["ABSENT", "imagenet, random, or a folder"]),
        (["demo", "--source", "EMPTY"], ["demo", "--source", "synthetic"]),
        (["rsna"], ["rsna", "--source"]),
        (["rsna-500px", "--source", "ABSENT"], ["ABSENT", "folder or zip"]),
        (["demo", "-p", "patch_size=300"], ["06_resnet50_patches", "300", "256 px"]),
        (["demo", "-p", "patch_size=20"], ["20 px", "ResNet50", "32"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(
    words: list[str], said: list[str], boneage: Command, tmp_path: Path
) -> None:
    places = {"EMPTY": str(tmp_path / "empty"), "ABSENT": str(tmp_path / "absent")}
    (tmp_path / "empty").mkdir()
    out = tmp_path / "run"
    outcome = boneage("run", *[places.get(word, word) for word in words], "--out", out)
    refused(outcome, *[places.get(word, word) for word in said])
    assert not out.exists()


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (64, ["64 px", "InceptionV3", "75"]),
        (100, ["06_resnet50_patches", "patch_size=115", "100 px"]),
    ],
)
def test_radiographs_below_a_base_or_a_patch_are_refused(
    size: int, said: list[str], boneage: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    refused(boneage("run", profile(tmp_path, {"size": size}), "--out", out), *said)
    assert not out.exists()


@pytest.mark.parametrize("cohort", [{"n": 5}, {"seed": -1}], ids=str)
def test_a_cohort_that_cannot_be_drawn_is_refused_before_the_run(
    cohort: dict[str, object], boneage: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    key, value = next(iter(cohort.items()))
    refused(boneage("run", profile(tmp_path, cohort), "--out", out), f"{key}={value}")
    assert not out.exists()


def test_a_message_keeps_its_brackets(boneage: Command, tmp_path: Path) -> None:
    """Rich would take ``[rsna]`` for a style and drop it, and fail at ``[/rsna]``."""
    for name in ("[rsna]", "[/rsna]"):
        source = tmp_path / name
        refused(boneage("prepare", source, "--out", tmp_path / "cohort"), str(source))


def test_evaluate_prints_scores(boneage: Command, predictions_csv: Path) -> None:
    outcome = boneage("evaluate", predictions_csv)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "predictions.csv: 70 radiographs; 95% intervals in parentheses"
    assert "split" not in outcome.out and "Left out" not in outcome.out
    table = pd.read_csv(predictions_csv)
    error = table["predicted_months"] - table["boneage_months"]
    mean = lines[lines.index("Absolute error (months)") + 1].split()
    assert mean[:2] == ["mean", f"{error.abs().mean():.2f}"]
    for label in ("Lin's concordance", "ICC(2,1)", "lower limit of agreement", "within 12 months"):
        (line,) = [line for line in lines if line.strip().startswith(label)]
        assert line.endswith(")") and " to " in line, line
    for title in ("By sex (months)", "By age (months)", "By sex and age (months)"):
        assert title in lines
    girls = [line for line in lines if line.startswith("  female  ")]
    assert girls[0].split()[1] == str(int(table["female"].sum()))
    assert max(map(len, lines)) < 140
    assert "nan" not in outcome.out.lower()


def test_evaluate_pools_no_splits_unless_asked(
    boneage: Command, predictions_csv: Path, tmp_path: Path
) -> None:
    table = predictions("xception")
    table.to_csv(predictions_csv, index=False)
    error = (table["predicted_months"] - table["boneage_months"]).abs()
    for words, split, n in (
        ((), "test", 40),
        (("--split", "validation"), "validation", 30),
        (("--split", "all"), None, 70),
    ):
        outcome = boneage("evaluate", predictions_csv, "--json", *words)
        scores = json.loads(outcome.out)
        assert (outcome.code, scores["split"], scores["n"]) == (0, split, n)
        rows = slice(None) if split is None else table["split"] == split
        assert scores["mae_months"] == pytest.approx(error[rows].mean())
        assert scores["n_left_out"] == 70 - n
        pooled = "Rows of several splits are scored together: validation 30, test 40."
        assert (pooled in scores["notes"]) == (split is None)
    told = boneage("evaluate", predictions_csv).out
    assert told.startswith("predictions.csv, split test: 40 radiographs;")
    assert "Left out: 30 rows of other splits; --split chooses." in told
    refused(
        boneage("evaluate", predictions_csv, "--split", "train"),
        str(predictions_csv),
        "'train'",
        "test, validation",
    )


@pytest.mark.parametrize(("split", "n"), [(None, 30), ("all", 30), ("validation", 30)])
def test_a_table_of_one_split_is_used_whole(
    split: str | None, n: int, boneage: Command, predictions_csv: Path
) -> None:
    predictions("xception").query("split == 'validation'").to_csv(predictions_csv, index=False)
    words = () if split is None else ("--split", split)
    outcome = boneage("evaluate", predictions_csv, *words)
    assert outcome.out.startswith(f"predictions.csv, split validation: {n} radiographs;")
    refused(boneage("evaluate", predictions_csv, "--split", "test"), "'test'", "validation")


def test_a_split_without_its_column_or_without_test_is_refused(
    boneage: Command, predictions_csv: Path
) -> None:
    refused(boneage("evaluate", predictions_csv, "--split", "test"), "no column split")
    table = pd.read_csv(predictions_csv)
    table.assign(split=["a", "b"] * 35).to_csv(predictions_csv, index=False)
    refused(boneage("evaluate", predictions_csv), "'test'", "a, b", "--split")


def test_evaluate_without_sex_gives_age_bands_alone(
    boneage: Command, predictions_csv: Path
) -> None:
    table = pd.read_csv(predictions_csv).drop(columns="female")
    table.to_csv(predictions_csv, index=False)
    outcome = boneage("evaluate", predictions_csv)
    assert (outcome.code, outcome.err) == (0, "")
    assert "By age" in outcome.out
    assert "By sex" not in outcome.out


def test_evaluate_of_one_radiograph_says_that_it_has_no_intervals(
    boneage: Command, predictions_csv: Path
) -> None:
    pd.read_csv(predictions_csv).head(1).to_csv(predictions_csv, index=False)
    outcome = boneage("evaluate", predictions_csv)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Note: One radiograph: no intervals" in outcome.out
    assert " to +" not in outcome.out and "nan" not in outcome.out.lower()


@pytest.mark.parametrize("constant", [False, True])
def test_evaluate_prints_json(
    constant: bool, boneage: Command, predictions_csv: Path, tmp_path: Path
) -> None:
    if constant:
        table = pd.read_csv(predictions_csv).assign(predicted_months=120.0)
        table.to_csv(predictions_csv, index=False)
    outcome = boneage("evaluate", predictions_csv, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    (tmp_path / "scores.json").write_text(outcome.out)
    scores = strict_json(tmp_path / "scores.json")
    assert scores["n"] == 70
    low, high = scores["mae_months_ci"]
    assert low < scores["mae_months"] < high
    said = any("All predictions are equal" in note for note in scores["notes"])
    assert (scores["pearson_r"] is None) == constant == said
    by = [group["by"] for group in scores["groups"]]
    assert sorted(set(by)) == ["age", "sex", "sex and age"]
    assert sum(group["n"] for group in scores["groups"] if group["by"] == "sex and age") == 70
    assert sum(band["n"] for band in scores["calibration"]) == 70


def test_evaluate_draws_figures(boneage: Command, predictions_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    outcome = boneage("evaluate", predictions_csv, "--figures", folder, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    names = ("bland_altman", "calibration", "error_by_age", "predicted_against_reference")
    expected = [folder / f"{name}{suffix}" for name in names for suffix in (".png", ".svg")]
    assert sorted(folder.iterdir()) == expected
    assert sorted(json.loads(outcome.out)["figures"]) == [str(path) for path in expected]
    assert all(path.stat().st_size > 10_000 for path in expected)
    taken = tmp_path / "taken"
    taken.write_text("")
    refused(boneage("evaluate", predictions_csv, "--figures", taken), str(taken), "folder")


def test_evaluate_tells_years_from_infants(boneage: Command, predictions_csv: Path) -> None:
    table = pd.read_csv(predictions_csv)
    table[["boneage_months", "predicted_months"]] /= 12
    table.to_csv(predictions_csv, index=False)
    refused(boneage("evaluate", predictions_csv), str(predictions_csv), "years", "--infants")
    assert boneage("evaluate", predictions_csv, "--infants").code == 0


def test_evaluate_loads_no_network(predictions_csv: Path) -> None:
    code = (
        "import sys; from boneage_lib.cli import app; "
        f"app(['evaluate', {str(predictions_csv)!r}], standalone_mode=False); "
        "sys.exit({'keras', 'tensorflow', 'matplotlib', 'statsmodels'} & set(sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


@pytest.mark.parametrize("with_sex", [True, False])
def test_evaluate_takes_200_000_radiographs_in_seconds(
    with_sex: bool, boneage: Command, tmp_path: Path
) -> None:
    n = 200_000
    rng = np.random.default_rng(0)
    age = rng.uniform(1, 228, n).round(1)
    columns = {"id": np.arange(n), "boneage_months": age}
    columns |= {"predicted_months": (age + rng.normal(0, 12, n)).round(1)}
    if with_sex:
        columns |= {"female": rng.integers(0, 2, n)}
    path = tmp_path / "many.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    began = time.process_time()  # others at work on the machine do not count
    outcome = boneage("evaluate", path)
    assert time.process_time() - began < 20
    assert "200,000 radiographs" in outcome.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["Found no file"]),
        ("", ["not a readable CSV"]),
        ("id,boneage_months\n1,20\n", ["lacks predicted_months", "boneage_months"]),
        ("id,boneage_months,predicted_months\n", ["empty"]),
        ("id,boneage_months,predicted_months\n1,20,30\n1,25,30\n", ["1"]),
        ("id,boneage_months,predicted_months\n1,20,thirty\n", ["predicted_months"]),
        ("id,boneage_months,predicted_months\n1,2000,30\n", ["boneage_months", "2000"]),
        ("id,boneage_months,predicted_months,female\n1,20,30,F\n", ["female"]),
        ("id,boneage_months,predicted_months\n1,20,\n2,30,30\n", ["1 values", "predicted_months"]),
        ("id,boneage_months,predicted_months\n1,2,3\n2,7,6\n3,15,16\n", ["2 to 15", "years"]),
        (b"PK\x03\x04\xff\xfe\x00", ["not a readable CSV"]),
    ],
    ids=[
        "absent",
        "empty",
        "column",
        "rows",
        "twice",
        "text",
        "range",
        "sex",
        "missing",
        "years",
        "binary",
    ],
)
def test_evaluate_refuses_a_bad_table(
    content: str | bytes | None, words: list[str], boneage: Command, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)
    refused(boneage("evaluate", path, "--json"), str(path), *words)


def test_evaluate_refuses_a_folder(boneage: Command, tmp_path: Path) -> None:
    refused(boneage("evaluate", tmp_path), str(tmp_path))


def test_phantom_writes_a_cohort(boneage: Command, tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    outcome = boneage("phantom", "--out", out, "--n", 20, "--size", 32, "--seed", 2)
    assert outcome.code == 0
    assert outcome.out == f"20 synthetic radiographs of 32 px in {out}\n"
    assert len(Cohort.open(out, verify=True)) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--n", 19], ["n=19", "20", "--n"]),
        (["--size", 31], ["size=31", "32", "--size"]),
        (["--seed", -1], ["seed=-1", "--seed"]),
    ],
    ids=str,
)
def test_phantom_refuses_what_cannot_be_drawn(
    options: list[object], words: list[str], boneage: Command, tmp_path: Path
) -> None:
    refused(boneage("phantom", "--out", tmp_path / "cohort", *options), *words)
    assert list(tmp_path.iterdir()) == []


def test_phantom_writes_over_nobodys_files(boneage: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused(boneage("phantom", "--out", tmp_path, "--n", 20, "--size", 32), "other files")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("inside", ["nothing", "labels only", "absent"])
def test_prepare_refuses_a_source_without_radiographs(
    inside: str, boneage: Command, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    if inside != "absent":
        source.mkdir()
    if inside == "labels only":
        rows = [f"{1377 + k},{30 + k},{bool(k % 2)}" for k in range(30)]
        (source / "boneage-training-dataset.csv").write_text(
            "\n".join(["id,boneage,male", *rows]) + "\n"
        )
    before = sorted(tmp_path.rglob("*"))
    said = str(source) if inside == "absent" else "no radiographs"
    refused(boneage("prepare", source, "--out", tmp_path / "cohort", "--size", 32), said)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_runs_step_refuses_a_source_without_radiographs(boneage: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    settings = settle("rsna-500px", tmp_path, "random", [])
    (run / "parameters.yaml").write_text(yaml.safe_dump(settings))
    refused(boneage("step", "cohort", "--folder", run), "no radiographs")
    assert [path.name for path in run.iterdir()] == ["parameters.yaml"]


def test_a_runs_step_draws_its_cohort(boneage: Command, tmp_path: Path) -> None:
    mine = profile(tmp_path, {"n": 20, "size": 80, "seed": 4})
    settings = settle(str(mine), None, None, ["patch_size=40"])
    (tmp_path / "parameters.yaml").write_text(yaml.safe_dump(settings))
    assert boneage("step", "cohort", "--folder", tmp_path).code == 0
    drawn = Cohort.open(tmp_path / "cohort")
    assert (len(drawn), drawn.size, drawn.info["seed"]) == (20, 80, 4)
    assert np.ptp(drawn.images) > 100


def test_publish_refuses_a_run_that_is_not_there(boneage: Command, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "notebooks").iterdir()}
    refused(boneage("publish", tmp_path / "run"), "run")
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "notebooks").iterdir()}


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_the_command_says_what_it_can_do(words: list[str], boneage: Command) -> None:
    outcome = boneage(*words)
    said = outcome.out + outcome.err
    for name in ("prepare", "phantom", "run", "evaluate", "publish"):
        assert f" {name} " in said
    assert " step " not in said


def test_an_unknown_command_is_refused(boneage: Command) -> None:
    outcome = boneage("evalute", "x.csv")
    assert outcome.code == 2
    assert "evalute" in outcome.err and "Traceback" not in outcome.err
