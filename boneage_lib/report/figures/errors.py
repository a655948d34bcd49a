"""Figures that summarize errors: by age, scores with intervals, correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from boneage_lib.evaluation.groups import AGE_BANDS_MONTHS
from boneage_lib.evaluation.intervals import bootstrap_interval
from boneage_lib.paper.signs import signed
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

_REFERENCE_STYLES = ("--", ":", "-.", (0, (6, 1)))


@themed
def error_by_age(
    tables: Mapping[str, pd.DataFrame],
    bands: Sequence[float] = AGE_BANDS_MONTHS,
    seed: int = 0,
) -> Figure:
    """Absolute and signed error by age band, with 95% bootstrap intervals.

    Args:
        tables: predictions by network: ``boneage_months`` and ``predicted_months``.
        bands: rising edges of the age bands, months; a band holds its lower edge, the last one
            both.
        seed: seed of the bootstrap.
    """
    names = [f"{low:g}–{high:g}" for low, high in pairwise(bands)]
    figure = Figure(figsize=(WIDTH, 7.2))
    absolute, mean_error = figure.subplots(2, 1, sharex=True)
    for number, (name, table) in enumerate(tables.items()):
        error = (table["predicted_months"] - table["boneage_months"]).to_numpy()
        band = np.digitize(table["boneage_months"], list(bands)[1:-1])
        offset = 0.13 * (number - (len(tables) - 1) / 2)
        sex = table["female"].to_numpy() if "female" in table else np.zeros(len(table))
        for axes, values in ((absolute, np.abs(error)), (mean_error, error)):
            points = [
                _mean_with_interval(values[band == b], sex[band == b], seed)
                for b in range(len(names))
            ]
            mean, below, above = np.array(points).T
            axes.errorbar(
                np.arange(len(names)) + offset,
                mean,
                yerr=[below, above],
                fmt=marker_of(name),
                color=color_of(name),
                capsize=3,
                label=title_of(name),
            )
    absolute.set_ylabel("Mean absolute\nerror (months)")
    absolute.set_ylim(bottom=0)
    mean_error.axhline(0, color=INK, linewidth=1)
    mean_error.set_ylabel("Mean error (months)\n← too young    too old →")
    first = next(iter(tables.values()))["boneage_months"]
    counts = np.bincount(np.digitize(first, list(bands)[1:-1]), minlength=len(names))
    mean_error.set_xticks(
        range(len(names)), [f"{name}\nn = {n}" for name, n in zip(names, counts, strict=True)]
    )
    mean_error.set_xlim(-0.5, len(names) - 0.5)
    mean_error.set_xlabel("Bone age (months), and number of radiographs")
    for axes in (absolute, mean_error):
        axes.grid(False, axis="x")
    handles, titles = absolute.get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False)
    return figure


@themed
def errors_bar(
    metrics: Mapping[str, Mapping[str, Any]],
    references: Mapping[str, float | tuple[float, float]] | None = None,
) -> Figure:
    """Mean absolute error of every network with its interval, beside known errors.

    Args:
        metrics: by network, what `boneage_lib.evaluation.evaluate` gives, of which
            ``mae_months`` and ``mae_months_ci`` ([low, high], or None) are drawn; top to bottom.
        references: errors to compare with by label, months: a number becomes a line, a pair (the
            challenge winners' 4.2 to 4.5) a band.
    """
    references = references or {}
    figure = Figure(figsize=(WIDTH, 1.5 + 0.55 * len(metrics) + 0.3 * len(references)))
    axes = figure.add_subplot()
    for row, (name, scores) in enumerate(metrics.items()):
        value, interval = scores["mae_months"], scores.get("mae_months_ci")
        sides = [[0], [0]] if interval is None else [[value - interval[0]], [interval[1] - value]]
        axes.errorbar(
            value,
            row,
            xerr=sides,
            fmt=marker_of(name),
            color=color_of(name),
            capsize=5,
            markersize=9,
        )
        axes.annotate(
            f"{value:.1f}", (value, row), xytext=(0, 8), textcoords="offset points", ha="center"
        )
    for number, (label, reference) in enumerate(references.items()):
        if isinstance(reference, tuple | list):
            low, high = reference
            axes.axvspan(low, high, color="#CCBB44", linewidth=0, label=label, zorder=0)
        else:
            style = _REFERENCE_STYLES[number % len(_REFERENCE_STYLES)]
            axes.axvline(reference, color=MUTED, linestyle=style, label=label, zorder=0)
    axes.set_yticks(range(len(metrics)), [title_of(name) for name in metrics])
    axes.set_ylim(len(metrics) - 0.5, -0.7)
    axes.set_xlim(left=0)
    axes.set_xlabel(ABSOLUTE_ERROR)
    axes.grid(False, axis="y")
    if references:
        figure.legend(loc="outside lower center", ncols=1, frameon=False)
    return figure


@themed
def error_correlation(matrix: pd.DataFrame) -> Figure:
    """Correlation between the errors of networks: what an ensemble has to average over.

    Args:
        matrix: Pearson correlations, -1 to 1, networks as rows and columns, as
            `boneage_lib.evaluation.comparison.error_correlation` gives it; missing values stay
            blank.
    """
    titles = [
        title_of(str(name)).replace(" with ", "\nwith ").replace(" on ", "\non ")
        for name in matrix.columns
    ]
    values = matrix.to_numpy(dtype=float)
    figure = Figure(figsize=(WIDTH, 5.4))
    axes = figure.add_subplot()
    picture = axes.imshow(values, cmap="PuOr_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "white" if abs(value) > 0.7 else INK
            axes.text(column, row, signed(value, 2), ha="center", va="center", color=color)
    axes.set_xticks(range(len(titles)), titles, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(titles)), titles)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.colorbar(picture, ax=axes, label="Correlation of errors", shrink=0.85)
    return figure


def _mean_with_interval(
    values: np.ndarray, strata: np.ndarray, seed: int
) -> tuple[float, float, float]:
    """Mean, and how far its interval reaches below and above; missing without values."""
    if len(values) == 0:
        return float("nan"), 0.0, 0.0
    mean = float(values.mean())
    interval = bootstrap_interval(values, seed=seed, resamples=2_000, strata=strata)
    low, high = (mean, mean) if interval is None else interval
    return mean, mean - low, high - mean
