"""Where a network looks, laid over radiographs: averages over age bands, and single cases."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from boneage_lib.errors import InputError
from boneage_lib.paper.signs import signed
from boneage_lib.report.theme import SEX_TITLES, WIDTH, age_in_words, themed

if TYPE_CHECKING:  # A figure needs no network.
    from boneage_lib.evaluation.saliency import Saliency
    from boneage_lib.evaluation.saliency_summary import Band

#: Pixels an inch, at screens of ordinary density: pictures need fewer than lines do.
PIXELS = 60
#: Strength: dark to light, even in lightness.
STRENGTH_COLORS = "inferno"
#: Effect: blue makes younger, red older, even in lightness on both sides (seaborn's).
EFFECT_COLORS = "vlag"


@themed
def saliency_bands(bands: Sequence[Band], columns: int = 2) -> Figure:
    """Mean radiograph of each age band, under the mean strength of saliency.

    Args:
        bands: what `boneage_lib.evaluation.saliency_summary.age_bands` gives.
        columns: panels side by side.

    Raises:
        InputError: no band.
    """
    if not bands:
        raise InputError("Found no age band with a hand's silhouette; expected one or more.")
    columns = min(columns, len(bands))
    rows = ceil(len(bands) / columns)
    figure = Figure(figsize=(WIDTH, rows * (0.88 * WIDTH / columns + 0.35)), dpi=PIXELS)
    panels = [figure.add_subplot(rows, columns, number + 1) for number in range(len(bands))]
    scale = Normalize(0, max(float(band.strength.max()) for band in bands))
    for axes, band in zip(panels, bands, strict=True):
        _radiograph(axes, band.radiograph)
        share = scale(band.strength)
        _overlay(axes, band.strength, len(band.radiograph), STRENGTH_COLORS, scale, share)
        axes.set_title(f"{band.low:g}–{band.high:g} months, n = {band.n}", fontsize=13)
    figure.colorbar(
        ScalarMappable(scale, STRENGTH_COLORS),
        ax=panels,
        label="Strength (1: mean over the picture)",
        shrink=0.85,
    )
    return figure


@themed
def saliency_cases(cases: Saliency, covered: np.ndarray) -> Figure:
    """Single radiographs: as they are, with Grad-CAM, and with what covering each square takes.

    Both maps have the months of their own largest effect as the end of the color scale.

    Args:
        cases: n radiographs, from top to bottom.
        covered: their `boneage_lib.evaluation.saliency.occlusion`, (n, squares, squares).

    Raises:
        InputError: no radiograph, or not as many of the one as of the other.
    """
    if len(cases.images) == 0 or len(cases.images) != len(covered):
        raise InputError(
            f"Found {len(cases.images)} cases and occlusion of {len(covered)}; expected one or "
            "more of each, and as many."
        )
    n = len(covered)
    figure = Figure(figsize=(WIDTH, n * (WIDTH / 3 + 0.85) + 0.95), dpi=PIXELS)
    heights = [WIDTH / 3 + 0.85] * n + [0.95]
    *parts, below = figure.subfigures(n + 1, 1, squeeze=False, height_ratios=heights).ravel()
    for number, (image, cam, squares) in enumerate(
        zip(cases.images, cases.maps, covered, strict=True)
    ):
        part = parts[number]
        row = cases.labels.iloc[number]
        error = row["predicted_months"] - row["boneage_months"]
        part.suptitle(
            f"{age_in_words(row['boneage_months'], short=True)}, {SEX_TITLES[int(row['female'])]}: "
            f"answer {signed(error, 0, plus=True)} months off",
            x=0.02,
            ha="left",
            fontsize=13,
        )
        plain, by_gradient, by_covering = part.subplots(1, 3)
        for axes in (plain, by_gradient, by_covering):
            _radiograph(axes, image)
        plain.set_xlabel("Radiograph")
        for axes, effect, name in (
            (by_gradient, cam, "Grad-CAM"),
            (by_covering, squares, "Occlusion"),
        ):
            most = float(np.abs(effect).max()) or 1.0
            _overlay(
                axes,
                effect,
                len(image),
                EFFECT_COLORS,
                Normalize(-most, most),
                np.abs(effect) / most,
                "bilinear" if name == "Grad-CAM" else "nearest",
            )
            axes.set_xlabel(f"{name}\n±{most:.{0 if most >= 9.95 else 1}f} months")
    bar = below.colorbar(
        ScalarMappable(Normalize(-1, 1), EFFECT_COLORS),
        cax=below.add_axes((0.2, 0.72, 0.6, 0.18)),
        orientation="horizontal",
        ticks=[-1, 0, 1],
    )
    bar.ax.set_xticklabels(["largest, younger", "0", "largest, older"])
    bar.set_label("Effect on the answer")
    return figure


def _radiograph(axes: Axes, image: np.ndarray) -> None:
    """A radiograph in grey, its darkest and brightest hundredth cut off."""
    low, high = np.percentile(image, (1, 99))
    side = len(image)
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1), extent=(0, side, side, 0))
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _overlay(
    axes: Axes,
    values: np.ndarray,
    side: int,
    colors: str,
    scale: Normalize,
    share: np.ndarray,
    interpolation: str = "bilinear",
) -> None:
    """A map in color, the more opaque the larger its ``share`` of the largest value."""
    axes.imshow(
        values,
        cmap=colors,
        norm=scale,
        alpha=0.75 * np.clip(np.asarray(share, dtype=float), 0, 1) ** 0.7,
        extent=(0, side, side, 0),
        interpolation=interpolation,
    )
