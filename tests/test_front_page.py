"""What the first page and the discussion say of real radiographs is what the kept study says."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_run import ROOT

from boneage_lib.report import front_page
from boneage_lib.report.front_page import FIGURE, answer, save_front_figure, verdicts

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
    monkeypatch.setattr(front_page, "REDUCED_STUDY", "no-such-study")
    without = verdicts()
    assert [line.count("|") for line in without.splitlines()] == [n - 1 for n in with_it]
    page = "\n".join(answer())
    assert "Also measured" not in page
    assert "A verdict leads to its reason." in page
