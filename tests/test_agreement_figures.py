"""Figures of agreement: what is drawn is what was measured, few radiographs or many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from boneage_lib.evaluation import calibration, evaluate, limits_of_agreement
from boneage_lib.paper.signs import signed
from boneage_lib.report import figures
from boneage_lib.report.figures.agreement import CROWDED


def predictions(n: int, with_sex: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    age = rng.uniform(6, 222, n)
    table = pd.DataFrame({"id": range(n), "boneage_months": age})
    table["predicted_months"] = 115 + 0.8 * (age - 115) + rng.normal(0, 12, n)
    return table.assign(female=rng.integers(0, 2, n)) if with_sex else table


def points(figure: Figure) -> np.ndarray:
    scattered = [c for c in figure.axes[0].collections if type(c) is PathCollection]
    return np.concatenate([np.asarray(dots.get_offsets()) for dots in scattered])


@pytest.mark.parametrize("with_sex", [True, False])
def test_few_radiographs_are_points_with_contours(with_sex: bool) -> None:
    table = predictions(150, with_sex)
    figure = figures.predicted_against_reference(table, "xception")
    (axes,) = figure.axes
    drawn = points(figure)
    order = np.lexsort(drawn.T)
    expected = table[["boneage_months", "predicted_months"]].to_numpy()
    np.testing.assert_allclose(drawn[order], expected[np.lexsort(expected.T)])
    assert [text.get_text() for text in axes.texts] == ["90%", "50%"]
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_title(loc="left").endswith(f"{evaluate(table)['mae_months']:.1f} months")
    assert bool(figure.legends) == with_sex


@pytest.mark.parametrize("draw", [figures.predicted_against_reference, figures.bland_altman])
def test_many_radiographs_are_counted_in_hexagons(draw: Any) -> None:
    table = predictions(CROWDED + 500)
    figure = draw(table)
    hexagons = figure.axes[0].collections[0]
    assert hexagons.get_array().sum() == len(table)
    assert figure.axes[1].get_xlabel() == "Radiographs"


def test_limits_of_agreement_have_bands() -> None:
    table = predictions(100)
    figure = figures.bland_altman(table)
    found = limits_of_agreement((table["predicted_months"] - table["boneage_months"]).to_numpy())
    bands = [patch.get_extents() for patch in figure.axes[0].patches]
    assert len(bands) == 2
    written = [text.get_text() for text in figure.axes[0].texts]
    assert signed(found["loa_low_months"], 1, plus=True) in written


def test_calibration_draws_bands_and_slope() -> None:
    table = predictions(400)
    figure = figures.calibration(table, "xception")
    (axes,) = figure.axes
    bands = calibration(table)
    line, _, _ = axes.containers[0]  # type: ignore[misc]
    np.testing.assert_allclose(line.get_xdata(), bands["reference_months"])
    np.testing.assert_allclose(line.get_ydata(), bands["predicted_months"])
    assert [text.get_text() for text in axes.texts] == [f"{n:,}" for n in bands["n"]]
    slope = 1 + evaluate(table)["error_slope"]
    (legend,) = figure.legends
    assert any(f"slope {slope:.2f} (" in text.get_text() for text in legend.get_texts())


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("constant", [True, False])
def test_few_and_constant_predictions_are_drawn(rows: int, constant: bool) -> None:
    table = predictions(20).head(rows if not constant else 20)
    if constant:
        table = table.assign(predicted_months=110.0 + rows)
    for draw in (figures.predicted_against_reference, figures.bland_altman, figures.calibration):
        assert draw(table).axes
