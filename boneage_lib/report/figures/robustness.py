"""Error of every network against the strength of what is done to its radiographs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boneage_lib.errors import InputError
from boneage_lib.evaluation.perturbations import CONDITIONS, Condition
from boneage_lib.evaluation.robustness_summary import UNCHANGED, robustness_summary
from boneage_lib.paper.signs import signed
from boneage_lib.report.theme import (
    ABSOLUTE_ERROR,
    WIDTH,
    color_of,
    marker_of,
    themed,
    title_of,
)


@themed
def robustness(tables: Mapping[str, pd.DataFrame], seed: int = 0) -> Figure:
    """Mean absolute error against the strength of each change, with 95% bootstrap intervals.

    Strengths stand side by side at equal distances, the unchanged radiograph among them; its error
    goes on as a dashed line. What is either done or not shares one panel.

    Args:
        tables: by network, what `boneage_lib.evaluation.robustness.robustness` gives.
        seed: seed of the bootstraps.

    Raises:
        InputError: no table.
    """
    if not tables:
        raise InputError("Found no robustness table; expected at least one network's.")
    summaries = {name: robustness_summary(table, seed) for name, table in tables.items()}
    done = {str(name) for summary in summaries.values() for name in summary["condition"]}
    graded = [own for own in CONDITIONS if own.name in done and len(own.strengths) > 1]
    switched = [own for own in CONDITIONS if own.name in done and len(own.strengths) == 1]
    wide = [own for own in graded if len(own.strengths) > 4]
    narrow = [own for own in graded if own not in wide]
    rows = len(wide) + -(-len(narrow) // 2) + bool(switched)
    figure = Figure(figsize=(WIDTH, 1.1 + 2.55 * max(rows, 1)))
    grid = figure.add_gridspec(max(rows, 1), 2)
    panels: list[Axes] = []

    def panel(row: int, columns: slice | int) -> Axes:
        panels.append(figure.add_subplot(grid[row, columns], sharey=panels[0] if panels else None))
        return panels[-1]

    for row, condition in enumerate(wide):
        _graded(panel(row, slice(None)), condition, summaries)
    for number, condition in enumerate(narrow):
        _graded(panel(len(wide) + number // 2, number % 2), condition, summaries)
    if switched:
        _switched(panel(rows - 1, slice(None)), switched, summaries)
    for axes in panels:
        for name, summary in summaries.items():
            as_is = summary.loc[summary["condition"] == UNCHANGED, "mae_months"].iloc[0]
            axes.axhline(as_is, color=color_of(name), linestyle="--", linewidth=1.2, zorder=1)
        axes.set_ylim(bottom=0)
        axes.grid(False, axis="x")
    figure.supylabel(ABSOLUTE_ERROR, fontsize=13)
    if panels:
        handles, titles = panels[0].get_legend_handles_labels()
        figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _graded(axes: Axes, condition: Condition, summaries: Mapping[str, pd.DataFrame]) -> None:
    strengths = sorted({*map(float, condition.strengths), float(condition.neutral)})
    keys = [
        (UNCHANGED, 0.0) if strength == condition.neutral else (condition.name, strength)
        for strength in strengths
    ]
    _draw(axes, keys, summaries, "-")
    axes.set_xticks(range(len(strengths)), [signed(s, _decimals(s)) for s in strengths])
    axes.set_title(condition.title)
    axes.set_xlabel(condition.unit[:1].upper() + condition.unit[1:])


def _switched(
    axes: Axes, conditions: list[Condition], summaries: Mapping[str, pd.DataFrame]
) -> None:
    keys = [(UNCHANGED, 0.0), *((own.name, float(own.strengths[0])) for own in conditions)]
    _draw(axes, keys, summaries, "none")
    axes.set_xticks(range(len(keys)), ["As it is", *(own.title for own in conditions)])
    axes.set_title("Either done or not")


def _draw(
    axes: Axes,
    keys: list[tuple[str, float]],
    summaries: Mapping[str, pd.DataFrame],
    line: str,
) -> None:
    """A point with its interval for each network at each key, the networks side by side."""
    for number, (name, summary) in enumerate(summaries.items()):
        found = summary.set_index(["condition", "strength"]).reindex(keys)
        error, low, high = (
            found[column].to_numpy(dtype=float) for column in ("mae_months", "mae_low", "mae_high")
        )
        reach = np.nan_to_num(np.stack([error - low, high - error]))
        axes.errorbar(
            np.arange(len(keys)) + 0.09 * (number - (len(summaries) - 1) / 2),
            error,
            yerr=reach.clip(min=0),
            fmt=marker_of(name),
            linestyle=line,
            linewidth=1.4,
            elinewidth=1.2,
            color=color_of(name),
            markersize=5,
            label=title_of(name),
        )
    axes.set_xlim(-0.5, len(keys) - 0.5)


def _decimals(strength: float) -> int:
    return len(f"{strength:g}".partition(".")[2])
