"""Figures of what one looks at before training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from boneage_lib.data import age_by_sex, load_histogram
from boneage_lib.data.histogram import draw_labels
from boneage_lib.report import figures
from boneage_lib.report.figures.inspection import HEAP_COLORS
from boneage_lib.report.theme import MUTED, SEX_TITLES


def measures(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {name: rng.integers(0, 256, n) for name in ("p1", "p50", "p99", "background")}
    )
    return table.assign(contrast=np.abs(table["p99"] - table["p1"]))


def smallest_text(figure: Figure) -> float:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return min(text.get_fontsize() for text in found if isinstance(text, Text) and text.get_text())


def test_ages_by_sex_are_drawn_with_their_intervals() -> None:
    table = age_by_sex(load_histogram())
    figure = figures.age_by_sex(table)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Train", "Validation", "Test"]
    for container, sex in zip(axes.containers, SEX_TITLES.values(), strict=True):
        rows = table[table["sex"] == sex]
        points, _, (bars,) = container
        np.testing.assert_allclose(np.asarray(points.get_xdata(), float), rows["mean_months"])
        ends = [segment[:, 0] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, rows[["low_months", "high_months"]].to_numpy())
    assert smallest_text(figure) >= 12


def test_heaps_are_counted_by_color() -> None:
    histogram = load_histogram()
    figure = figures.heaping(histogram)
    train = histogram[histogram["split"] == "train"]
    counts = {container[0].get_facecolor(): 0.0 for container in figure.axes[0].containers}
    for container in figure.axes[0].containers:
        counts[container[0].get_facecolor()] += sum(bar.get_height() for bar in container)
    other, half, whole = counts.values()
    assert whole == train.loc[train["months"] % 12 == 0, "count"].sum()
    assert half + whole == train.loc[train["months"] % 6 == 0, "count"].sum()
    assert other + half + whole == 12_611
    assert len(counts) == len(HEAP_COLORS)
    assert smallest_text(figure) >= 12


@pytest.mark.parametrize("splits", [["train"], ["train", "validation", "test"]])
def test_exposure_shows_every_radiograph(splits: list[str]) -> None:
    labels = draw_labels(80).query("split in @splits").reset_index(drop=True)
    figure = figures.exposure(measures(len(labels)), labels)
    _, by_id = figure.axes
    assert sum(len(np.asarray(line.get_xdata())) for line in by_id.lines) == len(labels)
    assert by_id.get_ylabel() == "Contrast (gray levels)"
    assert smallest_text(figure) >= 12


def test_sizes_of_files_by_mode() -> None:
    originals = pd.DataFrame(
        {"width": [1500, 1600, 900], "height": [2000, 2100, 900], "mode": ["grey", "grey", "RGB"]}
    )
    figure = figures.original_sizes(originals)
    (axes,) = figure.axes
    names = [line.get_label() for line in axes.lines if line.get_color() != MUTED]
    assert names == ["RGB (1)", "grey (2)"]
    assert axes.get_xlim() == axes.get_ylim()


@pytest.mark.parametrize(("n", "columns"), [(1, 4), (5, 3), (8, 4)])
def test_gallery_captions_every_picture(n: int, columns: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (n, 20, 20)).astype("uint8")
    captions = [f"picture {number}\nodd" for number in range(n)]
    figure = figures.gallery(pictures, captions, columns)
    assert [axes.get_xlabel() for axes in figure.axes] == captions
    np.testing.assert_array_equal(figure.axes[-1].images[0].get_array(), pictures[-1])
    assert smallest_text(figure) >= 12
