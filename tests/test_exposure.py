"""Exposure and display of synthetic radiographs."""

import numpy as np
import pytest

from boneage_lib.data.canvases import canvases
from boneage_lib.data.exposure import (
    Exposure,
    collimator,
    draw_exposure,
    expose,
    place_marker,
    texture,
)

SIDE = 80
CLEAR = Exposure(
    photons=1000.0, scatter=0.0, black=20.0, span=200.0, reach=1.2, gamma=1.0, heel=(0.0, 0.0)
)


def picture(attenuation, exposure=CLEAR, field=None, shutter=True):
    paths = np.full((SIDE, SIDE), attenuation, np.float32)
    return expose(paths, exposure, field, shutter, np.random.default_rng(0), canvases(SIDE))


def test_the_open_beam_is_black_and_bone_is_bright():
    levels = [picture(value).mean() for value in (0.0, 0.3, 0.6, 1.2, 3.0)]
    assert levels[0] == pytest.approx(20, abs=1.5)
    assert levels[1] == pytest.approx(20 + 200 * 0.3 / 1.2, abs=1.5)
    assert levels == sorted(levels) and levels[-1] <= 255


def test_fewer_photons_are_noisier():
    noisy = Exposure(**{**CLEAR.__dict__, "photons": 2.0})
    assert picture(0.5, noisy).std() > 3 * picture(0.5).std()


def test_scatter_takes_contrast_beside_an_edge():
    half = np.zeros((SIDE, SIDE), np.float32)
    half[:, SIDE // 2 :] = 1.0
    contrasts = []
    for scatter in (0.0, 0.2):
        exposure = Exposure(**{**CLEAR.__dict__, "scatter": scatter})
        seen = expose(half.copy(), exposure, None, True, np.random.default_rng(0), canvases(SIDE))
        contrasts.append(float(seen[:, 41:44].mean()) - float(seen[:, 36:39].mean()))
    assert contrasts[1] < 0.95 * contrasts[0]


def test_outside_the_field_it_is_black_behind_a_shutter_and_white_without():
    field = np.full((SIDE, SIDE), 255, np.uint8)
    field[:10] = 0
    assert picture(0.0, field=field)[:10].max() == 0
    assert picture(0.0, field=field, shutter=False)[:10].min() > 150
    assert picture(0.0, field=field)[20:].mean() == pytest.approx(20, abs=1.5)


def test_variation_is_a_share_of_the_spread():
    spread = []
    for variation in (0.0, 0.5, 1.0):
        drawn = [draw_exposure(np.random.default_rng(k), variation) for k in range(200)]
        spread.append(np.std([exposure.black for exposure in drawn]))
        borders = [collimator(SIDE, np.random.default_rng(k), variation) for k in range(200)]
        assert np.mean([b is not None for b in borders]) == pytest.approx(0.4 * variation, abs=0.08)
    assert spread[0] == 0
    assert spread[1] == pytest.approx(spread[2] / 2)


def test_textures_are_factors_around_one():
    for contrast in (0.05, -0.09):
        factors = texture(SIDE, ((3.0, contrast),), np.random.default_rng(1))
        assert factors.shape == (SIDE, SIDE)
        assert factors.mean() == pytest.approx(1, abs=0.03)
        assert factors.std() == pytest.approx(abs(contrast), rel=0.35)


def test_markers_avoid_the_hand():
    """The emptiest of eight places: hardly ever on a hand that covers a third of the picture."""
    covered = []
    for seed in range(60):
        attenuation = np.zeros((SIDE, SIDE), np.float32)
        attenuation[:, 25:55] = 1.0
        before = attenuation.copy()
        marker = np.full((16, 16), 4.0, np.float32)
        place_marker(attenuation, (marker, 0 * marker), np.random.default_rng(seed))
        added = attenuation - before
        assert added.sum() == pytest.approx(marker.sum())
        covered.append(added[:, 25:55].sum() > 0)
    assert np.mean(covered) < 0.1
