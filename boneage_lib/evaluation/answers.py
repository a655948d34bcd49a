"""Answers to many looks in one stream: the base gets whole batches, memory holds one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.training import Reader


def stream(
    reader: Reader, looks: Iterable[np.ndarray], maps: bool
) -> Iterator[tuple[np.ndarray, ...]]:
    """Features of single looks, batch by batch.

    Args:
        reader: a trained network.
        looks: uint8 (side, side), what the network sees, one after another.
        maps: feature maps as well as pooled features.

    Yields:
        float32 pooled features (b, channels), and maps (b, height, width, channels) if asked for.
    """
    from boneage_lib.training.feature_bank import batch_shape, features_of

    _, images = batch_shape(reader.extractor.on_gpu, reader.extractor.side, 1)
    coming = iter(looks)

    def batches() -> Iterator[np.ndarray]:
        while taken := list(islice(coming, images)):
            yield np.stack(taken)[:, None]  # (b, 1, side, side)

    for found in features_of(reader.extractor, batches(), images, maps):
        yield tuple(array[:, 0] for array in found)


def answers_z(
    reader: Reader, looks: Iterable[np.ndarray], female: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Z-scores of single looks, as they are and with the sex swapped.

    Args:
        reader: a trained network.
        looks: see `stream`.
        female: 0 or 1 for every look.

    Returns:
        Two float64 arrays of the length of ``female``: with its own sex, and with the other, for
        which the base does not run again.
    """
    female = np.asarray(female)
    own, other = (np.empty(len(female)) for _ in range(2))
    done = 0
    for found in stream(reader, looks, maps=not reader.spec.pooled):
        features = found[-1][:, None]
        span = slice(done, done + len(features))
        own[span] = reader.answers_z(features, female[span])[:, 0]
        other[span] = reader.answers_z(features, 1 - female[span])[:, 0]
        done = span.stop
    return own, other
