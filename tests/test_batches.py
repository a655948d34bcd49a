"""Views and batches: the same bytes wherever and whenever they are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import (
    PATCHED_IMAGES,
    WHOLE_IMAGES,
    Recipe,
    draw_view,
    number_uses,
    view_batches,
)

WHOLE = Recipe(WHOLE_IMAGES)
PATCHES = Recipe(PATCHED_IMAGES, patch_count=3, patch_size=12)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort()


@pytest.fixture(scope="module")
def image(cohort: Cohort) -> np.ndarray:
    return cohort.images[0]


@pytest.mark.parametrize("recipe", [WHOLE, PATCHES], ids=["whole", "patches"])
def test_a_view_is_the_same_bytes_each_time(image: np.ndarray, recipe: Recipe) -> None:
    view = draw_view(image, 7, 2, recipe, seed=1)
    assert view.dtype == np.uint8
    assert view.shape == (recipe.looks(), recipe.side(32), recipe.side(32))
    np.testing.assert_array_equal(view, draw_view(image.copy(), 7, 2, recipe, seed=1))


@pytest.mark.parametrize("recipe", [WHOLE, PATCHES], ids=["whole", "patches"])
def test_another_id_view_or_seed_gives_another_view(image: np.ndarray, recipe: Recipe) -> None:
    keys = [(7, 2, 1), (8, 2, 1), (7, 3, 1), (7, 2, 2), (2, 7, 1), (1, 2, 7)]
    views = {draw_view(image, i, view, recipe, seed).tobytes() for i, view, seed in keys}
    assert len(views) == len(keys)


def test_an_unaugmented_radiograph_is_seen_as_it_is(image: np.ndarray) -> None:
    for view in range(3):
        np.testing.assert_array_equal(draw_view(image, 7, view, Recipe()), image[None])


def test_unaugmented_patches_are_windows_of_the_radiograph(image: np.ndarray) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(image, (12, 12)).reshape(-1, 12, 12)
    for patch in draw_view(image, 7, 0, Recipe(patch_count=5, patch_size=12)):
        assert (patch == windows).all(axis=(1, 2)).any()


def test_patches_of_a_view_are_cut_from_one_augmented_radiograph() -> None:
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))  # rises to the right
    recipe = Recipe(PATCHED_IMAGES, patch_count=6, patch_size=20)
    directions = set()
    for view in range(12):
        patches = draw_view(ramp, 7, view, recipe).astype(int)
        slopes = np.sign(patches[:, :, -1].mean(axis=1) - patches[:, :, 0].mean(axis=1))
        assert len(set(slopes)) == 1, "some patches of a view are mirrored and others are not"
        directions.add(int(slopes[0]))
    assert directions == {-1, 1}


@pytest.mark.parametrize("recipe", [WHOLE, PATCHES], ids=["whole", "patches"])
@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (4, 2), (5, 0), (100, 3)])
def test_batches_do_not_depend_on_their_size_or_on_workers(
    cohort: Cohort, recipe: Recipe, batch_size: int, workers: int
) -> None:
    rows, views = np.array([5, 5, 0, 30, 2, 5, 41, 7, 7]), np.array([0, 1, 0, 4, 4, 0, 1, 2, 3])
    batches = list(view_batches(cohort, rows, views, recipe, 3, batch_size, workers))
    sizes = [len(batch) for batch in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1) and sum(sizes) == len(rows)
    ids = cohort.labels["id"]
    for drawn, row, view in zip(np.concatenate(batches), rows, views, strict=True):
        alone = draw_view(cohort.images[row], int(ids[row]), int(view), recipe, 3)
        np.testing.assert_array_equal(drawn, alone)


def test_a_view_belongs_to_its_radiograph_and_not_to_its_row(cohort: Cohort) -> None:
    order = np.random.default_rng(0).permutation(len(cohort))
    labels = cohort.labels.iloc[order].reset_index(drop=True)
    shuffled = replace(cohort, labels=labels, images=cohort.images[order])
    there = next(view_batches(cohort, order[:4], [1] * 4, WHOLE, batch_size=4))
    here = next(view_batches(shuffled, range(4), [1] * 4, WHOLE, batch_size=4))
    np.testing.assert_array_equal(here, there)


def test_drawing_ahead_stays_a_few_batches_ahead(cohort: Cohort) -> None:
    class Counting:
        shape, opened = cohort.images.shape, 0

        def __getitem__(self, row: int) -> np.ndarray:
            Counting.opened += 1
            return cohort.images[row]

    counting = replace(cohort, images=Counting())
    batches = view_batches(counting, np.arange(40), np.zeros(40, int), Recipe(), batch_size=2)
    next(batches)
    assert Counting.opened <= 2 * 6
    batches.close()


def test_patches_that_do_not_fit_are_refused_before_any_drawing(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="3 patches of 33 px for radiographs of 32 px"):
        next(view_batches(cohort, [0], [0], Recipe(patch_count=3, patch_size=33)))


@given(
    st.lists(st.integers(0, 9), max_size=60),
    st.integers(1, 5),
)
def test_uses_of_a_radiograph_are_counted_and_come_round(draws: list[int], views: int) -> None:
    numbers = number_uses(np.array(draws, dtype=int), views)
    assert numbers.dtype == np.int64
    seen: dict[int, int] = {}
    for row, number in zip(draws, numbers.tolist(), strict=True):
        assert number == seen.get(row, 0) % views
        seen[row] = seen.get(row, 0) + 1


def test_uses_are_counted_over_epochs() -> None:
    draws = np.array([[4, 4, 9], [9, 4, 4]])
    np.testing.assert_array_equal(number_uses(draws, 3), [[0, 1, 0], [1, 2, 0]])
