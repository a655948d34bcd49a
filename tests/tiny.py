"""A cohort made in memory whose radiographs tell their age, and a base of a few weights."""

from __future__ import annotations

import sys
import zlib
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from boneage_lib.data import Cohort
from boneage_lib.data.cohort import checksum
from boneage_lib.training import train


def tiny_cohort(
    train: int = 40, validation: int = 12, test: int = 12, size: int = 32, seed: int = 0
) -> Cohort:
    """Noise around a brightness of half the age plus, for girls, 20; ages spread over 0 to 228."""
    splits = ["train"] * train + ["validation"] * validation + ["test"] * test
    n = len(splits)
    rng = np.random.default_rng(seed)
    ages = np.concatenate([np.linspace(1, 228, count) for count in (train, validation, test)])
    female = np.arange(n) % 2
    labels = pd.DataFrame(
        {"id": 1000 + 3 * np.arange(n), "split": splits, "female": female, "boneage_months": ages}
    )
    brightness = 40 + ages / 2 + 20 * female
    noise = rng.integers(-15, 16, (n, size, size))
    images = (brightness[:, None, None] + noise).clip(0, 255).astype(np.uint8)
    return sealed(labels, images)


def sealed(labels: pd.DataFrame, images: np.ndarray) -> Cohort:
    """A cohort with the checksum of what is in it."""
    return Cohort(labels, images, {"kind": "synthetic", "checksum": checksum(labels, images)})


def without_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings take no step: for tests of what is done before and after them.

    A head's weights are moved by as much as follows from the settings, so that trainings differ
    where their settings do, and only there.
    """

    def fit_head(*given: Any, **_: Any) -> pd.DataFrame:
        head, settings, callbacks = given[0], given[4], given[6]
        rng = np.random.default_rng(zlib.crc32(repr(settings).encode()))
        head.set_weights([w + rng.normal(0, 0.1, w.shape) for w in head.get_weights()])
        for callback in callbacks:
            callback.remembered = [np.zeros(1)]
        first = np.arange(settings.epochs) == 0
        return pd.DataFrame(
            {"epoch": 1 + np.arange(len(first)), "val_mae_months": 9.0, "kept": first}
        )

    monkeypatch.setattr(sys.modules[train.__module__], "fit_head", fit_head)


def tiny_base(
    name: str, size: int, weights: Any = None, seed: int = 0, policy: str = "float32"
) -> keras.Model:
    """Stands in for `frozen_backbone`: one strided convolution and a batch-norm, frozen."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3))
    maps = keras.layers.Conv2D(4, 8, strides=8, padding="same", name=f"{name}_conv")(image)
    base = keras.Model(image, keras.layers.BatchNormalization()(maps), name=name)
    base.trainable = False
    return base
