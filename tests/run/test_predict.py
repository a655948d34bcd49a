"""The trained networks of the demo run, asked again."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from boneage_lib.cli import app
from boneage_lib.evaluation.familiarity import Familiarity
from boneage_lib.paper.published import TITLES
from boneage_lib.report.run import Run
from boneage_lib.report.saved import open_reader
from boneage_lib.report.systems import ask, familiarity

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
#: Asked for all that one is enough for: its base is the fastest.
NETWORK = "inception_v3"


# One that looks at whole radiographs, and the one that looks at patches; the others take as long.
@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("xception", "resnet50_patches")
        else pytest.param(name, marks=pytest.mark.long)
        for name in TITLES
    ],
)
def test_a_network_opened_again_answers_as_it_did(run: Run, name: str) -> None:
    cohort, reader = run.cohort(), open_reader(run, name)
    rows = cohort.rows("test")[:4]
    labels = cohort.labels.iloc[rows]
    images = np.stack([cohort.images[row] for row in rows])
    girls, boys, pooled = ask(reader, images, labels["id"].to_numpy())
    z = np.where(labels["female"] == 1, girls, boys)
    table = run.read_table(f"predictions/{name}.csv", "").set_index("id")
    expected = table.loc[labels["id"], "predicted_months"].to_numpy()
    np.testing.assert_allclose(reader.normalizer.to_months(z), expected, atol=0.02)
    assert np.abs(girls - boys).min() > 0 and pooled.shape[0] == 4


@pytest.mark.long  # asks the network about all training radiographs
def test_what_a_network_knows_is_kept_beside_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = open_reader(run, NETWORK)
    first = familiarity(run, reader)
    monkeypatch.setattr(Run, "cohort", lambda self: pytest.fail("looked at again"))
    again = familiarity(run, reader)
    for field, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(again, field))
    assert isinstance(again, Familiarity)
    assert len(first.distances) == len(
        run.read_table(f"predictions/{NETWORK}.csv", "").query("split == 'validation'")
    )


@pytest.mark.long
def test_the_command_answers_in_json_a_table_and_pictures(run: Run, tmp_path: Path) -> None:
    cohort = run.cohort()
    row = int(cohort.rows("test")[0])
    cv2.imwrite(str(tmp_path / "hand.png"), cohort.images[row])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    arguments = ["predict", str(run.folder), str(tmp_path / "hand.png"), "--sex", "unknown"]
    arguments += ["--network", NETWORK]
    found = CliRunner().invoke(
        app, [*arguments, "--json", "--csv", str(tmp_path / "a.csv"), "--saliency", str(tmp_path)]
    )
    assert found.exit_code == 0, found.output
    (record,) = json.loads(found.stdout)
    if record["months"] is not None:
        assert record["low_months"] <= record["months"] <= record["high_months"]
        overlay = cv2.imread(str(tmp_path / "hand.saliency.png"))
        assert overlay.shape == (cohort.size, cohort.size, 3)
    assert (tmp_path / "a.csv").read_text().startswith("file,sex,months")
    refused = CliRunner().invoke(app, arguments[:3])
    assert refused.exit_code == 1 and "--sex" in str(refused.exception)


@pytest.mark.long
def test_its_speed_is_measured_beside_the_bare_base(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = run.cohort()
    (tmp_path / "hands").mkdir()
    for row in cohort.rows("test")[:2]:
        cv2.imwrite(str(tmp_path / "hands" / f"{row}.png"), cohort.images[row])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    options = ["--network", NETWORK, "--n", "3", "--rounds", "1", "--out", str(tmp_path / "p.json")]
    folders = [str(run.folder), str(tmp_path / "hands")]
    monkeypatch.setattr(sys, "argv", ["predict.py", *folders, *options])
    importlib.import_module("predict").main()
    text = (tmp_path / "p.json").read_text()
    record = json.loads(text)
    (only,) = record["rounds"]
    assert record["share"] == pytest.approx(only["bare_s"] / only["predict_s"]) and record["n"] == 3
    assert record["distinct"] == 2 and str(tmp_path) not in text, "a path of this machine"
    assert "on synthetic radiographs" in (tmp_path / "p.md").read_text()
