"""Two ways to train a head on a frozen base, with one result.

The bank computes every view's features once and trains heads on them; streaming is the paper's
way: augment, base, head, batch by batch, epoch by epoch. As the base is frozen and its batch-norm
runs on stored statistics, both see the same features.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import keras
import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.data.threads import n_cores
from boneage_lib.inputs import Recipe
from boneage_lib.networks import FeatureScale
from boneage_lib.training.datasets import BankBatches, Batches, Draws, StreamBatches
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import Bank, batch_shape
from boneage_lib.training.shards import Shards


class Engine(Protocol):
    """What a training needs to know of how its batches come about."""

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one look's features, as the head takes them."""

    def features(self, part: str, rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Features of a few views, (n, looks, *shape), to fit a `FeatureScale` on."""

    def scaled(self, scale: FeatureScale | None) -> None:
        """Scale all features from now on, for random bases."""

    def model(self, head: keras.Model) -> keras.Model:
        """What is fitted: the head alone, or base and head."""

    def batches(self, part: str, draws: Draws, batch_size: int) -> Batches:
        """Batches of ``"train"`` or ``"held out"``."""

    def at_a_time(self, part: str) -> int:
        """Radiographs of a part that are predicted at a time, without a gradient."""


class BankEngine:
    """Heads on a bank.

    Args:
        banks: by part, ``"train"`` and ``"held out"``.
        pooled: the head takes pooled features, else maps.
    """

    def __init__(self, banks: Mapping[str, Bank], pooled: bool) -> None:
        self.banks = banks
        self.arrays = {part: _array(bank, pooled) for part, bank in banks.items()}
        self.scale: FeatureScale | None = None

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """See `Engine`."""
        return self.arrays["train"].shape[2:]

    def features(self, part: str, rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return self.arrays[part][self.banks[part].places(rows, views)]

    def scaled(self, scale: FeatureScale | None) -> None:
        """See `Engine`."""
        self.scale = scale

    def model(self, head: keras.Model) -> keras.Model:
        """See `Engine`."""
        return head

    def batches(self, part: str, draws: Draws, batch_size: int) -> Batches:
        """See `Engine`."""
        places = self.banks[part].places(draws.rows, draws.views)
        return BankBatches(self.arrays[part], places, draws, batch_size, self.scale)

    def at_a_time(self, part: str) -> int:
        """See `Engine`; a head alone takes little memory."""
        return 32


class StreamingEngine:
    """Base and head, batch by batch, as the paper trains.

    Args:
        cohort: where the radiographs are.
        extractor: the frozen base.
        recipes: by part, ``"train"`` and ``"held out"``.
        pooled: the head takes pooled features, else maps.
        seed: seed of the views.
    """

    def __init__(
        self,
        cohort: Cohort,
        extractor: Extractor,
        recipes: Mapping[str, Recipe],
        pooled: bool,
        seed: int,
    ) -> None:
        self.cohort, self.extractor, self.recipes = cohort, extractor, recipes
        self.pooled, self.seed = pooled, seed
        self.scale: FeatureScale | None = None
        self.pool = ThreadPoolExecutor(n_cores())

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """See `Engine`."""
        shape = self.extractor.map_shape
        return shape[-1:] if self.pooled else shape

    def features(self, part: str, rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        unknown = np.zeros((1, len(rows)))
        draws = Draws(rows[None], views[None], unknown, unknown)
        batches = self.batches(part, draws, 1)
        found = [
            self.extractor(batches.seen(step), maps=not self.pooled) for step in range(len(rows))
        ]
        return np.stack([pooled if maps is None else maps for pooled, maps in found])

    def scaled(self, scale: FeatureScale | None) -> None:
        """See `Engine`."""
        self.scale = scale

    def model(self, head: keras.Model) -> keras.Model:
        """See `Engine`."""
        grey = keras.Input((self.extractor.side, self.extractor.side), dtype="uint8", name="grey")
        female = keras.Input((1,), name="female")
        if self.pooled:
            features = self.extractor.pooled_model(grey, training=False)
        else:
            features = self.extractor.maps_model(grey, training=False)[1]
        if self.scale is not None:
            features = self.scale.layer()(features)
        return keras.Model([grey, female], head([features, female]), name=f"streamed_{head.name}")

    def batches(self, part: str, draws: Draws, batch_size: int) -> Batches:
        """See `Engine`."""
        recipe = self.recipes[part]
        return StreamBatches(self.cohort, draws, recipe, self.seed, batch_size, self.pool)

    def at_a_time(self, part: str) -> int:
        """See `Engine`; as many as go through the base at a time when a bank is filled."""
        looks = self.recipes[part].looks()
        return batch_shape(self.extractor.on_gpu, self.extractor.side, looks)[0]


def _array(bank: Bank, pooled: bool) -> Shards:
    if pooled:
        return bank.pooled
    assert bank.maps is not None
    return bank.maps
