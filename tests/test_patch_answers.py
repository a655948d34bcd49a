"""A patch network's answers to random patches and to a grid of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import grid_corners
from boneage_lib.networks import heads
from boneage_lib.training import (
    PatchAnswers,
    Reader,
    Settings,
    Trained,
    extraction,
    patch_answers,
    train,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SETTINGS = Settings(epochs=1, draws_per_cell=4, views=1, patch_size=40)


@pytest.fixture(scope="module", autouse=True)
def on_a_tiny_base() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "frozen_backbone", tiny_base)
        patch.setattr(heads, "frozen_backbone", tiny_base)
        yield


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=80)


@pytest.fixture(scope="module")
def trained(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    bank = tmp_path_factory.mktemp("bank")
    return train("resnet50_patches", cohort, SETTINGS, bank, verbose=False)


@pytest.fixture(scope="module")
def answers(cohort: Cohort, trained: Trained) -> PatchAnswers:
    return patch_answers(Reader.of(trained, None), cohort, draws=3, patches=5, grid=4)


def test_the_first_patches_of_the_first_draw_are_those_that_training_scored(
    answers: PatchAnswers, trained: Trained
) -> None:
    test = trained.predictions.query("split == 'test'")
    assert answers.random_months.shape == (12, 3, 5) and answers.grid_months.shape == (12, 16)
    np.testing.assert_allclose(
        answers.random_months[:, 0, :3].mean(axis=1), test["predicted_months"], atol=1e-3
    )
    np.testing.assert_array_equal(answers.boneage_months, test["boneage_months"])


def test_every_draw_looks_elsewhere(answers: PatchAnswers) -> None:
    for other in (1, 2):
        assert (answers.random_months[:, 0] != answers.random_months[:, other]).any(axis=1).all()


def test_the_grid_is_read_patch_by_patch(
    answers: PatchAnswers, cohort: Cohort, trained: Trained
) -> None:
    reader, rows = Reader.of(trained, None), cohort.rows("test")
    corners = grid_corners(80, 40, 4)
    patches = np.stack(
        [[cohort.images[row][r : r + 40, c : c + 40] for r, c in corners] for row in rows]
    )
    female = cohort.labels["female"].to_numpy()[rows]
    z = reader.answers_z(reader.features(patches), female)
    np.testing.assert_allclose(answers.grid_months, reader.normalizer.to_months(z), atol=1e-3)


def test_some_radiographs_are_spread_over_the_ages(cohort: Cohort, trained: Trained) -> None:
    some = patch_answers(Reader.of(trained, None), cohort, draws=1, grid=2, at_most=4)
    ages = np.sort(cohort.labels["boneage_months"].to_numpy()[cohort.rows("test")])
    np.testing.assert_array_equal(some.boneage_months, ages[[1, 4, 7, 10]])
    assert some.random_months.shape == (4, 1, 9)


def test_what_cannot_be_asked_is_refused(cohort: Cohort, trained: Trained) -> None:
    reader = Reader.of(trained, None)
    with pytest.raises(InputError, match="Found 0 draws"):
        patch_answers(reader, cohort, draws=0)
    with pytest.raises(InputError, match="at least 2, which leave no gap"):
        patch_answers(reader, cohort, draws=1, grid=1)
    whole = replace(reader, spec=replace(reader.spec, patches=False))
    with pytest.raises(InputError, match="looks at patches"):
        patch_answers(whole, cohort, draws=1)
