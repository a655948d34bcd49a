"""What the first page and the discussion say of real radiographs is what the kept study says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_run import ROOT

from boneage_lib.report import real_answer
from boneage_lib.report.real_answer import FIGURE, answer, save_front_figure, verdicts

AGAIN = "make notebooks writes it anew"


def test_the_answer_is_that_of_the_kept_study() -> None:
    page = (ROOT / "book" / "this_run.md").read_text()
    said, _, _ = page.partition("## This run\n")
    assert "\n".join(answer()) == said.rstrip("\n") + "\n", AGAIN


def test_the_verdicts_are_those_of_the_kept_study() -> None:
    assert (ROOT / "book" / "verdicts.md").read_text() == verdicts(), AGAIN


def test_the_first_figure_is_drawn_from_the_kept_study(tmp_path: Path) -> None:
    save_front_figure(tmp_path)
    assert (tmp_path / FIGURE).read_bytes() == (ROOT / "book" / FIGURE).read_bytes(), AGAIN


def test_without_the_reduced_study_nothing_is_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = [line.count("|") for line in verdicts().splitlines()]
    monkeypatch.setattr(real_answer, "REDUCED_STUDY", "no-such-study")
    without = verdicts()
    assert [line.count("|") for line in without.splitlines()] == [n - 1 for n in with_it]
    page = "\n".join(answer())
    assert "Also measured" not in page
    assert "A verdict leads to its reason." in page


def test_the_ladder_is_told_of_where_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(name: str, mae: float) -> dict[str, Any]:
        return {"name": name, "test": {"n": 9, "mae_months": mae, "mae_months_ci": (1.0, 99.0)}}

    all_of_them = {"by": "all", "covered": 0.875, "low": 0.5, "high": 0.96}
    ladder = {
        "data": {"image_size": 64},
        "network": "inception_v3",
        "best": "wide",
        "steps": [step("paper", 44.0), step("wide", 7.25), step("turned", 8.0)],
        "intervals": {"coverage": 0.9, "groups": [all_of_them]},
    }
    monkeypatch.setattr(real_answer, "study_ladder", lambda: ladder)
    said = next(line for line in answer() if line.startswith("Beyond the paper: InceptionV3"))
    assert "in 2 steps from the paper's" in said
    assert "**7.2 (1.0 to 99.0) months** on 9 held-out radiographs of 64 px" in said
    assert "errs by 44.0 (1.0 to 99.0)." in said
    assert "promise 90 % held the reference age of 87.5 (50.0 to 96.0) % of them" in said
    ladder["intervals"]["groups"] = []
    said = next(line for line in answer() if line.startswith("Beyond the paper"))
    assert "promise" not in said
    monkeypatch.setattr(real_answer, "study_ladder", lambda: None)
    assert not any(line.startswith("Beyond the paper") for line in answer())
