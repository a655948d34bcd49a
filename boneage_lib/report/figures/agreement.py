"""Figures of agreement: predicted against reference, differences against means, calibration."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from scipy import stats

from boneage_lib.evaluation.agreement import LIMITS_SD, error_slope, limits_of_agreement
from boneage_lib.evaluation.groups import calibration as calibrate
from boneage_lib.paper.signs import signed
from boneage_lib.report.theme import (
    INK,
    MUTED,
    SEX_COLORS,
    SEX_MARKERS,
    SEX_TITLES,
    WIDTH,
    color_of,
    marker_of,
    themed,
    title_of,
)

#: Radiographs above which points would hide each other, and their density is drawn instead.
CROWDED = 1_500
#: Shares of the radiographs inside the density's contours.
_SHARES_INSIDE = (0.9, 0.5)
#: Light to dark, but a single radiograph is seen on white, and a line on the darkest.
_DENSITY = LinearSegmentedColormap.from_list(
    "density", mpl.colormaps["Blues"](np.linspace(0.25, 0.8, 64))
)


@themed
def bland_altman(table: pd.DataFrame, name: str = "") -> Figure:
    """Agreement of predicted and reference bone age: differences against means.

    Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical
    measurement", Lancet 327 (1986). The outer lines, mean ± 1.96 standard deviations, hold 95% of
    normally distributed differences; the bands around them are their 95% intervals.

    Args:
        table: ``boneage_months``, ``predicted_months``, and ``female`` where known; above 1,500
            radiographs their density is drawn, not the points.
        name: the network, for the title.
    """
    reference = table["boneage_months"].to_numpy(dtype=float)
    predicted = table["predicted_months"].to_numpy(dtype=float)
    mean, difference = (reference + predicted) / 2, predicted - reference
    figure = Figure(figsize=(WIDTH, 4.8 if len(table) <= CROWDED else 6.0))
    axes = figure.add_subplot()
    _points_or_density(figure, axes, mean, difference, table, name)
    limits = limits_of_agreement(difference)
    spread = LIMITS_SD * (limits["sd_error_months"] or 0.0)
    bias = difference.mean()
    for height, style in ((bias, "-"), (bias - spread, "--"), (bias + spread, "--")):
        axes.axhline(height, color=INK, linestyle=style, linewidth=1.4)
        axes.annotate(
            signed(height, 1, plus=True),
            (1.01, height),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )
    for key in ("loa_low_months_ci", "loa_high_months_ci"):
        if limits[key] is not None:
            axes.axhspan(*limits[key], color=MUTED, alpha=0.18, linewidth=0, zorder=0)
    axes.xaxis.set_major_locator(MultipleLocator(48))
    axes.set_xlabel("Mean of predicted and reference (months)")
    axes.set_ylabel("Predicted − reference (months)")
    axes.set_title(f"{title_of(name) + ': ' if name else ''}mean and 95% limits of agreement")
    return figure


@themed
def predicted_against_reference(table: pd.DataFrame, name: str = "") -> Figure:
    """Predicted against reference bone age, with their density and the line of equality.

    Args:
        table: ``boneage_months``, ``predicted_months``, and ``female`` where known. Up to 1,500
            radiographs are drawn as points, with the contours of a kernel density that hold 50%
            and 90% of them; more are counted in hexagons.
        name: the network, for the title.
    """
    reference = table["boneage_months"].to_numpy(dtype=float)
    predicted = table["predicted_months"].to_numpy(dtype=float)
    figure = Figure(figsize=(WIDTH, 6.2 if len(table) <= CROWDED else 7.4))
    axes = figure.add_subplot()
    _points_or_density(figure, axes, reference, predicted, table, name)
    if len(table) <= CROWDED:
        _contours(axes, reference, predicted)
    _equality(axes, np.concatenate([reference, predicted]))
    axes.set_xlabel("Reference (months)")
    axes.set_ylabel("Predicted (months)")
    error = np.abs(predicted - reference).mean()
    axes.set_title(f"{title_of(name) + ': ' if name else ''}mean absolute error {error:.1f} months")
    return figure


@themed
def calibration(table: pd.DataFrame, name: str = "", seed: int = 0) -> Figure:
    """Mean predicted against mean reference age in bands of two years, with 95% intervals.

    Points on the line of equality are right on average. Regression to the mean lifts the youngest
    bands above it and pulls the oldest below; the fitted line says how much over all ages.

    Args:
        table: a prediction table, see `boneage_lib.evaluation.validate_predictions`.
        name: the network, for the title.
        seed: seed of the bootstrap.
    """
    bands = calibrate(table, seed=seed, infants=True)
    reference = table["boneage_months"].to_numpy(dtype=float)
    predicted = table["predicted_months"].to_numpy(dtype=float)
    x, y = bands["reference_months"].to_numpy(), bands["predicted_months"].to_numpy()
    figure = Figure(figsize=(WIDTH, 6.6))
    axes = figure.add_subplot()
    single = bands["n"].to_numpy() < 2
    sides = [y - bands["predicted_low"], bands["predicted_high"] - y]
    axes.errorbar(
        x,
        y,
        yerr=np.where(single, 0, sides),
        fmt=marker_of(name),
        color=color_of(name),
        capsize=4,
        label="mean of a band, 95% interval",
        zorder=3,
    )
    if np.ptp(reference) > 0:
        slope, interval = error_slope(reference, predicted - reference)
        ends = np.array([reference.min(), reference.max()])
        limits = "" if interval is None else f" ({1 + interval[0]:.2f} to {1 + interval[1]:.2f})"
        axes.plot(
            ends,
            predicted.mean() + (1 + slope) * (ends - reference.mean()),
            color=color_of(name),
            linestyle="--",
            linewidth=1.4,
            label=f"fitted to all, slope {1 + slope:.2f}{limits}",
        )
    limits_shown = np.concatenate([x, bands["predicted_low"], bands["predicted_high"], y])
    _equality(axes, limits_shown, below=0.14)  # room for the numbers
    for row in bands.itertuples():
        axes.annotate(
            f"{row.n:,}",
            (row.reference_months, 0.015),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=10,
            color=MUTED,
        )
    axes.set_xlabel("Mean reference (months), above it the number of radiographs")
    axes.set_ylabel("Mean predicted (months)")
    axes.set_title(f"{title_of(name) + ': ' if name else ''}calibration by bone age")
    figure.legend(loc="outside lower center", ncols=1, frameon=False)
    return figure


def _points_or_density(
    figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, table: pd.DataFrame, name: str
) -> None:
    """A point a radiograph, by sex where known; or how many there are, in hexagons."""
    if len(table) > CROWDED:
        cells: PolyCollection = axes.hexbin(
            x, y, gridsize=45, mincnt=1, norm=LogNorm(), cmap=_DENSITY, linewidths=0.1
        )
        figure.colorbar(cells, ax=axes, label="Radiographs", location="bottom", shrink=0.7)
        return
    point: dict[str, Any] = {"s": 30, "edgecolor": "white", "linewidth": 0.4}
    if "female" not in table:
        axes.scatter(x, y, color=color_of(name), marker=marker_of(name), **point)
        return
    for sex, color in SEX_COLORS.items():
        chosen = table["female"].to_numpy() == sex
        marker, label = SEX_MARKERS[sex], SEX_TITLES[sex]
        axes.scatter(x[chosen], y[chosen], color=color, marker=marker, label=label, **point)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


def _contours(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Lines of equal density that hold 90% and 50% of the points; none where they make a line."""
    points = np.stack([x, y])
    if len(x) < 10 or abs(np.corrcoef(points)[0, 1] if np.ptp(x) * np.ptp(y) > 0 else 1) > 1 - 1e-9:
        return
    density = stats.gaussian_kde(points)
    margin = 0.15 * np.ptp(points, axis=1)
    across, up = (
        np.linspace(values.min() - side, values.max() + side, 120)
        for values, side in zip(points, margin, strict=True)
    )
    grid = np.stack([axis.ravel() for axis in np.meshgrid(across, up)])
    height = density(grid).reshape(len(up), len(across))
    levels = np.quantile(density(points), [1 - share for share in _SHARES_INSIDE])
    if levels[0] >= levels[1]:
        return
    lines = axes.contour(
        across, up, height, levels=levels, colors=INK, linewidths=1.2, alpha=0.7, zorder=2
    )
    names = {level: f"{share:.0%}" for level, share in zip(levels, _SHARES_INSIDE, strict=True)}
    axes.clabel(lines, fmt=names, fontsize=10)


def _equality(axes: Axes, values: np.ndarray, below: float = 0.05) -> None:
    """The line of perfect predictions, on square axes that hold all values.

    ``below`` is the room to leave under the least value, as a share of how far they spread.
    """
    found = values[np.isfinite(values)]
    span = max(float(np.ptp(found)), 12.0)
    ends = float(found.min()) - below * span, float(found.max()) + 0.05 * span
    line: dict[str, Any] = {"color": INK, "linewidth": 1.2, "label": "predicted = reference"}
    axes.axline((0, 0), slope=1, zorder=2.5, **line)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(24 if ends[1] - ends[0] < 130 else 48))
