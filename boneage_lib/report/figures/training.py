"""Figures of training: losses, learning curves, and the study of patch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from boneage_lib.report.theme import (
    ABSOLUTE_ERROR,
    INK,
    WIDTH,
    color_of,
    marker_of,
    themed,
    title_of,
)

_LOSSES = {"loss": "Training loss (z²)", "val_loss": "Validation loss (z²)"}
_STYLES = ("-", "--", "-.", ":")
_RUN_COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00")
_SQUARE_MARKERS = ("D", "o", "s", "^", "v", "P")


@themed
def losses(
    histories: Mapping[str, pd.DataFrame],
    which: Literal["loss", "val_loss"] = "loss",
    log: bool = False,
) -> Figure:
    """A loss of every network by epoch (Figure 4a: ``loss``; Figure 4b: ``val_loss``).

    Args:
        histories: by network, one row an epoch: ``epoch`` (from 1), the loss (z²), and ``kept``,
            True for the epoch whose weights were kept, which gets a ring.
        which: ``"loss"`` of training, or ``"val_loss"`` of validation.
        log: a logarithmic loss axis.
    """
    figure = Figure(figsize=(WIDTH, 4.4))
    axes = figure.add_subplot()
    for name, history in histories.items():
        _curve(axes, history, which, color_of(name), marker_of(name), label=title_of(name))
    axes.set(xlabel="Epoch", ylabel=_LOSSES[which])
    axes.set_title("A ring marks the epoch whose weights were kept", fontsize=12)
    _epochs(axes)
    _from_zero(axes, log)
    _legend_below(figure, axes)
    return figure


@themed
def overlaid_losses(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """The validation loss of one network in several runs, by epoch.

    Args:
        histories: by run, see `losses`.
    """
    figure = Figure(figsize=(WIDTH, 3.4))
    axes = figure.add_subplot()
    for (run, history), style, color in zip(histories.items(), _STYLES, _RUN_COLORS, strict=False):
        axes.plot(history["epoch"], history["val_loss"], style, color=color, marker="o", label=run)
    axes.set(xlabel="Epoch", ylabel=_LOSSES["val_loss"])
    _epochs(axes)
    _from_zero(axes, log=False)
    _legend_below(figure, axes)
    return figure


@themed
def learning_curves(history: pd.DataFrame, name: str = "", log: bool = False) -> Figure:
    """One network's training: loss, error in months, and learning rate by epoch (section III).

    Args:
        history: one row an epoch: ``epoch``, ``loss`` and ``val_loss`` (z²), ``mae_months`` and
            ``val_mae_months``, ``learning_rate`` and ``kept``.
        name: the network, for color and title.
        log: logarithmic loss and error axes.
    """
    figure = Figure(figsize=(WIDTH, 7.4))
    loss, error, rate = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1.3])
    for axes, column, ylabel in (
        (loss, "loss", "Loss (z²)"),
        (error, "mae_months", "Mean absolute\nerror (months)"),
    ):
        color = color_of(name)
        _curve(axes, history, column, INK, "o", "--", "Training", ring=False)
        _curve(axes, history, f"val_{column}", color, marker_of(name), label="Validation")
        axes.set_ylabel(ylabel)
        _from_zero(axes, log)
    rate.step(history["epoch"], history["learning_rate"], where="mid", color=INK)
    rate.plot(history["epoch"], history["learning_rate"], "o", color=INK, markersize=5)
    rate.set(xlabel="Epoch", ylabel="Learning\nrate", yscale="log")
    low, high = history["learning_rate"].min(), history["learning_rate"].max()
    rate.set_ylim(low / 2, high * 2)
    rate.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 20 * low else (1,)))
    rate.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    rate.yaxis.set_minor_locator(NullLocator())
    _epochs(rate)
    if name:
        loss.set_title(f"{title_of(name)} (ring: weights kept)")
    loss.legend(loc="best")
    figure.align_ylabels()
    return figure


@themed
def patch_losses(
    studies: Mapping[str, pd.DataFrame], window: int | None = None, log: bool = True
) -> Figure:
    """Training loss over one epoch for each number and size of patches (Figure 5, Table 5).

    Args:
        studies: by label, such as ``"3 × 224 px"``, from large patches to small: ``step``
            (batches) and ``loss`` (z²) of that batch.
        window: steps of the running mean, drawn over the faint losses of single batches; a
            twentieth of the longest epoch by default.
        log: a logarithmic loss axis.
    """
    longest = max(len(study) for study in studies.values())
    window = max(1, longest // 20) if window is None else window
    figure = Figure(figsize=(WIDTH, 4.6))
    axes = figure.add_subplot()
    for number, (label, study) in enumerate(studies.items()):
        color = _patch_colors(len(studies))[number]
        if window > 1:
            axes.plot(study["step"], study["loss"], color=color, linewidth=0.6, alpha=0.3)
        axes.plot(
            study["step"],
            study["loss"].rolling(window, min_periods=1).mean(),
            color=color,
            linestyle=_STYLES[number % len(_STYLES)],
            label=label,
        )
    axes.set(xlabel="Step (batches)", ylabel="Training loss (z²)")
    if window > 1:
        axes.set_title(f"Mean of the last {window} steps; faint: single steps", fontsize=12)
    _from_zero(axes, log)
    _legend_below(figure, axes)
    return figure


@themed
def patch_validation(study: pd.DataFrame) -> Figure:
    """Validation error for each number and size of patches (section VI-B, Table 5).

    Args:
        study: one row a setting, or several rows a setting (one a seed): ``patch_count``,
            ``patch_size`` (pixels), ``mae_months``, and its interval ``low`` and ``high``
            (months), missing where there is none.
    """
    settings = list(dict.fromkeys(zip(study["patch_count"], study["patch_size"], strict=True)))
    colors = _patch_colors(len(settings))
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = figure.add_subplot()
    for number, (count, size) in enumerate(settings):
        rows = study[(study["patch_count"] == count) & (study["patch_size"] == size)]
        spread = 0.12 * (np.arange(len(rows)) - (len(rows) - 1) / 2)
        error = rows["mae_months"].to_numpy(dtype=float)
        below, above = error - rows["low"].to_numpy(float), rows["high"].to_numpy(float) - error
        axes.errorbar(
            number + spread,
            error,
            yerr=np.stack([below, above]),
            fmt=_SQUARE_MARKERS[number % len(_SQUARE_MARKERS)],
            color=colors[number],
            capsize=5,
            markersize=9,
        )
    axes.set_xticks(range(len(settings)), [f"{count} × {size} px" for count, size in settings])
    axes.set(xlabel="Patches a radiograph × side", ylabel=ABSOLUTE_ERROR)
    axes.set_xlim(-0.5, len(settings) - 0.5)
    axes.grid(False, axis="x")
    axes.margins(y=0.15)
    return figure


@themed
def patches_at_test(averages: pd.DataFrame) -> Figure:
    """Test error of one network by the patches that are combined to its answer (section V-D).

    Args:
        averages: see `boneage_lib.evaluation.patch_averages`.
    """
    ways = list(dict.fromkeys(zip(averages["places"], averages["patches"], strict=True)))
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = figure.add_subplot()
    for combined, color, marker, beside in (
        # No network's colors: both are one network's.
        ("mean", INK, "o", -0.12),
        ("median", "#888888", "s", 0.12),
    ):
        rows = averages[averages["combined"] == combined]
        at = np.array(
            [ways.index(way) for way in zip(rows["places"], rows["patches"], strict=True)]
        )
        error = rows["mae_months"].to_numpy(float)
        below, above = error - rows["low"].to_numpy(float), rows["high"].to_numpy(float) - error
        axes.errorbar(
            at + beside,
            error,
            yerr=np.stack([below, above]),
            fmt=marker,
            color=color,
            capsize=5,
            markersize=9,
            label=combined.capitalize(),
        )
        # Beside the interval, where it stays in sight.
        axes.vlines(
            at + 1.9 * beside, rows["lowest"], rows["highest"], color=color, linewidth=5, alpha=0.45
        )
    names = [
        f"{round(count**0.5)} × {round(count**0.5)} grid" if places == "grid" else f"{count} random"
        for places, count in ways
    ]
    axes.set_xticks(range(len(ways)), names)
    axes.set(xlabel="Patches combined", ylabel=ABSOLUTE_ERROR)
    axes.set_title("Thin: 95 % interval; broad: lowest to highest draw", fontsize=12)
    axes.set_xlim(-0.5, len(ways) - 0.5)
    axes.grid(False, axis="x")
    axes.margins(y=0.15)
    _legend_below(figure, axes)
    return figure


def _patch_colors(n: int) -> list[tuple[float, float, float]]:
    """Dark to light for large to small patches."""
    return list(sns.color_palette("viridis", n_colors=n + 1)[:n])


def _curve(
    axes: Axes,
    history: pd.DataFrame,
    column: str,
    color: str,
    marker: str,
    style: str = "-",
    label: str = "",
    ring: bool = True,
) -> None:
    axes.plot(
        history["epoch"], history[column], color=color, marker=marker, linestyle=style, label=label
    )
    if ring and "kept" in history:
        kept = history[history["kept"].astype(bool)]
        axes.plot(
            kept["epoch"],
            kept[column],
            "o",
            markersize=16,
            markerfacecolor="none",
            markeredgecolor=color,
            markeredgewidth=2,
        )


def _epochs(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _from_zero(axes: Axes, log: bool) -> None:
    if not log:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter(FuncFormatter(_one_two_five))


def _one_two_five(value: float, _: object = None) -> str:
    """A plain number for ticks that begin with 1, 2 or 5, none for the others."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def _legend_below(figure: Figure, axes: Axes) -> None:
    """A legend under the axes, where it covers no curve."""
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
