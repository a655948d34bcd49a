"""Figures of a closer look: robustness and saliency."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from boneage_lib.errors import InputError
from boneage_lib.evaluation.perturbations import CONDITIONS
from boneage_lib.evaluation.robustness_summary import UNCHANGED, robustness_summary
from boneage_lib.evaluation.saliency import Saliency
from boneage_lib.evaluation.saliency_summary import Band
from boneage_lib.report import figures
from boneage_lib.report.theme import color_of

NAMES = ("inception_v3", "xception", "xception_attention", "resnet50_patches")


def smallest_text(figure: Figure) -> float:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return min(text.get_fontsize() for text in found if isinstance(text, Text) and text.get_text())


def made_up(seed: int, n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plain = pd.DataFrame(
        {"id": range(n), "female": np.arange(n) % 2, "boneage_months": np.linspace(10, 220, n)}
    )
    keys = [(UNCHANGED, 0.0), *((own.name, float(s)) for own in CONDITIONS for s in own.strengths)]
    return pd.concat(
        [
            plain.assign(
                condition=name,
                strength=strength,
                predicted_months=plain["boneage_months"] + rng.normal(seed, 12 + 3 * k / 4, n),
            )
            for k, (name, strength) in enumerate(keys)
        ],
        ignore_index=True,
    )


@pytest.mark.parametrize("count", [1, 4])
def test_robustness_draws_every_error_with_its_interval(count: int) -> None:
    tables = {name: made_up(k) for k, name in enumerate(NAMES[:count])}
    figure = figures.robustness(tables)
    assert len(figure.axes) == 6
    assert figure.axes[0].get_title(loc="left") == "Rotation"
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["−30", "−15", "0", "15", "30", "90", "180"]
    for name, container in zip(tables, figure.axes[0].containers, strict=True):
        summary = robustness_summary(tables[name]).set_index(["condition", "strength"])
        points, _, (bars,) = container
        keys = [("rotation", s) for s in (-30.0, -15.0, 15.0, 30.0, 90.0, 180.0)]
        keys.insert(2, (UNCHANGED, 0.0))
        rows = summary.loc[keys]
        np.testing.assert_allclose(np.asarray(points.get_ydata(), float), rows["mae_months"])
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, rows[["mae_low", "mae_high"]].to_numpy())
        assert to_hex(points.get_color()) == color_of(name).lower()
    for axes in figure.axes:
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert len(dashed) == count
    drawn = sum(len(c[0].get_xdata()) for axes in figure.axes for c in axes.containers)
    assert drawn == count * (20 + 1 + 6), "every strength, and the unchanged one a panel"
    assert smallest_text(figure) >= 12


def test_robustness_of_a_few_conditions_has_fewer_panels() -> None:
    table = made_up(0).query("condition in ['none', 'contrast', 'inversion']")
    figure = figures.robustness({"xception": table})
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Contrast",
        "Either done or not",
    ]


def test_robustness_needs_a_table() -> None:
    with pytest.raises(InputError, match="at least one"):
        figures.robustness({})


def pictures(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side)).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_bands_share_one_scale(count: int) -> None:
    bands = [
        Band(60 * k, 60 * k + 60, k + 2, pictures(1, 40)[0].astype("float32"), np.eye(16) * (k + 1))
        for k in range(count)
    ]
    figure = figures.saliency_bands(bands)
    *panels, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        f"{60 * k}–{60 * k + 60} months, n = {k + 2}" for k in range(count)
    ]
    for axes in panels:
        assert axes.images[1].get_clim() == (0, count)
        assert axes.images[1].get_extent() == axes.images[0].get_extent() == [0, 40, 40, 0]
    assert bar.get_ylabel().startswith("Strength")
    assert smallest_text(figure) >= 12
    with pytest.raises(InputError, match="no age band"):
        figures.saliency_bands([])


@pytest.mark.parametrize("count", [1, 3])
def test_cases_say_age_error_and_months(count: int) -> None:
    labels = pd.DataFrame(
        {
            "id": range(count),
            "female": [1, 0, 1][:count],
            "boneage_months": [126.0, 30.0, 200.0][:count],
            "predicted_months": [166.4, 20.0, 199.0][:count],
        }
    )
    maps = np.stack([np.eye(64, dtype="float32") * -2.5] * count)
    covered = np.stack([np.eye(8, dtype="float32") * 12] * count)
    figure = figures.saliency_cases(Saliency(pictures(count, 40), labels, maps), covered)
    *panels, bar = figure.axes
    assert len(panels) == 3 * count
    titles = [part.get_suptitle() for part in figure.subfigs[:count]]
    assert titles[0] == "10 y 6 m, female: answer +40 months off"
    assert [axes.get_xlabel() for axes in panels[:3]] == [
        "Radiograph",
        "Grad-CAM\n±2.5 months",
        "Occlusion\n±12 months",
    ]
    assert panels[1].images[1].get_clim() == (-2.5, 2.5)
    assert [tick.get_text() for tick in bar.get_xticklabels()][0] == "largest, younger"
    assert smallest_text(figure) >= 12
    with pytest.raises(InputError, match="as many"):
        figures.saliency_cases(Saliency(pictures(count, 40), labels, maps), covered[:0])
