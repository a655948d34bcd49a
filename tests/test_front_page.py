"""What the first page and the discussion say of real radiographs is what the kept study says."""

from __future__ import annotations

from pathlib import Path

from made_up_run import ROOT

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
