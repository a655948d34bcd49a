"""Figures of the labels: ages and sexes, and what resampling does to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from boneage_lib.data.resampling import AGE_BINS, age_bins
from boneage_lib.report.theme import (
    BONE_AGE,
    SEX_COLORS,
    SEX_MARKERS,
    SEX_TITLES,
    WIDTH,
    themed,
    title_of,
)


@themed
def age_sex_histograms(
    tables: Mapping[str, pd.DataFrame], bins: int = AGE_BINS, of: str = "radiographs"
) -> Figure:
    """Bone age and sex of one or more sets of radiographs, a row a set (Figures 2a and 2b).

    Args:
        tables: by title, such as ``{"Training set": …, "Resampled": …}``. One row a radiograph
            with ``female`` and ``boneage_months``, or counts as `load_histogram` gives them:
            ``female``, ``months`` and ``count``.
        bins: age bins of equal width between the youngest and the oldest of all sets; 10 are those
            that resampling uses, so that a resampled set comes out flat.
        of: what is counted; draws repeat radiographs.
    """
    sets = {title: _ages_sexes_counts(table) for title, table in tables.items()}
    edges = np.linspace(
        min(ages.min() for ages, _, _ in sets.values()),
        max(ages.max() for ages, _, _ in sets.values()),
        bins + 1,
    )
    figure = Figure(figsize=(WIDTH, 0.5 + 2.7 * len(sets)))
    panels = figure.subplots(len(sets), 2, squeeze=False, width_ratios=[3, 1.15])
    for (by_age, by_sex), (title, (ages, female, counts)) in zip(panels, sets.items(), strict=True):
        by_age.hist(
            [ages[female == sex] for sex in SEX_COLORS],
            bins=edges.tolist(),
            weights=[counts[female == sex] for sex in SEX_COLORS],
            stacked=True,
            color=list(SEX_COLORS.values()),
            edgecolor="white",
            linewidth=0.8,
            label=list(SEX_TITLES.values()),
        )
        totals = [counts[female == sex].sum() for sex in SEX_COLORS]
        bars = by_sex.bar(
            list(SEX_TITLES.values()), totals, color=list(SEX_COLORS.values()), width=0.75
        )
        by_sex.bar_label(
            bars, [f"{total / max(sum(totals), 1):.0%}" for total in totals], padding=2
        )
        by_sex.margins(y=0.15)
        by_age.set_title(f"{title_of(title)}: {int(sum(totals)):,} {of}")
        by_age.set(xlabel=BONE_AGE, ylabel=of.capitalize())
        by_sex.set(xlabel="Sex")
        by_age.xaxis.set_major_locator(MultipleLocator(48))
        for axes in (by_age, by_sex):
            _whole_numbers(axes)
            axes.grid(False, axis="x")
    panels[0, 0].legend(loc="upper left", reverse=True)
    # Room for the legend above the bars of the first row.
    panels[0, 0].set_ylim(top=1.28 * panels[0, 0].get_ylim()[1])
    return figure


@themed
def resampling_counts(indices: np.ndarray, labels: pd.DataFrame, bins: int = AGE_BINS) -> Figure:
    """How often uniform resampling uses each radiograph (section IV).

    Args:
        indices: rows of ``labels`` that were drawn, with repeats.
        labels: ``female`` and ``boneage_months`` of the n radiographs there were to draw from.
        bins: age bins of equal width, those of the resampling by default.
    """
    uses = np.bincount(np.asarray(indices), minlength=len(labels))
    figure = Figure(figsize=(WIDTH, 6.2))
    how_many, by_age = figure.subplots(2, 1, height_ratios=[1, 1.35])

    starts = [0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513]
    starts = starts[: max(2, int(np.searchsorted(starts, uses.max(), side="right")))]
    ends = [*(start - 1 for start in starts[1:]), None]
    names = [
        str(low) if high == low else f"{low}+" if high is None else f"{low}–{high}"
        for low, high in zip(starts, ends, strict=True)
    ]
    heights = np.bincount(np.searchsorted(starts, uses, side="right") - 1, minlength=len(starts))
    bars = how_many.bar(names, heights, color="#4477AA", width=0.85)
    how_many.bar_label(bars, [f"{height:,}" for height in heights], padding=2, fontsize=10)
    how_many.margins(y=0.15)
    how_many.set(xlabel="Times drawn", ylabel="Radiographs")
    how_many.set_title(f"{len(indices):,} draws use {np.count_nonzero(uses):,} of {len(uses):,}")
    how_many.grid(False, axis="x")
    how_many.tick_params(axis="x", labelsize=10 if len(names) > 8 else 12)
    _whole_numbers(how_many)

    ages, female = labels["boneage_months"].to_numpy(float), labels["female"].to_numpy()
    edges = np.linspace(ages.min(), ages.max(), bins + 1)
    band = age_bins(ages, bins)
    for sex, color in SEX_COLORS.items():
        cells = [uses[(female == sex) & (band == number)] for number in range(bins)]
        mean = [cell.mean() if len(cell) else np.nan for cell in cells]
        most = [cell.max() if len(cell) else np.nan for cell in cells]
        title = SEX_TITLES[sex]
        by_age.stairs(
            mean, edges, color=color, linewidth=2.5, label=f"{title}, mean", baseline=None
        )
        by_age.plot(
            (edges[1:] + edges[:-1]) / 2,
            most,
            SEX_MARKERS[sex],
            color=color,
            label=f"{title}, most drawn",
        )
    by_age.set_yscale("log")
    by_age.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    by_age.xaxis.set_major_locator(MultipleLocator(48))
    by_age.set(xlabel=BONE_AGE, ylabel="Times drawn")
    figure.legend(
        *by_age.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    return figure


def _ages_sexes_counts(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ages (months), sexes (0 or 1) and counts, from labels or from a table of counts."""
    ages = table["months"] if "months" in table else table["boneage_months"]
    counts = table["count"].to_numpy() if "count" in table else np.ones(len(table), dtype=int)
    return ages.to_numpy(dtype=float), table["female"].to_numpy(dtype=int), counts


def _whole_numbers(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
