"""The ladder from the paper's recipe to a better one, drawn."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from boneage_lib.report.theme import ABSOLUTE_ERROR, MUTED, WIDTH, color_of, themed

#: Of a step's title in a line, which leaves more than half of the width to the errors.
LETTERS = 32


@themed
def ladder(found: dict[str, Any], of: str = "") -> Figure:
    """Error on test after each step, filled where validation kept the step, hollow elsewhere.

    Args:
        found: see `boneage_lib.report.ladder.judge.judge`.
        of: the kept study that it is from; empty for the run's own.
    """
    steps = [step for step in found["steps"] if not step["aside"]]
    titles = [wrap(f"{n}. {step['title']}", LETTERS) for n, step in enumerate(steps, start=1)]
    row_height = max(0.5, 0.2 * max(map(len, titles)) + 0.1)
    figure = Figure(figsize=(WIDTH, 1.4 + row_height * len(steps)), label=of)
    axes = figure.add_subplot()
    color = color_of(found["network"])
    for row, step in enumerate(steps):
        value, interval = step["test"]["mae_months"], step["test"].get("mae_months_ci")
        sides = [[0], [0]] if interval is None else [[value - interval[0]], [interval[1] - value]]
        axes.errorbar(
            value,
            row,
            xerr=sides,
            fmt="o",
            color=color if step["kept"] else MUTED,
            markerfacecolor=color if step["kept"] else "white",
            capsize=4,
        )
        axes.annotate(
            f"{value:.1f}", (value, row), xytext=(0, 7), textcoords="offset points", ha="center"
        )
    axes.set_yticks(range(len(steps)), ["\n".join(lines) for lines in titles], fontsize=10)
    axes.set_ylim(len(steps) - 0.5, -0.8)
    axes.set_xlim(left=0)
    axes.set_xlabel(ABSOLUTE_ERROR)
    axes.grid(False, axis="y")
    return figure
