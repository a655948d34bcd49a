"""Data of the page to explore: synthetic radiographs are shown, real ones are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made_up_run import labels, project, write_networks

from boneage_lib.notebook import Run, collect
from boneage_lib.paper.published import TITLES
from boneage_lib.report.explorer import write_explorer
from boneage_lib.report.saliency_pictures import write_saliency_pictures


class MadeUpCohort:
    def __init__(self, kind: str) -> None:
        self.info = {"kind": kind}
        self.labels = labels()
        self.images = np.full((len(self.labels), 300, 300), 90, "uint8")


def explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> tuple[Any, Path]:
    monkeypatch.chdir(project(tmp_path))
    run = Run("runs/mine")
    write_networks(run, kind=kind)
    collect(run)
    monkeypatch.setattr(Run, "cohort", lambda self: MadeUpCohort(kind))
    first = labels().query("split == 'test'")["id"].tolist()[0]
    write_saliency_pictures(run, "xception", [first], np.linspace(-1, 1, 16).reshape(1, 4, 4))
    write_explorer(run, tmp_path / "explorer")
    text = (tmp_path / "explorer" / "data.js").read_text()
    assert text.startswith("window.boneageExplorer = ") and "<" not in text
    return json.loads(text.removeprefix("window.boneageExplorer = ").rstrip(";\n")), first


def test_synthetic_radiographs_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, first = explorer(tmp_path, monkeypatch, "synthetic")
    test = labels().query("split == 'test'").set_index("id")
    assert [network["name"] for network in found["networks"]] == [*TITLES, "ensemble"]
    assert len(found["hands"]) == len(test)
    for hand in found["hands"]:
        assert hand["age"] == test.loc[int(hand["name"]), "boneage_months"]
        assert len(hand["answers"]) == 5
    assert [h["name"] for h in found["hands"] if h["saliency"]] == [str(first)]
    picture = cv2.imread(str(tmp_path / "explorer" / "radiographs" / f"{first}.jpg"))
    assert picture.shape[:2] == (256, 256)
    over = cv2.imread(
        str(tmp_path / "explorer" / "saliency" / "xception" / f"{first}.png"), cv2.IMREAD_UNCHANGED
    )
    blue, _, red, opacity = over[0, 0]
    assert (blue, red, opacity) == (255, 0, 180), "what makes a hand younger is blue"
    assert over[-1, -1].tolist() == [0, 0, 255, 180]


def test_real_ones_are_neither_shown_nor_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = explorer(tmp_path, monkeypatch, "rsna")
    assert [path.name for path in (tmp_path / "explorer").iterdir()] == ["data.js"]
    ids = {str(key) for key in labels()["id"]}
    for hand in found["hands"]:
        assert hand["name"] not in ids and hand["saliency"] == []
