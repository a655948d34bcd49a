"""Where a network looks: Grad-CAM on its last feature maps, with occlusion as a check.

Grad-CAM (Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based
localization", ICCV 2017) weighs the maps of the last convolution with the gradients of the answer.
Its authors cut off what is negative, which is evidence for other classes; an age has two
directions and no classes, so here the sign is kept: a positive place makes the hand older.
Occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014)
needs no gradients: it covers a place and asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError
from boneage_lib.evaluation.answers import answers_z, stream
from boneage_lib.evaluation.perturbations import border_grey
from boneage_lib.evaluation.subset import LABELS, check_radiographs
from boneage_lib.evaluation.windows import covering, cut, pasted

if TYPE_CHECKING:  # Keras takes seconds to load, and whoever draws a map needs none of it.
    from boneage_lib.training import Reader


@dataclass(frozen=True)
class Saliency:
    """Where a network looks on each of n radiographs.

    Attributes:
        images: uint8 (n, size, size).
        labels: ``id``, ``female``, ``boneage_months`` and ``predicted_months``: the answer that is
            explained, for a network on patches the mean over patches that cover the radiograph.
        maps: float32 (n, 64, 64), months by which the features at a place, of one position of the
            feature map, move the answer up or down, to first order and compared with the
            radiograph's median place.
    """

    images: np.ndarray
    labels: pd.DataFrame
    maps: np.ndarray

    @property
    def strength(self) -> np.ndarray:
        """How strongly each place acts, in either direction: float32 (n, 64, 64), mean 1 each."""
        strength = np.abs(self.maps)
        mean = strength.mean(axis=(1, 2), keepdims=True)
        return np.asarray(strength / np.where(mean > 0, mean, 1), dtype="float32")


def grad_cam(reader: Reader, maps: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Grad-CAM of feature maps, signed.

    Each channel is weighted with the mean over positions of the gradient of the answer. For heads
    on pooled features that is the gradient itself, and a linear head's map sums to its answer
    without the parts of sex and bias. The channels are those that the head takes: under random
    bases as `boneage_lib.networks.FeatureScale` gives them, counted from their training means.

    Args:
        reader: a trained network.
        maps: float32 (b, height, width, channels), of its base.
        female: (b,) 0 or 1.

    Returns:
        float32 (b, height, width), months of the answer for each position.
    """
    from keras import ops

    from boneage_lib.networks.gradients import gradient

    scaled = maps if reader.scale is None else reader.scale(maps)
    sex = ops.convert_to_tensor(np.asarray(female, dtype="float32")[:, None])

    def answer(features: Any) -> Any:
        taken = ops.mean(features, axis=(1, 2)) if reader.spec.pooled else features
        return reader.head([taken, sex], training=False)

    weights = gradient(answer, scaled).mean(axis=(1, 2))  # (b, channels)
    found = np.einsum("bhwc,bc->bhw", scaled, weights) * reader.normalizer.std_months
    return np.asarray(found, dtype="float32")


def saliency(reader: Reader, images: np.ndarray, labels: pd.DataFrame) -> Saliency:
    """Grad-CAM of radiographs; one pass of the base each, or one for each of 16 patches.

    The maps of patches are pasted back at their places, averaged where patches overlap. A feature
    map is laid over what the network looked at as if its positions shared it evenly, as is usual;
    in truth each sees far beyond its place.

    Args:
        reader: a trained network.
        images: uint8 (n, size, size), at the size it was trained on.
        labels: n rows of ``id``, ``female`` and ``boneage_months``.

    Raises:
        InputError: not such images or labels.
    """
    check_radiographs(images, labels)
    corners, side = covering(reader, images.shape[1])
    female = np.repeat(labels["female"].to_numpy(), len(corners))
    seen = (cut(image, corner, side) for image in images for corner in corners)
    z: list[np.ndarray] = []
    cams: list[np.ndarray] = []
    done = 0
    for pooled, maps in stream(reader, seen, maps=True):
        sex = female[done : done + len(maps)]
        done += len(maps)
        features = pooled if reader.spec.pooled else maps
        z.append(reader.answers_z(features[:, None], sex)[:, 0])
        cams.append(grad_cam(reader, maps, sex))
    by_window = np.concatenate(cams).reshape(len(images), len(corners), *cams[0].shape[1:])
    whole = np.stack([pasted(own, corners, side, images.shape[1]) for own in by_window])
    whole -= np.median(whole, axis=(1, 2), keepdims=True)
    answers = np.concatenate(z).reshape(len(images), -1).mean(axis=1)
    answered = labels[LABELS].reset_index(drop=True)
    answered["predicted_months"] = reader.normalizer.to_months(answers)
    return Saliency(images, answered, whole)


def occlusion(
    reader: Reader, images: np.ndarray, labels: pd.DataFrame, squares: int = 8
) -> np.ndarray:
    """What covering each part of a radiograph takes from the answer.

    Args:
        reader: a trained network.
        images: uint8 (n, size, size), at the size it was trained on.
        labels: n rows of ``id``, ``female`` and ``boneage_months``.
        squares: in each direction; each is covered with the grey around the hand
            (`border_grey`). The base runs squares² + 1 times a radiograph; for a network on
            patches, on the patches that a square touches.

    Returns:
        float32 (n, squares, squares), months: the answer less the answer without that square.
        Positive where what is seen there makes the hand older, as in `Saliency.maps`.

    Raises:
        InputError: not such images or labels, or squares of less than a pixel.
    """
    check_radiographs(images, labels)
    size = images.shape[1]
    if not 1 <= squares <= size:
        raise InputError(f"Found squares={squares}; expected 1 to the side of {size} pixels.")
    corners, side = covering(reader, size)
    edges = np.linspace(0, size, squares + 1).round().astype(int)
    boxes = [
        (slice(*rows), slice(*columns)) for rows in pairwise(edges) for columns in pairwise(edges)
    ]
    touched = [
        [
            window
            for window, corner in enumerate(corners)
            if all(
                start < span.stop and span.start < start + side
                for start, span in zip(corner, box, strict=True)
            )
        ]
        for box in boxes
    ]

    def looks() -> Iterator[np.ndarray]:
        for image in images:
            grey = border_grey(image)
            yield from (cut(image, corner, side) for corner in corners)
            for box, windows in zip(boxes, touched, strict=True):
                covered = image.copy()
                covered[box] = grey
                yield from (cut(covered, corners[window], side) for window in windows)

    per_radiograph = len(corners) + sum(map(len, touched))
    z, _other = answers_z(reader, looks(), np.repeat(labels["female"].to_numpy(), per_radiograph))
    found = np.empty((len(images), len(boxes)), dtype="float32")
    for own, answers in zip(found, z.reshape(len(images), per_radiograph), strict=True):
        whole, rest = answers[: len(corners)], answers[len(corners) :]
        for number, windows in enumerate(touched):
            without, rest = rest[: len(windows)], rest[len(windows) :]
            own[number] = (whole[windows] - without).sum() / len(corners)
    return (found * np.float32(reader.normalizer.std_months)).reshape(-1, squares, squares)
