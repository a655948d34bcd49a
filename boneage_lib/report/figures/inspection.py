"""Figures of what one looks at before training: heaped labels, exposures, sizes, odd pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from boneage_lib.report.theme import (
    BONE_AGE,
    INK,
    MUTED,
    SEX_COLORS,
    SEX_MARKERS,
    SEX_TITLES,
    WIDTH,
    themed,
    title_of,
)

#: Color and marker of every split.
SPLIT_COLORS = {"train": "#4477AA", "validation": "#CCBB44", "test": "#EE6677"}
SPLIT_MARKERS = {"train": "o", "validation": "s", "test": "D"}
#: Labels by the largest step of which they are a multiple.
HEAP_COLORS = {12: "#AA3377", 6: "#CCBB44", 1: "#BBBBBB"}
GREY_LEVEL = "Gray level"


@themed
def age_by_sex(table: pd.DataFrame) -> Figure:
    """Mean bone age of girls and boys in every split, with intervals.

    Args:
        table: as `boneage_lib.data.age_by_sex` gives it.
    """
    splits = list(dict.fromkeys(table["split"]))
    figure = Figure(figsize=(WIDTH, 1.4 + 0.7 * len(splits)))
    axes = figure.subplots()
    for sex, color in SEX_COLORS.items():
        rows = table[table["sex"] == SEX_TITLES[sex]].set_index("split").reindex(splits)
        axes.errorbar(
            rows["mean_months"],
            np.arange(len(splits)) + (0.14 if sex else -0.14),
            xerr=[
                rows["mean_months"] - rows["low_months"],
                rows["high_months"] - rows["mean_months"],
            ],
            fmt=SEX_MARKERS[sex],
            color=color,
            markersize=8,
            markeredgecolor=INK,
            ecolor=color,
            elinewidth=2.5,
            capsize=5,
            label=SEX_TITLES[sex],
        )
    axes.set_yticks(range(len(splits)), labels=[title_of(split) for split in splits])
    axes.set_ylim(len(splits) - 0.5, -0.5)
    axes.set(xlabel="Mean bone age (months)")
    axes.grid(False, axis="y")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False
    )
    return figure


@themed
def heaping(histogram: pd.DataFrame) -> Figure:
    """Labels by month, whole years and half years in colors of their own, a row a split.

    Args:
        histogram: as `boneage_lib.data.load_histogram` gives it.
    """
    splits = list(dict.fromkeys(histogram["split"]))
    figure = Figure(figsize=(WIDTH, 0.7 + 2.1 * len(splits)))
    panels = figure.subplots(len(splits), 1, sharex=True, squeeze=False)[:, 0]
    for axes, split in zip(panels, splits, strict=True):
        counts = histogram[histogram["split"] == split].groupby("months")["count"].sum()
        months = counts.index.to_numpy()
        # From the finest step up, so that whole years are on top where bars touch.
        for step, color in reversed(HEAP_COLORS.items()):
            coarser = [other for other in HEAP_COLORS if other > step]
            chosen = (months % step == 0) & ~np.any(
                [months % other == 0 for other in coarser] or [np.zeros(len(months), bool)], axis=0
            )
            axes.bar(months[chosen], counts.to_numpy()[chosen], width=1.6, color=color, linewidth=0)
        axes.set_title(f"{title_of(split)}: {counts.sum():,} labels")
        axes.set(ylabel="Radiographs")
        axes.grid(False, axis="x")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_major_locator(MultipleLocator(24))
        axes.tick_params(labelbottom=True)
    panels[-1].set_xlabel(BONE_AGE)
    names = {12: "whole years", 6: "half years", 1: "other months"}
    figure.legend(
        handles=[Patch(color=color, label=names[step]) for step, color in HEAP_COLORS.items()],
        loc="outside upper center",
        ncols=3,
        frameon=False,
    )
    return figure


@themed
def exposure(measures: pd.DataFrame, labels: pd.DataFrame) -> Figure:
    """How dark, how bright and how full of contrast radiographs are, by split and by id.

    Args:
        measures: of an `boneage_lib.data.Inspection`, n rows.
        labels: ``id`` and ``split`` of the same n radiographs.
    """
    splits = [split for split in SPLIT_COLORS if split in set(labels["split"])]
    figure = Figure(figsize=(WIDTH, 6.6))
    levels, by_id = figure.subplots(2, 1, height_ratios=[1, 1])
    kinds = {"background": "background", "p1": "1 %", "p50": "median", "p99": "99 %"}
    width = 0.8 / len(splits)
    for number, split in enumerate(splits):
        chosen = (labels["split"] == split).to_numpy()
        boxes = levels.boxplot(
            [measures.loc[chosen, kind] for kind in kinds],
            positions=np.arange(len(kinds)) + (number - (len(splits) - 1) / 2) * width,
            widths=0.85 * width,
            whis=(1, 99),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 2},
        )
        for box in boxes["boxes"]:
            box.set_facecolor(SPLIT_COLORS[split])
        by_id.plot(
            labels.loc[chosen, "id"],
            measures.loc[chosen, "contrast"],
            SPLIT_MARKERS[split],
            color=SPLIT_COLORS[split],
            markersize=4 if len(labels) < 2000 else 2,
            alpha=0.7 if len(labels) < 2000 else 0.4,
            linestyle="none",
            rasterized=True,
        )
    levels.set_xticks(range(len(kinds)), labels=list(kinds.values()))
    levels.set(ylabel=GREY_LEVEL, ylim=(-5, 260))
    levels.set_title("Quartiles (boxes), 1 to 99 % of radiographs (lines)")
    levels.grid(False, axis="x")
    by_id.set(xlabel="Id", ylabel="Contrast (gray levels)", ylim=(-5, 260))
    by_id.set_title("Contrast in the order of the ids")
    figure.legend(
        handles=[Patch(color=SPLIT_COLORS[split], label=title_of(split)) for split in splits],
        loc="outside upper center",
        ncols=len(splits),
        frameon=False,
    )
    return figure


@themed
def original_sizes(originals: pd.DataFrame) -> Figure:
    """Width and height of the files, before they were resized to a square.

    Args:
        originals: ``width``, ``height`` (pixels) and ``mode`` of every file.
    """
    figure = Figure(figsize=(WIDTH, 5.0))
    axes = figure.subplots()
    palette = list(SPLIT_COLORS.values()) + ["#228833", "#AA3377", "#66CCEE"]
    for number, (mode, files) in enumerate(originals.groupby("mode", sort=True)):
        axes.plot(
            files["width"],
            files["height"],
            "os^Dv"[number % 5],
            linestyle="none",
            color=palette[number % len(palette)],
            markersize=5,
            alpha=0.5,
            label=f"{mode} ({len(files):,})",
        )
    largest = 1.06 * float(originals[["width", "height"]].to_numpy().max())
    axes.axline((0, 0), slope=1, color=MUTED, linewidth=1, linestyle="--")
    axes.set(xlabel="Width (pixels)", ylabel="Height (pixels)", xlim=(0, largest))
    axes.set(ylim=(0, largest), aspect="equal")
    axes.legend(loc="upper left")
    return figure


@themed
def gallery(
    images: Sequence[np.ndarray] | np.ndarray, captions: Sequence[str], columns: int = 4
) -> Figure:
    """Radiographs with a line or two below each.

    Args:
        images: n grey radiographs, uint8 (height, width).
        captions: n captions.
        columns: images side by side.
    """
    rows = -(-len(images) // columns)
    lines = max(caption.count("\n") + 1 for caption in captions)
    figure = Figure(figsize=(WIDTH, rows * (WIDTH / columns + 0.25 * lines)))
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        for spine in axes.spines.values():  # a thin frame, as margins may be as white as the page
            spine.set(visible=True, edgecolor=MUTED, linewidth=0.8)
        axes.set_xlabel(caption, fontsize=12, labelpad=4)
    return figure
