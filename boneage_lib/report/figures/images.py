"""Figures that show radiographs: examples, contact sheets, augmented views, patches."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from boneage_lib.report.theme import INK, SEX_TITLES, WIDTH, age_in_words, themed

#: Outlines of patches, one after another: light enough to show on a radiograph (Tol's bright).
OUTLINES = ("#EE6677", "#66CCEE", "#CCBB44", "#228833", "#AA3377", "#4477AA")


@themed
def radiographs(
    images: Sequence[np.ndarray] | np.ndarray,
    labels: pd.DataFrame,
    columns: int = 2,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Examples with their age and sex, pixels on the axes (Figure 1).

    Args:
        images: n grey radiographs, uint8 (height, width).
        labels: ``female`` and ``boneage_months``, n rows in the images' order.
        columns: images side by side.
        titles: n titles in place of age and sex.
    """
    if titles is None:
        titles = [
            f"{age_in_words(months, short=columns > 2)}, {SEX_TITLES[int(female)]}"
            for months, female in zip(labels["boneage_months"], labels["female"], strict=True)
        ]
    figure, panels = _grid(len(images), columns, extra=0.3)
    for axes, image, title in zip(panels, images, titles, strict=True):
        _show(axes, image)
        axes.set_title(title, fontsize=13 if columns < 3 else 12)
        height, width = np.shape(image)
        axes.set_xticks(np.linspace(0, width, 3), labels=[f"{t:g}" for t in (0, width / 2, width)])
        axes.set_yticks(
            np.linspace(0, height, 3), labels=[f"{t:g}" for t in (0, height / 2, height)]
        )
    figure.supxlabel("Column (pixels)", fontsize=13)
    figure.supylabel("Row (pixels)", fontsize=13)
    return figure


@themed
def thumbnails(
    images: Sequence[np.ndarray] | np.ndarray, labels: pd.DataFrame, columns: int = 4
) -> Figure:
    """A contact sheet: small radiographs, each with its age and sex below.

    Args:
        images: n grey radiographs, uint8 (height, width).
        labels: ``female`` and ``boneage_months``, n rows in the images' order.
        columns: images side by side.
    """
    figure, panels = _grid(len(images), columns, extra=0.3)
    ages, female = labels["boneage_months"], labels["female"]
    for axes, image, months, sex in zip(panels, images, ages, female, strict=True):
        _show(axes, image)
        _bare(axes)
        letter = SEX_TITLES[int(sex)][0].upper()
        axes.set_xlabel(f"{age_in_words(months, short=True)}, {letter}", labelpad=4, fontsize=12)
    return figure


@themed
def augmented_views(
    original: np.ndarray, views: Sequence[np.ndarray] | np.ndarray, columns: int = 3
) -> Figure:
    """A radiograph, and what random warps make of it (section IV, Table 2).

    Args:
        original: grey radiograph, uint8 (height, width).
        views: n augmented views of it, uint8 (height, width).
        columns: images side by side.
    """
    titles = ["Original", *(f"View {number}" for number in range(1, len(views) + 1))]
    figure, panels = _grid(len(titles), columns, extra=0.3)
    for axes, image, title in zip(panels, [original, *views], titles, strict=True):
        _show(axes, image)
        _bare(axes)
        axes.set_title(title, fontsize=12)
    return figure


@themed
def patches_on_radiograph(image: np.ndarray, corners: np.ndarray, patch_size: int) -> Figure:
    """Where patches lie on a radiograph, and what each of them shows (section IV).

    Args:
        image: grey radiograph, uint8 (height, width).
        corners: top-left corners, (n, 2) of (row, column); up to six patches are shown singly,
            further ones outlined only.
        patch_size: side of a patch, pixels.
    """
    shown = min(len(corners), 6)
    columns = shown if shown <= 3 else ceil(shown / 2)
    rows = ceil(shown / columns)
    patch_height = WIDTH / columns
    figure = Figure(figsize=(WIDTH, 0.85 * WIDTH + rows * patch_height + 0.3))
    grid = figure.add_gridspec(
        1 + rows, columns, height_ratios=[0.85 * WIDTH] + [patch_height] * rows
    )
    whole = figure.add_subplot(grid[0, :])
    _show(whole, image)
    _bare(whole)
    whole.set_title(f"{len(corners)} random patches of {patch_size} × {patch_size} pixels")
    for number, (top, left) in enumerate(np.asarray(corners)):
        single = number < shown
        color = OUTLINES[number] if single else "#DDDDDD"
        whole.add_patch(
            Rectangle(
                (left, top),
                patch_size,
                patch_size,
                fill=False,
                edgecolor=color,
                linewidth=2.5 if single else 0.8,
                alpha=1 if single else 0.6,
            )
        )
        if not single:
            continue
        whole.annotate(
            str(number + 1),
            (left, top),
            xytext=(4, -4),
            textcoords="offset points",
            va="top",
            fontweight="bold",
            color=INK,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": color, "edgecolor": "none"},
        )
        axes = figure.add_subplot(grid[1 + number // columns, number % columns])
        _show(axes, image[top : top + patch_size, left : left + patch_size])
        _bare(axes)
        axes.set_title(f"Patch {number + 1}", fontsize=12)
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor=color, linewidth=3)
    return figure


def _grid(n: int, columns: int, extra: float) -> tuple[Figure, list[Axes]]:
    """A figure with ``n`` square panels and ``extra`` inches a row for text."""
    columns = min(columns, n)
    rows = ceil(n / columns)
    figure = Figure(figsize=(WIDTH, rows * (WIDTH / columns + extra)))
    return figure, [figure.add_subplot(rows, columns, number + 1) for number in range(n)]


def _show(axes: Axes, image: np.ndarray) -> None:
    """A grey image with pixel edges at whole numbers: row 0 begins at 0."""
    height, width = np.shape(image)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    axes.grid(False)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
