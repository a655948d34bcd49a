"""The ladder from the paper's recipe to a better one, drawn."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from boneage_lib.report.theme import ABSOLUTE_ERROR, MUTED, WIDTH, color_of, themed


@themed
def ladder(found: dict[str, Any]) -> Figure:
    """Error on test after each step, filled where validation kept the step, hollow elsewhere.

    Args:
        found: see `boneage_lib.report.ladder.judge.judge`.
    """
    steps = [step for step in found["steps"] if not step["aside"]]
    figure = Figure(figsize=(WIDTH, 1.4 + 0.5 * len(steps)))
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
    axes.set_yticks(range(len(steps)), [_two_lines(step["title"]) for step in steps], fontsize=10)
    axes.set_ylim(len(steps) - 0.5, -0.8)
    axes.set_xlim(left=0)
    axes.set_xlabel(ABSOLUTE_ERROR)
    axes.grid(False, axis="y")
    return figure


def _two_lines(title: str) -> str:
    """A title broken at the space nearest to its middle, where it is long."""
    if len(title) <= 28:
        return title
    spaces = [k for k, letter in enumerate(title) if letter == " "]
    middle = min(spaces, key=lambda k: abs(k - len(title) / 2))
    return f"{title[:middle]}\n{title[middle + 1 :]}"
