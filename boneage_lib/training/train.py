"""Train one of the paper's networks on a cohort: draws, bank, head, predictions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.bases import check_size, find_weights, weights_kind
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
from boneage_lib.networks import (
    NETWORKS,
    FeatureScale,
    Network,
    build,
    build_head,
    network,
)
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import Bank, Progress, fill_bank
from boneage_lib.training.fitting import BankBatches, fit_head, take
from boneage_lib.training.settings import Settings


@dataclass(frozen=True)
class Trained:
    """A trained network and everything that a reader may ask of it.

    Attributes:
        name: a key of `NETWORKS`.
        head: the trained head.
        history: see `fitting.fit_head`.
        predictions: ``id, split, female, boneage_months, predicted_months`` of every validation
            and test radiograph, unaugmented; patch networks average over their patches.
        looks_z: z-score of every look behind the predictions, (radiographs, looks).
        normalizer: between months and z-scores, fitted on the resampled training ages.
        settings: what it was trained with.
        provenance: base, weights, cohort, seconds spent.
        feature_scale: see `FeatureScale`; None for pretrained bases.
    """

    name: str
    head: keras.Model
    history: pd.DataFrame
    predictions: pd.DataFrame
    looks_z: np.ndarray
    normalizer: AgeNormalizer
    settings: Settings
    provenance: dict[str, Any] = field(default_factory=dict)
    feature_scale: FeatureScale | None = None

    def model(self, image_size: int, weights: str | Path | None) -> keras.Model:
        """The whole network, from RGB images to z-scores, with the trained head."""
        whole = build(
            self.name,
            image_size,
            weights,
            self.settings.dropout,
            self.settings.seed,
            self.provenance["base"]["input_form"],
            self.feature_scale,
        )
        whole.get_layer(f"{self.name}_head").set_weights(self.head.get_weights())
        return whole


def draw_epochs(cohort: Cohort, settings: Settings) -> np.ndarray:
    """Rows of the training radiographs in the order of use, int64 (epochs, draws).

    The training set is resampled once, uniformly over age and sex (section IV), and shuffled anew
    every epoch.
    """
    rows = cohort.rows("train")
    labels = cohort.labels.iloc[rows]
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


def train(
    name: str,
    cohort: Cohort,
    settings: Settings,
    bank_folder: Path,
    weights: str | Path | None = None,
    input_form: str | None = None,
    keep_maps: bool = False,
    policy: str = "float32",
    splits: tuple[str, ...] = ("validation", "test"),
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    progress: Progress | None = None,
) -> Trained:
    """Train network ``name`` on ``cohort`` (sections III to V).

    Args:
        name: a key of `NETWORKS`.
        cohort: with all three splits.
        settings: see `Settings`.
        bank_folder: where feature banks lie; see `fill_bank`.
        weights: see `boneage_lib.bases.find_weights`.
        input_form: ``"tf"`` or ``"caffe"``; by default what the base's weights expect.
        keep_maps: keep feature maps as well, for a later network on the same base.
        policy: Keras dtype policy of the frozen base.
        splits: what to predict; always with validation, which training watches.
        extra_callbacks: more Keras callbacks for the head's training.
        verbose: print a line an epoch.
        progress: called with (views done, views in all) while the banks fill.

    Raises:
        InputError: anything that cannot work, before long work begins.
    """
    spec = network(name)
    check_trainable(spec, cohort, settings, weights, splits)
    started = time.perf_counter()
    extractor = Extractor(
        spec.backbone, side(spec, cohort, settings), weights, settings.seed, input_form, policy
    )
    draws = draw_epochs(cohort, settings)
    views = number_uses(draws, settings.views or draws.size)
    banks = {
        part: fill_bank(
            bank_folder,
            cohort,
            rows,
            numbers,
            recipe(spec, settings, training=part == "train"),
            extractor,
            settings.seed,
            maps=keep_maps or not spec.pooled,
            # Random bases give maps too small for half precision.
            map_dtype="float16" if weights_kind(weights) == "imagenet" else "float32",
            progress=progress,
        )
        for part, rows, numbers in (
            ("train", draws, views),
            ("held out", held_out(cohort, splits), np.zeros_like(held_out(cohort, splits))),
        )
    }
    extracted = time.perf_counter()
    features = {part: _features(spec, bank) for part, bank in banks.items()}
    scale = None
    if weights_kind(weights) == "random":
        scale = FeatureScale.fit(features["train"][:: max(1, len(features["train"]) // 256)])
    labels = cohort.labels
    ages, female = labels["boneage_months"].to_numpy(), labels["female"].to_numpy()
    normalizer = AgeNormalizer.fit(ages[draws[0]])
    head = build_head(name, features["train"].shape[2:], settings.dropout, settings.seed)

    def batches(part: str, rows: np.ndarray, numbers: np.ndarray) -> BankBatches:
        places = banks[part].places(rows, numbers)
        age_z = normalizer.to_z(ages[rows])
        return BankBatches(features[part], places, female[rows], age_z, settings.batch_size, scale)

    validation = cohort.rows("validation")[None]
    history = fit_head(
        head,
        batches("train", draws, views),
        batches("held out", validation, np.zeros_like(validation)),
        normalizer,
        settings,
        verbose,
        extra_callbacks,
    )
    rows = held_out(cohort, splits)
    looks_z = predict_bank(
        head,
        features["held out"],
        banks["held out"].places(rows, np.zeros_like(rows)),
        female[rows],
        scale,
    )
    predictions = labels.iloc[rows].reset_index(drop=True)
    # The paper's number of patches a radiograph is scored; further ones are kept for studying it.
    scored = looks_z[:, : settings.evaluation_patches] if spec.patches else looks_z
    predictions["predicted_months"] = normalizer.to_months(scored.mean(axis=1))
    provenance = {
        "base": extractor.spec,
        "cohort": cohort.checksum,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "views": len(banks["train"].index),
        "seconds": {
            "features": round(extracted - started, 1),
            "head": round(time.perf_counter() - extracted, 1),
        },
    }
    return Trained(
        name,
        head,
        history,
        predictions,
        looks_z,
        normalizer,
        settings,
        provenance,
        scale,
    )


def held_out(cohort: Cohort, splits: tuple[str, ...]) -> np.ndarray:
    """Rows of the splits, one split after another."""
    return np.concatenate([cohort.rows(split) for split in splits])


def side(spec: Network, cohort: Cohort, settings: Settings) -> int:
    """Side of what a network looks at, pixels."""
    return settings.patch_size if spec.patches else cohort.size


#: Patches a held-out radiograph in the bank, of which the first ``evaluation_patches`` are scored.
HELD_OUT_PATCHES = 9


def recipe(spec: Network, settings: Settings, training: bool) -> Recipe:
    """How radiographs become a network's input: augmented in training (Table 2), bare elsewhere."""
    if not spec.patches:
        return Recipe(WHOLE_IMAGES if training else UNAUGMENTED)
    augmentation: Augmentation = PATCHED_IMAGES if training else UNAUGMENTED
    count = settings.patch_count
    if not training:
        count = max(settings.evaluation_patches, HELD_OUT_PATCHES)
    return Recipe(augmentation, count, settings.patch_size)


def predict_bank(
    head: keras.Model,
    features: np.ndarray,
    places: np.ndarray,
    female: np.ndarray,
    scale: FeatureScale | None,
    batch_size: int = 32,
) -> np.ndarray:
    """Z-scores of every look, float32 (places, looks)."""
    looks = features.shape[1]
    answers = []
    for start in range(0, len(places), batch_size):
        chosen = slice(start, start + batch_size)
        taken = take(features, places[chosen], scale)
        sex = np.repeat(female[chosen].astype("float32"), looks)[:, None]
        answers.append(np.asarray(head.predict_on_batch([taken, sex])).reshape(-1, looks))
    return np.concatenate(answers)


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


def _features(spec: Network, bank: Bank) -> np.ndarray:
    if spec.pooled:
        return bank.pooled
    assert bank.maps is not None
    return bank.maps


__all__ = ["NETWORKS", "Trained", "check_trainable", "draw_epochs", "train"]
