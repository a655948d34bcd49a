"""Train one of the paper's networks on a cohort: draws, bank, head, predictions."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd

from boneage_lib.bases import weights_kind
from boneage_lib.data import AgeNormalizer, Cohort
from boneage_lib.errors import InputError
from boneage_lib.networks import FeatureScale, build, build_head, network
from boneage_lib.training.banks import (
    PARTS,
    SPLITS,
    map_dtype,
    of_seeds,
    open_banks,
    open_extractor,
)
from boneage_lib.training.datasets import Draws
from boneage_lib.training.digests import TRAINING_CODE, digest_of_arrays, digest_of_code
from boneage_lib.training.engines import BankEngine, Engine, StreamingEngine
from boneage_lib.training.feature_bank import Progress
from boneage_lib.training.fitting import fit_head, predict
from boneage_lib.training.parallel import held_out_batch_size, use_all_devices, use_one_device
from boneage_lib.training.plan import (
    check_trainable,
    draw_patches,
    draw_views,
    few_views,
    fit_normalizer,
    held_out,
    recipe,
)
from boneage_lib.training.runtimes import describe_keras
from boneage_lib.training.settings import Settings


@dataclass(frozen=True)
class Trained:
    """A trained network and everything that a reader may ask of it.

    Attributes:
        name: a key of `NETWORKS`.
        head: the trained head.
        history: see `fitting.fit_head`.
        predictions: ``id, split, female, boneage_months, predicted_months`` of some training and
            of every validation and test radiograph (see `plan.held_out`), unaugmented; patch
            networks average over their patches.
        looks_z: z-score of every look behind the predictions, (radiographs, looks).
        normalizer: between months and z-scores, see `plan.fit_normalizer`.
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
            self.settings.views_seed,
        )
        whole.get_layer(f"{self.name}_head").set_weights(self.head.get_weights())
        return whole


def train(
    name: str,
    cohort: Cohort,
    settings: Settings,
    bank_folder: Path,
    weights: str | Path | None = None,
    input_form: str | None = None,
    keep_maps: bool = False,
    runtime: str = "auto",
    precision: str = "auto",
    splits: tuple[str, ...] = SPLITS,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
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
        runtime: what computes features, see `boneage_lib.training.runtimes`; streaming trains
            through Keras.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``, of the frozen base.
        splits: what to predict; always with validation, which training watches.
        extra_callbacks: more Keras callbacks for the head's training.
        verbose: print a line an epoch.
        progress: called with (views done, views in all) while the banks fill.
        checkpoints: folder for the state after every epoch, from which a killed training goes on.

    Raises:
        InputError: anything that cannot work, before long work begins.
    """
    spec = network(name)
    check_trainable(spec, cohort, settings, weights, splits)
    started = time.perf_counter()
    rows, views = draw_views(cohort, settings)
    if settings.engine == "streaming":
        use_all_devices(settings.batch_size, rows.shape[1])
    else:
        use_one_device()
    extractor = open_extractor(spec, cohort, settings, weights, input_form, runtime, precision)
    others = held_out(cohort, splits)
    engine: Engine
    if settings.engine == "streaming":
        recipes = {part: recipe(spec, settings, training=part == "train") for part in PARTS}
        engine = StreamingEngine(cohort, extractor, recipes, spec.pooled, settings.views_seed)
    else:
        banks = open_banks(
            spec,
            cohort,
            [settings],
            bank_folder,
            extractor,
            weights,
            keep_maps,
            splits,
            progress,
            to_read="pooled" if spec.pooled else None,
        )
        engine = BankEngine(banks, spec.pooled)
    scale = None
    if weights_kind(weights) == "random":
        looks = recipe(spec, settings, training=True).looks()
        some = few_views(rows, views, 4 * looks * math.prod(engine.feature_shape))
        scale = FeatureScale.fit(engine.features("train", *some))
        engine.scaled(scale)
    extracted = time.perf_counter()
    labels = cohort.labels
    ages, female = labels["boneage_months"].to_numpy(), labels["female"].to_numpy()
    normalizer = fit_normalizer(cohort, settings, rows)

    def draws(rows: np.ndarray, views: np.ndarray) -> Draws:
        return Draws(rows, views, female[rows], normalizer.to_z(ages[rows]))

    precision = extractor.spec["precision"]
    head = build_head(name, engine.feature_shape, settings.dropout, settings.seed, precision)
    model = engine.model(head)
    validation = cohort.rows("validation")[None]
    trained_on = draws(rows, views)
    training = engine.batches("train", trained_on, settings.batch_size)
    patches = np.zeros(0)
    if spec.patches and settings.patches_a_step:
        patches = draw_patches(settings, rows.shape[1])
        training.give_only(patches)
    record = {
        "network": name,
        "settings": settings.as_dict(),
        "base": extractor.spec,
        "cohort": cohort.checksum,
        "maps": map_dtype(weights, extractor),
        # What other rooms of the library decide about it: resampling, and the normalizer.
        "draws": digest_of_arrays(rows, views, trained_on.age_z, patches),
        "code": digest_of_code(TRAINING_CODE),
        "keras": describe_keras(),
        "opencv": cv2.__version__,
    }
    history = fit_head(
        head,
        training,
        engine.batches(
            "held out",
            draws(validation, np.zeros_like(validation)),
            held_out_batch_size(settings.batch_size, validation.shape[1]),
        ),
        normalizer,
        settings,
        verbose,
        extra_callbacks,
        model,
        checkpoints,
        record,
    )
    bare = draws(others[None], np.zeros_like(others)[None])
    looks_z = predict(model, engine.batches("held out", bare, engine.at_a_time("held out")))
    predictions = labels.iloc[others].reset_index(drop=True)
    predictions["predicted_months"] = normalizer.to_months(looks_z.mean(axis=1))
    provenance = {
        "base": extractor.spec,
        "cohort": cohort.checksum,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "views": len(np.unique(np.stack([rows.ravel(), views.ravel()]), axis=1)[0]),
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


def train_seeds(
    name: str, cohort: Cohort, settings: Settings, seeds: int, *more: Any, **named: Any
) -> list[Trained]:
    """Train a network several times, each with its own draws, initial weights and dropout.

    All share one bank of views: what differs between them is what chance does to the head.

    Args:
        name: see `train`, also for all further arguments.
        cohort: see `train`.
        settings: of the first training; the others count its seed up.
        seeds: how many trainings, 1 or more.
        more: further arguments of `train`.
        named: further arguments of `train`, by name.

    Raises:
        InputError: fewer than one, or what `train` raises.
    """
    if seeds < 1:
        raise InputError(f"Found seeds={seeds}; expected 1 training or more.")
    trainings = []
    for own in of_seeds(settings, seeds):
        if seeds > 1 and named.get("verbose", True):
            print(f"seed {own.seed}")
        trainings.append(train(name, cohort, own, *more, **named))
    return trainings
