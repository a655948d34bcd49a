"""Train a whole network, base and all, and ask it: beyond the paper's frozen bases."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd

from boneage_lib.bases import describe_weights
from boneage_lib.data import AgeNormalizer, Cohort, age_bins, resample_uniformly
from boneage_lib.data.threads import n_cores
from boneage_lib.inputs import AS_IT_IS, Pose, equalized, number_uses, posed
from boneage_lib.networks import network
from boneage_lib.training.datasets import Draws, StreamBatches
from boneage_lib.training.digests import FINETUNING_CODE, digest_of_arrays, digest_of_code
from boneage_lib.training.fitting import fit_head
from boneage_lib.training.parallel import held_out_batch_size, use_all_devices
from boneage_lib.training.plan import check_trainable
from boneage_lib.training.runtimes import describe_keras, enough_memory
from boneage_lib.training.settings import Settings
from boneage_lib.training.tuning import Tuning
from boneage_lib.training.whole_networks import optimizer_of, policy_of, whole_network

#: Radiographs that a network is asked about at a time.
ASKED_AT_ONCE = 32
#: Draws from each age bin × sex that resampled radiographs are taken from, as in the paper.
DRAWS_PER_CELL = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Tuned:
    """A whole network after its training.

    Attributes:
        tuning: how it was trained.
        model: see `whole_network`, with the weights of the best epoch on validation.
        history: see `boneage_lib.training.fitting.fit_head`.
        normalizer: between months and z-scores.
        seconds: that the training took, without what was found among the checkpoints.
    """

    tuning: Tuning
    model: keras.Model
    history: pd.DataFrame
    normalizer: AgeNormalizer
    seconds: float


def draw_tuning(cohort: Cohort, tuning: Tuning) -> np.ndarray:
    """Rows of the training radiographs in the order of use, int64 (epochs, draws).

    But for weighted sampling, epochs are cut from one shuffled pass after another through what is
    sampled, so that over all of them each is used equally often, to within one.
    """
    rows = cohort.rows("train")
    labels = cohort.labels.iloc[rows]
    ages, female = labels["boneage_months"].to_numpy(), labels["female"].to_numpy()
    n, epochs = tuning.epoch_draws or len(rows), tuning.epochs
    rng = np.random.default_rng(tuning.seed)
    if tuning.sampling == "weighted":
        cells = 2 * age_bins(ages) + female
        weights = 1 / np.sqrt(np.bincount(cells)[cells])
        return rng.choice(rows, (epochs, n), p=weights / weights.sum())
    pool = rows
    if tuning.sampling == "resampled":
        pool = rows[resample_uniformly(ages, female, DRAWS_PER_CELL, seed=tuning.seed)]
    passes = [rng.permutation(pool) for _ in range(math.ceil(epochs * n / len(pool)))]
    return np.concatenate(passes)[: epochs * n].reshape(epochs, n)


def tune(
    cohort: Cohort,
    tuning: Tuning,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
    start: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
) -> Tuned:
    """Train a whole network on a cohort's training radiographs.

    Every step's radiographs go through base and head, moved anew; validation radiographs, bare,
    choose the epoch whose weights are kept. The test set is not touched.

    Args:
        cohort: with train and validation radiographs.
        tuning: see `Tuning`; its ``pretraining`` is up to the caller, see ``start``.
        weights: that the base begins with, see `boneage_lib.bases.find_weights`.
        checkpoints: folder for the state after every epoch, from which a killed training goes on.
        start: weights of such a network, as `keras.Model.save_weights` writes them, to go on from.
        callbacks: more Keras callbacks.
        verbose: print a line an epoch.

    Raises:
        InputError: what cannot work, before long work begins; a loss that is no longer a number.
    """
    spec = network(tuning.network)
    settings = Settings(
        epochs=tuning.epochs,
        batch_size=tuning.batch_size,
        learning_rate=tuning.learning_rate,
        schedule="constant",
        stop_patience=0,
        seed=tuning.seed,
    )
    check_trainable(spec, cohort, settings, weights, ("validation",))
    began = time.perf_counter()
    rows = draw_tuning(cohort, tuning)
    views = number_uses(rows, rows.size)
    use_all_devices(tuning.batch_size, rows.shape[1])
    labels = cohort.labels
    ages, female = labels["boneage_months"].to_numpy(), labels["female"].to_numpy()
    # On what it trains on, as in section IV.
    resampled = tuning.sampling == "resampled"
    normalizer = AgeNormalizer.fit(ages[rows.ravel() if resampled else cohort.rows("train")])

    def draws(rows: np.ndarray, views: np.ndarray) -> Draws:
        return Draws(rows, views, female[rows], normalizer.to_z(ages[rows]))

    validation = cohort.rows("validation")[None]
    model = whole_network(tuning, cohort.size, weights)
    if start is not None:
        model.load_weights(start)
    steps = math.ceil(rows.shape[1] / tuning.batch_size) * tuning.epochs
    trained_on = draws(rows, views)
    record = {
        "tuning": tuning.as_dict(),
        "weights": describe_weights(spec.backbone, weights),
        "start": digest_of_arrays(*model.get_weights()),
        "cohort": cohort.checksum,
        "draws": digest_of_arrays(rows, views, trained_on.age_z),
        "code": digest_of_code(FINETUNING_CODE),
        "keras": describe_keras(),
        "policy": policy_of(tuning.precision),
        "opencv": cv2.__version__,
    }
    with ThreadPoolExecutor(n_cores()) as pool:

        def batches(draws: Draws, training: bool, size: int) -> StreamBatches:
            recipe = tuning.recipe(training)
            return StreamBatches(cohort, draws, recipe, tuning.seed, size, pool)

        history = fit_head(
            model,
            batches(trained_on, True, tuning.batch_size),
            batches(
                draws(validation, np.zeros_like(validation)),
                False,
                held_out_batch_size(ASKED_AT_ONCE, validation.shape[1]),
            ),
            normalizer,
            settings,
            verbose,
            callbacks,
            checkpoints=checkpoints,
            record=record,
            loss=tuning.loss,
            optimizer=optimizer_of(model, tuning, steps),
        )
    return Tuned(tuning, model, history, normalizer, time.perf_counter() - began)


def answers(
    tuned: Tuned,
    cohort: Cohort,
    rows: np.ndarray,
    poses: Sequence[Pose] = AS_IT_IS,
    progress: Progress | None = None,
) -> np.ndarray:
    """Bone ages that a trained network gives radiographs, in one pose or several.

    Args:
        tuned: the network.
        cohort: where the radiographs are.
        rows: (n,) of the cohort.
        poses: in which each radiograph is shown, see `Pose`.
        progress: called with (radiographs done, in all).

    Returns:
        Months, float64 (n, poses).
    """
    equalize = tuned.tuning.equalize
    female = cohort.labels["female"].to_numpy().astype("float32")
    at_once = max(1, ASKED_AT_ONCE // len(poses))
    found = []
    for begin in range(0, len(rows), at_once):
        own = rows[begin : begin + at_once]
        seen = [
            posed(equalized(image) if equalize else image, pose)
            for image in (cohort.images[row] for row in own)
            for pose in poses
        ]
        sexes = np.repeat(female[own], len(poses))[:, None]
        with enough_memory(f"{len(seen)} images of {cohort.size} pixels at a time"):
            z = tuned.model.predict_on_batch([np.stack(seen), sexes])
        found.append(np.asarray(z, dtype=float).reshape(len(own), len(poses)))
        if progress is not None:
            progress(min(begin + at_once, len(rows)), len(rows))
    return tuned.normalizer.to_months(np.concatenate(found))
