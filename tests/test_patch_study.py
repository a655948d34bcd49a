"""The patch-size study: as printed, and with as many patches a step for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.training import (
    Settings,
    extraction,
    fair_patch_study,
    patch_study,
    train,
    train_patches,
    train_patches_fairly,
)
from boneage_lib.training.datasets import BankBatches, Draws
from boneage_lib.training.plan import draw_patches

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SIZE = 71
SETTINGS = Settings(epochs=3, draws_per_cell=12, views=2, learning_rate=0.02, seed=1)
FAIR = replace(SETTINGS, patches_a_step=8)


class Watched:
    """Radiographs that remember which rows were looked at."""

    def __init__(self, images: np.ndarray) -> None:
        self.images, self.shape, self.rows = images, images.shape, set[int]()

    def __getitem__(self, row: int) -> np.ndarray:
        self.rows.add(int(row))
        return np.asarray(self.images[row])


@pytest.fixture(scope="module", autouse=True)
def on_a_tiny_base() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "frozen_backbone", tiny_base)
        patch.setattr(heads, "frozen_backbone", tiny_base)
        yield


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=SIZE)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


def test_patch_study_scores_validation_radiographs_and_leaves_the_test_set_alone(
    cohort: Cohort, tmp_path: Path
) -> None:
    watched = Watched(cohort.images)
    progress: list[tuple[int, int]] = []
    study, curves = patch_study(
        replace(cohort, images=watched),
        SETTINGS,
        ((1, 64), (4, 32)),
        tmp_path,
        progress=lambda done, n: progress.append((done, n)),
    )
    assert watched.rows <= set(cohort.rows("train")) | set(cohort.rows("validation"))
    assert set(cohort.rows("validation")) <= watched.rows
    assert list(study) == [
        "patch_count",
        "patch_size",
        "pixels",
        "budget",
        "patches_a_step",
        "loss",
        "val_loss",
        "mae_months",
        "errors_months",
        "seconds",
    ]
    assert study["pixels"].tolist() == [64**2, 4 * 32**2]
    assert study["budget"].tolist() == [64**2 / SIZE**2, 4 * 32**2 / SIZE**2]
    assert study["patches_a_step"].tolist() == [8, 32]
    for row in study.itertuples():
        assert len(row.errors_months) == len(cohort.rows("validation"))
        assert row.mae_months == pytest.approx(row.errors_months.mean())
    # One epoch each, and the same number of steps whatever the patches.
    steps = curves.groupby(["patch_count", "patch_size"])["step"]
    assert steps.max().to_dict() == {(1, 64): 30, (4, 32): 30}
    mean = curves.groupby("patch_count")["loss"].mean()
    np.testing.assert_allclose(mean, study.set_index("patch_count")["loss"], rtol=1e-4)
    assert progress[-1][0] == progress[-1][1]


def test_the_fair_study_makes_the_same_updates_of_as_many_patches(
    cohort: Cohort, tmp_path: Path
) -> None:
    watched = Watched(cohort.images)
    seen = replace(cohort, images=watched)
    study = fair_patch_study(seen, FAIR, 2, ((1, 64), (4, 32)), tmp_path)
    assert watched.rows <= set(cohort.rows("train")) | set(cohort.rows("validation"))
    assert study["seed"].tolist() == [1, 2, 1, 2]
    assert set(study["patches_a_step"]) == {8}
    assert study["pixels_a_step"].tolist() == [8 * 64**2] * 2 + [8 * 32**2] * 2
    assert study["updates"].tolist() == [30] * 4
    assert study["patch_count"].tolist() == [1, 1, 4, 4]
    for row in study.itertuples():
        assert row.mae_months == pytest.approx(row.errors_months.mean())
    assert study["mae_months"].nunique() == 4


def test_where_a_step_sees_all_patches_both_versions_are_one(cohort: Cohort, bank: Path) -> None:
    losses, printed = train_patches(cohort, FAIR, 1, 64, bank)
    (fair,) = train_patches_fairly(cohort, FAIR, 1, 1, 64, bank)
    pd.testing.assert_frame_equal(fair.history, printed.history)
    assert fair.predictions.equals(printed.predictions)
    assert len(losses) == 30
    assert printed.settings.patches_a_step == 0 and fair.settings.patches_a_step == 8


def test_it_is_trained_once(
    cohort: Cohort, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_patches_fairly(cohort, FAIR, 2, 4, 32, bank, checkpoints=tmp_path)
    monkeypatch.setattr(
        "boneage_lib.training.fitting.NextDraws.on_epoch_begin",
        lambda *_, **__: pytest.fail("an epoch was trained again"),
    )
    again = train_patches_fairly(cohort, FAIR, 2, 4, 32, bank, checkpoints=tmp_path)
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.history, other.history)
        assert one.predictions.equals(other.predictions)


def test_patches_are_drawn_anew_without_replacement_and_evenly() -> None:
    settings = Settings(epochs=2, batch_size=4, patch_count=6, patches_a_step=8, seed=3)
    drawn = draw_patches(settings, 3_000)
    assert drawn.shape == (2, 3_000, 2)
    assert (np.diff(drawn, axis=-1) > 0).all(), "sorted, none twice"
    counts = np.bincount(drawn.ravel(), minlength=6)
    assert len(counts) == 6 and abs(counts / 2_000 - 1).max() < 0.1
    assert (drawn[0] != drawn[1]).any()
    np.testing.assert_array_equal(drawn, draw_patches(settings, 3_000))
    assert (drawn != draw_patches(replace(settings, seed=4), 3_000)).any()
    everything = draw_patches(replace(settings, patches_a_step=24), 5)
    assert (everything == np.arange(6)).all()


def test_batches_give_the_patches_that_were_drawn_with_their_labels() -> None:
    places = np.array([[2, 0, 1], [1, 2, 0]])
    features = np.arange(3 * 4, dtype="float32").reshape(3, 4, 1)  # place × 4 + patch
    draws = Draws(places, np.zeros_like(places), places % 2, places.astype(float))
    batches = BankBatches(features, places, draws, 2)
    patches = np.array([[[0, 3], [1, 2], [0, 1]], [[2, 3], [0, 2], [1, 3]]])
    batches.give_only(patches)
    for epoch in (0, 1):
        batches.epoch = epoch
        for step, chosen in enumerate((slice(0, 2), slice(2, 3))):
            (seen, female), age_z = batches[step]
            expected = places[epoch, chosen, None] * 4 + patches[epoch, chosen]
            np.testing.assert_array_equal(seen[:, 0], expected.ravel())
            np.testing.assert_array_equal(female[:, 0], np.repeat(places[epoch, chosen] % 2, 2))
            np.testing.assert_array_equal(age_z[:, 0], np.repeat(places[epoch, chosen], 2))


def test_streaming_sees_the_same_patches(cohort: Cohort, tmp_path: Path) -> None:
    settings = replace(FAIR, epochs=1, patch_count=4, patch_size=32, evaluation_patches=4)
    bank, streamed = (
        train(
            "resnet50_patches",
            cohort,
            replace(settings, engine=engine),
            tmp_path,
            splits=("validation",),
            verbose=False,
        )
        for engine in ("bank", "streaming")
    )
    for column in ("loss", "val_loss"):
        np.testing.assert_allclose(streamed.history[column], bank.history[column], atol=1e-4)


def test_patches_that_cannot_be_shared_out_are_refused(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="patches_a_step=16 .* 1 patches .* at most 8"):
        train_patches_fairly(cohort, replace(FAIR, patches_a_step=16), 1, 1, 64, tmp_path)
