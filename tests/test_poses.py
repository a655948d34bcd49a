"""Radiographs turned and flipped, and their contrast equalized."""

from __future__ import annotations

import numpy as np
import pytest

from boneage_lib.inputs import AS_IT_IS, TURNED, Pose, Recipe, draw_view, equalized, posed


@pytest.fixture
def spot() -> np.ndarray:
    image = np.zeros((41, 41), np.uint8)
    image[18:23, 36:39] = 200  # right of the center
    return image


def center_of(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape)
    weight = image.astype(float) / image.sum()
    return float((rows * weight).sum()), float((columns * weight).sum())


def test_a_radiograph_as_it_is_stays_so(spot: np.ndarray) -> None:
    assert len(AS_IT_IS) == 1
    np.testing.assert_array_equal(posed(spot, AS_IT_IS[0]), spot)


def test_a_flip_exchanges_left_and_right(spot: np.ndarray) -> None:
    np.testing.assert_array_equal(posed(spot, Pose(flipped=True)), spot[:, ::-1])


def test_a_quarter_turn_goes_counterclockwise(spot: np.ndarray) -> None:
    row, column = center_of(posed(spot, Pose(90.0)))
    assert row == pytest.approx(3, abs=0.2) and column == pytest.approx(20, abs=0.2)


def test_a_turn_is_about_the_center_and_back_again(spot: np.ndarray) -> None:
    for degrees in (8.0, -8.0):
        row, column = center_of(posed(spot, Pose(degrees)))
        assert np.hypot(row - 20, column - 20) == pytest.approx(17, abs=0.1)
    up, down = (center_of(posed(spot, Pose(degrees)))[0] for degrees in (8.0, -8.0))
    assert up < 20 < down


def test_turned_poses_lean_to_both_sides_alike() -> None:
    assert TURNED[0] == Pose()
    assert len(set(TURNED)) == len(TURNED) == 10
    assert sum(pose.degrees for pose in TURNED) == 0
    assert sum(pose.flipped for pose in TURNED) == 5


def test_equalized_radiographs_look_alike_however_they_were_exposed() -> None:
    rng = np.random.default_rng(0)
    hand = rng.normal(100, 20, (80, 80)).clip(0, 255)
    dark, bright = (hand * 0.4).astype(np.uint8), (hand * 0.8 + 50).astype(np.uint8)
    apart = abs(float(dark.mean()) - float(bright.mean()))
    closer = abs(float(equalized(dark).mean()) - float(equalized(bright).mean()))
    assert closer < apart / 2
    assert equalized(dark).dtype == np.uint8 and equalized(dark).shape == dark.shape


def test_a_recipe_equalizes_before_it_moves(spot: np.ndarray) -> None:
    found = draw_view(spot, 1, 0, Recipe(equalize=True))[0]
    np.testing.assert_array_equal(found, equalized(spot))
