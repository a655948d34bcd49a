"""Figures of ensembles beside their members."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from boneage_lib.report.theme import (
    ABSOLUTE_ERROR,
    INK,
    MUTED,
    WIDTH,
    color_of,
    marker_of,
    themed,
    title_of,
)


@themed
def train_and_validation(study: pd.DataFrame) -> Figure:
    """Errors on training and validation radiographs, joined by a line: the gap of overfitting.

    Args:
        study: see `boneage_lib.evaluation.ensemble_study`; rows without both errors are left out.
    """
    both = ["mae_train_months", "mae_validation_months"]
    rows = study.dropna(subset=both) if set(both) <= set(study) else study.head(0)
    figure = Figure(figsize=(WIDTH, 1.4 + 0.42 * max(len(rows), 1)))
    axes = figure.add_subplot()
    for place, row in enumerate(rows.to_dict("records")):
        color, marker = color_of(row["name"]), marker_of(row["name"])
        train, validation = (row[column] for column in both)
        axes.plot([train, validation], [place, place], color=color, linewidth=2, zorder=1)
        axes.plot(train, place, marker, color=color, markerfacecolor="white", markersize=9)
        axes.plot(validation, place, marker, color=color, markersize=9)
    members = int((rows["kind"] == "member").sum())
    if 0 < members < len(rows):
        axes.axhline(members - 0.5, color=MUTED, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(rows)), [title_of(str(name)) for name in rows["name"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(ABSOLUTE_ERROR)
    axes.margins(x=0.08)
    axes.grid(False, axis="y")
    handles = [
        Line2D([], [], color=INK, marker="o", linestyle="", markersize=9, markerfacecolor=face)
        for face in ("white", INK)
    ]
    figure.legend(
        handles,
        ["Training radiographs", "Validation radiographs"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return figure
