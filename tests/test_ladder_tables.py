"""The ladder as a table and as a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from boneage_lib.report import figures, tables


def step(name: str, added_to: str | None, error: float, kept: bool) -> dict[str, Any]:
    test = {"mae_months": error, "mae_months_ci": [error - 1, error + 1]}
    less = None
    if added_to:
        less = {"difference_months": error - 20.0, "difference_months_ci": [error - 21, error - 19]}
    return {
        "name": name,
        "title": f"what {name} does to the recipe, in rather many words",
        "added_to": added_to,
        "aside": False,
        "n_train": 40,
        "kept": kept,
        "validation_mae_months": error + 0.5,
        "test": test,
        "less": less,
    }


@pytest.fixture
def found() -> dict[str, Any]:
    steps = [step("paper", None, 20.0, True), step("a", "paper", 22.0, False)]
    steps.append(step("b", "paper", 12.25, True))
    group = {"group": "all", "n": 140, "covered": 0.9, "low": 0.84, "high": 0.945}
    return {
        "network": "xception",
        "steps": steps,
        "intervals": {"coverage": 0.9, "half_width_months": 25.0, "groups": [group]},
    }


def test_the_table_says_what_helped_and_by_how_much(found: dict[str, Any]) -> None:
    table = tables.ladder(found)
    assert list(table["kept"]) == ["yes", "no", "yes"]
    assert list(table["less what it was added to"]) == [
        "—",
        "2.00 (1.00 to 3.00)",
        "−7.75 (−8.75 to −6.75)",
    ]
    assert table["test error"].iloc[2] == "12.25 (11.25 to 13.25)"
    assert table.index[0] == f"1. {found['steps'][0]['title']}"
    assert list(table["added to"]) == ["—", "1", "1"]


def test_coverage_is_in_percent(found: dict[str, Any]) -> None:
    assert tables.coverage(found).loc["all", "covered (%)"] == "90.0 (84.0 to 94.5)"
    found["intervals"]["groups"] = []
    assert tables.coverage(found).empty and tables.coverage(None).empty
    assert tables.ladder(None).empty and tables.pretraining(found).empty


def test_synthetic_first_stands_beside_real_alone(found: dict[str, Any]) -> None:
    found["steps"].append(step("pretrained", "b", 12.0, False) | {"n_train": 10_161})
    table = tables.pretraining(found)
    assert list(table.index) == ["10,161"]
    assert table["real alone"].iloc[0] == "12.25 (11.25 to 13.25)"
    assert table["synthetic first"].iloc[0] == "12.00 (11.00 to 13.00)"


def test_steps_that_do_not_help_are_drawn_hollow(found: dict[str, Any]) -> None:
    figure = figures.ladder(found)
    (axes,) = figure.axes
    points = [container.lines[0] for container in axes.containers]
    assert [line.get_xdata()[0] for line in points] == [20.0, 22.0, 12.25]
    hollow = [line.get_markerfacecolor() == "white" for line in points]
    assert hollow == [False, True, False]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert all(len(line) < 40 for label in labels for line in label.split("\n"))
    low, high = axes.get_ylim()
    assert low > high  # the first step on top
    assert np.isclose(axes.get_xlim()[0], 0)
