"""Random patches, their pixel budget, and their size on smaller radiographs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boneage_lib.errors import InputError
from boneage_lib.inputs import (
    TABLE_5,
    Recipe,
    check_patches,
    grid_corners,
    pixel_budget,
    random_corners,
    scaled_patch,
    table_5_at,
)
from boneage_lib.paper import published


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 300), st.integers(0, 2**32))
def test_patches_lie_wholly_inside_the_radiograph(
    count: int, patch_size: int, margin: int, seed: int
) -> None:
    image_size = patch_size + margin
    corners = random_corners(count, patch_size, image_size, np.random.default_rng(seed))
    assert corners.shape == (count, 2)
    assert np.issubdtype(corners.dtype, np.integer)
    assert corners.min() >= 0
    assert corners.max() + patch_size <= image_size


def test_every_position_is_drawn_equally_often_both_edges_included() -> None:
    corners = random_corners(8_000, 6, 9, np.random.default_rng(0))
    for axis in (0, 1):
        positions, counts = np.unique(corners[:, axis], return_counts=True)
        assert positions.tolist() == [0, 1, 2, 3]
        assert abs(counts / 2_000 - 1).max() < 0.1
    assert abs(np.corrcoef(corners.T)[0, 1]) < 0.05


def test_a_patch_as_large_as_the_radiograph_is_the_radiograph() -> None:
    assert (random_corners(3, 50, 50, np.random.default_rng(0)) == 0).all()


def test_the_grid_of_the_second_place() -> None:
    corners = grid_corners(500, 224)
    assert corners.shape == (49, 2)
    assert np.unique(corners).tolist() == [0, 46, 92, 138, 184, 230, 276]
    assert corners[:8].tolist() == [[0, 46 * k] for k in range(7)] + [[46, 0]], "row by row"


@given(st.integers(1, 12), st.integers(1, 200), st.data())
def test_a_grid_covers_the_radiograph_evenly_and_stays_inside(
    count: int, patch_size: int, data: st.DataObject
) -> None:
    image_size = data.draw(st.integers(patch_size, count * patch_size))
    corners = grid_corners(image_size, patch_size, count)
    assert corners.shape == (count**2, 2)
    assert corners.min() >= 0 and corners.max() + patch_size <= image_size
    seen = np.zeros(image_size, bool)
    for place in np.unique(corners[:, 0]):
        seen[place : place + patch_size] = True
    assert seen.all()
    steps = np.diff(corners[::count, 0])
    assert steps.size == 0 or np.ptp(steps) <= 1
    np.testing.assert_array_equal(corners[:count, 1], corners[::count, 0])


def test_a_grid_with_gaps_is_refused() -> None:
    with pytest.raises(InputError, match="Found 2 patches of 32 px along .* 100 px.*at least 4"):
        grid_corners(100, 32, 2)
    with pytest.raises(InputError, match="0 patches of 32 px"):
        grid_corners(100, 32, 0)
    with pytest.raises(InputError, match="7 patches of 101 px"):
        grid_corners(100, 101)


def test_budgets_are_those_of_table_5() -> None:
    assert tuple((row.patches, row.size) for row in published.TABLE_5) == TABLE_5
    budgets = [pixel_budget(*setting) for setting in TABLE_5]
    assert [pixels for pixels, _ in budgets] == [150_528, 147_456, 147_456, 153_600]
    assert [round(share, 6) for _, share in budgets] == [0.602112, 0.589824, 0.589824, 0.6144]


def test_budget_is_a_share_of_the_radiograph_at_hand() -> None:
    assert pixel_budget(4, 50, 100) == (10_000, 1.0)


@pytest.mark.parametrize(
    ("patch_size", "image_size", "scaled"),
    [
        (224, 500, 224),
        (224, 250, 112),
        (128, 250, 64),
        (224, 100, 45),
        (64, 100, 32),
        (32, 500, 32),
    ],
)
def test_patches_keep_their_share_of_the_hand_but_not_below_the_minimum(
    patch_size: int, image_size: int, scaled: int
) -> None:
    assert scaled_patch(patch_size, image_size) == scaled


@pytest.mark.parametrize(
    ("image_size", "settings"),
    [
        (500, TABLE_5),
        (1000, ((3, 448), (9, 256), (36, 128), (150, 64))),
        (256, ((3, 115), (9, 66), (36, 33))),
        (200, ((3, 90), (9, 51), (23, 32))),
        (100, ((3, 45), (6, 32))),
        (64, ((2, 32),)),
    ],
)
def test_settings_of_table_5_keep_their_budget_at_other_sizes(
    image_size: int, settings: tuple[tuple[int, int], ...]
) -> None:
    assert table_5_at(image_size) == settings
    for setting in settings:
        assert pixel_budget(*setting, image_size)[1] == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize(("count", "patch_size"), [(0, 32), (-1, 32), (3, 101), (3, 0)])
def test_patches_that_do_not_fit_are_refused(count: int, patch_size: int) -> None:
    expected = f"Found {count} patches of {patch_size} px for radiographs of 100 px"
    with pytest.raises(InputError, match=expected):
        check_patches(count, patch_size, 100)
    with pytest.raises(InputError, match=expected):
        random_corners(count, patch_size, 100, np.random.default_rng(0))


def test_a_recipe_knows_what_the_network_looks_at() -> None:
    whole, patched = Recipe(), Recipe(patch_count=3, patch_size=40)
    assert (whole.looks(), whole.side(100)) == (1, 100)
    assert (patched.looks(), patched.side(100)) == (3, 40)
    whole.check(1)
    with pytest.raises(InputError, match="3 patches of 40 px"):
        patched.check(39)
