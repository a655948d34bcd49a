"""What a training uses and in which order, and what would make it fail, known before it begins."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from boneage_lib.bases import check_size, find_weights
from boneage_lib.data import AgeNormalizer, Cohort, resample_uniformly
from boneage_lib.errors import InputError
from boneage_lib.inputs import (
    PATCHED_IMAGES,
    UNAUGMENTED,
    WHOLE_IMAGES,
    Augmentation,
    Recipe,
    number_uses,
)
from boneage_lib.networks import Network
from boneage_lib.training.settings import Settings


def draw_epochs(cohort: Cohort, settings: Settings) -> np.ndarray:
    """Rows of the training radiographs in the order of use, int64 (epochs, draws).

    The training set is resampled once, uniformly over age and sex (section IV), and shuffled anew
    every epoch. Without resampling an epoch is the training set; with ``epoch_draws``, epochs are
    cut from one shuffled training set after another, so that over all of them every radiograph is
    used equally often, to within one.
    """
    rows = cohort.rows("train")
    labels = cohort.labels.iloc[rows]
    if settings.epoch_draws:
        wanted = settings.epochs * settings.epoch_draws
        rng = np.random.default_rng(settings.seed)
        passes = [rng.permutation(rows) for _ in range(math.ceil(wanted / len(rows)))]
        return np.concatenate(passes)[:wanted].reshape(settings.epochs, settings.epoch_draws)
    drawn = np.arange(len(rows))
    if settings.draws_per_cell:
        drawn = resample_uniformly(
            labels["boneage_months"].to_numpy(),
            labels["female"].to_numpy(),
            settings.draws_per_cell,
            seed=settings.seed,
        )
    return np.stack(
        [
            rows[np.random.default_rng([settings.seed, epoch]).permutation(drawn)]
            for epoch in range(settings.epochs)
        ]
    )


def draw_views(cohort: Cohort, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """`draw_epochs`, and the number of the augmented view that each draw uses."""
    rows = draw_epochs(cohort, settings)
    return rows, number_uses(rows, settings.views or rows.size)


def fit_normalizer(cohort: Cohort, settings: Settings, rows: np.ndarray) -> AgeNormalizer:
    """The normalizer of a training, fitted on what it trains on (section IV).

    That is the resampled training set, which every epoch uses once, or the training set as it is.

    Args:
        cohort: with the ages, months.
        settings: of the training.
        rows: what `draw_epochs` gave.
    """
    # Where epochs are cut from several passes, one of them need not hold every radiograph.
    used = cohort.rows("train") if settings.epoch_draws else rows[0]
    return AgeNormalizer.fit(cohort.labels["boneage_months"].to_numpy()[used])


#: Training radiographs that are predicted for each validation radiograph: their error beside the
#: validation error shows overfitting, and more of them would hardly narrow its interval.
TRAIN_FOR_EACH_VALIDATION = 2


def held_out(cohort: Cohort, splits: tuple[str, ...]) -> np.ndarray:
    """Rows of the radiographs that are predicted, unaugmented, one split after another.

    All of validation and test; of the training set a random sample, the same for every network,
    `TRAIN_FOR_EACH_VALIDATION` times as large as the validation set where there are so many.
    """
    return np.concatenate([_predicted(cohort, split) for split in splits])


def _predicted(cohort: Cohort, split: str) -> np.ndarray:
    rows = cohort.rows(split)
    wanted = TRAIN_FOR_EACH_VALIDATION * len(cohort.rows("validation"))
    if split != "train" or len(rows) <= wanted:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, wanted, replace=False))


#: Views that a `FeatureScale` is fitted on, and bytes that their features take at most.
VIEWS_TO_SCALE_BY = 256
BYTES_TO_SCALE_BY = 2**28


def few_views(rows: np.ndarray, views: np.ndarray, bytes_a_view: int) -> np.ndarray:
    """Some of a training's distinct views, evenly spread: int64 (2, n), rows and views.

    At least `VIEWS_TO_SCALE_BY` where there are so many, or as many as `BYTES_TO_SCALE_BY` hold.

    Args:
        rows: of the views, any shape.
        views: their numbers, of the same shape.
        bytes_a_view: what the features of one take.
    """
    distinct = np.unique(np.stack([rows.ravel(), views.ravel()]), axis=1)
    n, most = distinct.shape[1], max(1, BYTES_TO_SCALE_BY // bytes_a_view)
    return distinct[:, :: max(1, n // VIEWS_TO_SCALE_BY, math.ceil(n / most))]


def draw_patches(settings: Settings, draws: int) -> np.ndarray:
    """Which patches of each draw's radiograph a step sees, int64 (epochs, draws, patches), sorted.

    ``patches_a_step`` are shared out evenly among the radiographs of a step and drawn anew, without
    replacement, every time a radiograph is used.

    Args:
        settings: with ``patches_a_step`` above 0.
        draws: radiographs an epoch.
    """
    each = settings.patches_a_step // settings.batch_size
    drawn = [
        np.random.default_rng([settings.seed, epoch, 1])
        .random((draws, settings.patch_count))
        .argsort(axis=1)[:, :each]
        for epoch in range(settings.epochs)
    ]
    return np.sort(np.stack(drawn), axis=-1)


def side(spec: Network, cohort: Cohort, settings: Settings) -> int:
    """Side of what a network looks at, pixels."""
    return settings.patch_size if spec.patches else cohort.size


def recipe(spec: Network, settings: Settings, training: bool) -> Recipe:
    """How radiographs become a network's input: augmented in training (Table 2), bare elsewhere."""
    if not spec.patches:
        return Recipe(WHOLE_IMAGES if training else UNAUGMENTED)
    augmentation: Augmentation = PATCHED_IMAGES if training else UNAUGMENTED
    count = settings.patch_count if training else settings.evaluation_patches
    return Recipe(augmentation, count, settings.patch_size)


def check_trainable(
    spec: Network,
    cohort: Cohort,
    settings: Settings,
    weights: str | Path | None,
    splits: tuple[str, ...] = ("validation", "test"),
) -> None:
    """Raise InputError for what would fail later: empty splits, few ages, sizes, weights."""
    check_size(spec.backbone, side(spec, cohort, settings))
    recipe(spec, settings, training=True).check(cohort.size)
    find_weights(spec.backbone, weights)
    each, rest = divmod(settings.patches_a_step, settings.batch_size)
    if spec.patches and settings.patches_a_step and (rest or each > settings.patch_count):
        raise InputError(
            f"Found patches_a_step={settings.patches_a_step} with batch_size="
            f"{settings.batch_size} and {settings.patch_count} patches a radiograph; expected a "
            f"multiple of {settings.batch_size}, at most "
            f"{settings.batch_size * settings.patch_count}."
        )
    if "validation" not in splits:
        raise InputError(f"Found splits={splits}; expected validation among them.")
    for split in ("train", *splits):
        if len(cohort.rows(split)) == 0:
            raise InputError(f"The cohort has no {split} radiographs; expected some in each split.")
    train_labels = cohort.labels.iloc[cohort.rows("train")]
    if train_labels["boneage_months"].nunique() < 2 or train_labels["female"].nunique() < 2:
        raise InputError(
            f"Found {train_labels['boneage_months'].nunique()} distinct ages and "
            f"{train_labels['female'].nunique()} sexes in train; expected at least two of each."
        )
    if settings.batch_size > len(train_labels):
        raise InputError(
            f"Found batch_size={settings.batch_size} with {len(train_labels)} training "
            "radiographs; expected a batch no larger than the data."
        )
