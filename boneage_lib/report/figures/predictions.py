"""Predicted against reference bone age (Figure 6)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.report.theme import INK, MUTED, SEX_TITLES, WIDTH, color_of, themed, title_of


@themed
def predictions(
    tables: Mapping[str, pd.DataFrame],
    normalizer: AgeNormalizer | None = None,
    unit: Literal["z", "months"] = "z",
    columns: int = 2,
) -> Figure:
    """Predicted against reference bone age, a panel a network (Figure 6).

    Args:
        tables: predictions by network or ensemble: ``boneage_months``, ``predicted_months``, and
            ``female`` where known: girls are filled circles, boys open squares.
        normalizer: months to z-scores, as used in training; needed for ``unit="z"``.
        unit: ``"z"`` as in the paper, with months on the opposite sides, or ``"months"``.
        columns: panels side by side.

    Raises:
        InputError: z-scores without a normalizer.
    """
    if unit == "z" and normalizer is None:
        raise InputError("Found unit='z' without a normalizer; give one, or unit='months'.")
    ages = np.concatenate([table["boneage_months"].to_numpy(float) for table in tables.values()])
    span = max(np.ptp(ages), 12.0)
    across = ages.min() - 0.05 * span, ages.max() + 0.05 * span
    upwards = ages.min() - 0.25 * span, ages.max() + 0.25 * span
    columns = min(columns, len(tables))
    rows = ceil(len(tables) / columns)
    figure = Figure(figsize=(WIDTH, rows * 1.12 * WIDTH / columns + 0.9))
    panels = [figure.add_subplot(rows, columns, number + 1) for number in range(len(tables))]
    in_z = normalizer if unit == "z" else None
    for number, (axes, (name, table)) in enumerate(zip(panels, tables.items(), strict=True)):
        _scatter(axes, table, color_of(name), upwards, in_z)
        limits = [np.array(across), np.array(upwards)]
        if in_z is not None:
            limits = [in_z.to_z(both) for both in limits]
        axes.set(xlim=tuple(limits[0]), ylim=tuple(limits[1]))
        left, right = number % columns == 0, (number + 1) % columns == 0
        bottom = number + columns >= len(tables)
        axes.tick_params(labelleft=left, labelbottom=bottom)
        axes.xaxis.set_major_locator(MultipleLocator(1 if in_z else 48))
        axes.yaxis.set_major_locator(MultipleLocator(1 if in_z else 48))
        if in_z is not None:
            _months_opposite(axes, in_z, top=number < columns, right=right)
        quantity = "z-score" if in_z else "months"
        if bottom:
            axes.set_xlabel(f"Reference ({quantity})")
        if left:
            axes.set_ylabel(f"Predicted ({quantity})")
        error = (table["predicted_months"] - table["boneage_months"]).abs().mean()
        axes.set_title(title_of(name), fontsize=13)
        axes.text(
            0.97,
            0.03,
            f"MAE {error:.1f} months",
            transform=axes.transAxes,
            fontsize=11,
            ha="right",
        )
    if any("female" in table for table in tables.values()):
        _sex_legend(figure)
    return figure


def _scatter(
    axes: Axes,
    table: pd.DataFrame,
    color: str,
    upwards: tuple[float, float],
    in_z: AgeNormalizer | None,
) -> None:
    """Points, the line of perfect predictions, and arrowheads for points beyond the axes."""
    truth = table["boneage_months"].to_numpy(dtype=float)
    predicted = table["predicted_months"].to_numpy(dtype=float)
    inside = (predicted >= upwards[0]) & (predicted <= upwards[1])
    clipped = np.clip(predicted, *upwards)
    x, y = (truth, clipped) if in_z is None else (in_z.to_z(truth), in_z.to_z(clipped))
    axes.axline((x.min(), x.min()), slope=1, color=INK, linewidth=1.2, zorder=1)
    female = table["female"].to_numpy() == 1 if "female" in table else np.ones(len(table), bool)
    # A point on the frame is shown whole.
    point: dict[str, Any] = {"s": 18, "clip_on": False}
    girls, boys = inside & female, inside & ~female
    axes.scatter(x[girls], y[girls], color=color, alpha=0.75, linewidth=0, **point)
    axes.scatter(
        x[boys], y[boys], marker="s", facecolor="none", edgecolor=color, linewidth=1.1, **point
    )
    for beyond, marker, height, va in (
        (predicted > upwards[1], "^", 0.97, "top"),
        (predicted < upwards[0], "v", 0.03, "bottom"),
    ):
        if beyond.any():
            axes.scatter(x[beyond], y[beyond], s=40, marker=marker, color=color, clip_on=False)
            axes.text(
                0.03, height, f"{beyond.sum()} beyond", transform=axes.transAxes, va=va, fontsize=11
            )


def _months_opposite(axes: Axes, normalizer: AgeNormalizer, top: bool, right: bool) -> None:
    """Months on the top and right sides of a panel in z-scores."""
    functions: Any = (normalizer.to_months, normalizer.to_z)
    sides = []
    if top:
        above = axes.secondary_xaxis("top", functions=functions)
        above.xaxis.set_major_locator(MultipleLocator(48))
        above.set_xlabel("months", color=MUTED, fontsize=11)
        sides.append(above)
    if right:
        beside = axes.secondary_yaxis("right", functions=functions)
        beside.yaxis.set_major_locator(MultipleLocator(48))
        beside.set_ylabel("months", color=MUTED, fontsize=11)
        sides.append(beside)
    for side in sides:
        side.tick_params(labelsize=10, colors=MUTED)


def _sex_legend(figure: Figure) -> None:
    style: dict[str, Any] = {"linestyle": "none", "color": INK, "markersize": 6}
    handles = [
        Line2D([], [], marker="o", label=SEX_TITLES[1], **style),
        Line2D([], [], marker="s", markerfacecolor="none", label=SEX_TITLES[0], **style),
        Line2D([], [], color=INK, linewidth=1.2, label="perfect prediction"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
