"""Batches of (what a network looks at, sex) and z-scored ages, from a bank or drawn on the way."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import keras
import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.data.pages import Pages
from boneage_lib.inputs import Recipe, draw_view
from boneage_lib.networks import FeatureScale
from boneage_lib.training.shards import Shards

#: Batches that streaming draws ahead.
AHEAD = 6


@dataclass(frozen=True)
class Draws:
    """What a training uses, in order.

    Attributes:
        rows: (epochs, draws) rows of the cohort; epochs come round again.
        views: (epochs, draws) number of each one's view.
        female: (epochs, draws) 0 or 1.
        age_z: (epochs, draws) z-scores.
    """

    rows: np.ndarray
    views: np.ndarray
    female: np.ndarray
    age_z: np.ndarray


class Batches(keras.utils.PyDataset):
    """Batches of an epoch's draws; all looks of a radiograph are in the same batch.

    Args:
        draws: see `Draws`.
        looks: what the network sees of one radiograph: 1, or the number of patches.
        batch_size: radiographs a batch.

    Attributes:
        epoch: whose draws are given; from 0.
        patches: (epochs, draws, looks) which patches of each draw are given; None: all.
    """

    def __init__(self, draws: Draws, looks: int, batch_size: int) -> None:
        super().__init__()
        self.draws, self.looks, self.batch_size = draws, looks, batch_size
        self.epoch = 0
        self.patches: np.ndarray | None = None

    def __len__(self) -> int:
        return math.ceil(self.draws.rows.shape[1] / self.batch_size)

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Batch ``step`` of the current epoch."""
        epoch, chosen = self._chosen(step)
        female = np.repeat(self.draws.female[epoch, chosen].astype("float32"), self.looks)
        age_z = np.repeat(self.draws.age_z[epoch, chosen].astype("float32"), self.looks)
        seen = self.seen(step)
        if self.patches is not None:
            of_each = self.patches[epoch, chosen]  # (radiographs, looks)
            shaped = seen.reshape(len(of_each), -1, *seen.shape[1:])
            seen = shaped[np.arange(len(of_each))[:, None], of_each].reshape(-1, *seen.shape[1:])
        return (seen, female[:, None]), age_z[:, None]

    def give_only(self, patches: np.ndarray) -> None:
        """Give some patches of each radiograph from now on: int (epochs, draws, looks)."""
        self.patches, self.looks = patches, patches.shape[-1]

    def _chosen(self, step: int) -> tuple[int, slice]:
        span = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return self.epoch % len(self.draws.rows), span

    def seen(self, step: int) -> np.ndarray:
        """What the network looks at in a batch: (radiographs × looks, …)."""
        raise NotImplementedError


class BankBatches(Batches):
    """Batches gathered from a bank of features.

    Args:
        features: (places, looks, *feature shape).
        places: (epochs, draws) place of every draw.
        draws: see `Draws`.
        batch_size: radiographs a batch.
        scale: applied to the features, for random bases.
    """

    def __init__(
        self,
        features: Shards | np.ndarray,
        places: np.ndarray,
        draws: Draws,
        batch_size: int,
        scale: FeatureScale | None = None,
    ) -> None:
        super().__init__(draws, features.shape[1], batch_size)
        self.features, self.places, self.scale = features, places, scale

    def seen(self, step: int) -> np.ndarray:
        """Features of a batch."""
        epoch, chosen = self._chosen(step)
        return take(self.features, self.places[epoch, chosen], self.scale)


def take(
    features: Shards | np.ndarray, places: np.ndarray, scale: FeatureScale | None
) -> np.ndarray:
    """Features at ``places``, their looks one after another: (places × looks, *shape).

    Of the bank's type, or float32 when scaled. Half-precision maps stay as they are: the head's
    compiled step turns them to float32 three times as fast as NumPy does.
    """
    taken = np.asarray(features[places]).reshape(-1, *features.shape[2:])
    if scale is not None:
        taken = scale(taken)
    return taken


class StreamBatches(Batches):
    """Batches of grey bytes, drawn ahead by threads.

    Args:
        cohort: where the radiographs are.
        draws: see `Draws`.
        recipe: augmentation and patches.
        seed: seed of the views.
        batch_size: radiographs a batch.
        pool: threads; OpenCV releases the interpreter lock.
    """

    def __init__(
        self,
        cohort: Cohort,
        draws: Draws,
        recipe: Recipe,
        seed: int,
        batch_size: int,
        pool: ThreadPoolExecutor,
    ) -> None:
        super().__init__(draws, recipe.looks(), batch_size)
        self.cohort, self.recipe, self.seed, self.pool = cohort, recipe, seed, pool
        self.ids = cohort.labels["id"].to_numpy()
        self.pages = Pages([cohort.images])
        self.ahead: dict[tuple[int, int], Future[np.ndarray]] = {}

    def seen(self, step: int) -> np.ndarray:
        """Grey bytes of a batch: uint8 (radiographs × looks, side, side)."""
        for coming in range(step, min(step + AHEAD, len(self))):
            if (self.epoch, coming) not in self.ahead:
                epoch, chosen = self._chosen(coming)
                self.ahead[self.epoch, coming] = self.pool.submit(
                    self._draw, self.draws.rows[epoch, chosen], self.draws.views[epoch, chosen]
                )
        return self.ahead.pop((self.epoch, step)).result()

    def _draw(self, rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        self.pages.saw(len(rows) * self.cohort.size**2)
        return np.concatenate(
            [
                draw_view(self.cohort.images[row], int(self.ids[row]), view, self.recipe, self.seed)
                for row, view in zip(rows.tolist(), views.tolist(), strict=True)
            ]
        )
