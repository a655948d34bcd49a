"""The frozen ImageNet bases of section V."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from boneage_lib.bases import BASES, check_size, find_weights
from boneage_lib.errors import InputError

#: Mean of ImageNet's blue, green and red, 0 to 255: what ResNet50's weights were trained to expect.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers under a Keras dtype policy (``"float32"``, ``"mixed_bfloat16"``)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def frozen_backbone(
    name: str,
    size: int,
    weights: str | Path | None = None,
    seed: int = 0,
    policy: str = "float32",
) -> keras.Model:
    """A base without top, frozen, its batch-norm on stored statistics (sections V.A to V.D).

    Args:
        name: a key of `boneage_lib.bases.BASES`.
        size: side of the square input, pixels.
        weights: see `find_weights`.
        seed: seed of the random initialization; of no effect on pretrained weights.
        policy: Keras dtype policy of its layers.

    Returns:
        A model from the backbone's own input form, (batch, size, size, 3), to feature maps.

    Raises:
        InputError: an input too small, or weights that cannot be had or do not fit.
    """
    constructor = getattr(keras.applications, BASES[name].application)
    check_size(name, size)
    found = find_weights(name, weights)
    keras.utils.set_random_seed(seed)
    try:
        with precision(policy):
            base = constructor(
                weights=found, include_top=False, input_shape=(size, size, 3), name=name
            )
    except Exception as error:  # Keras raises whatever urllib or h5py raised.
        if found is None:
            raise
        raise InputError(
            f"Could not load ImageNet weights of {BASES[name].application} from {found!r} "
            f"({error}). Give a folder with Keras' 'notop' files by --weights DIR (WEIGHTS=DIR for "
            "make), or --weights random for a check of the pipeline only."
        ) from error
    base.trainable = False
    return base


def as_expected(image: Any, input_form: str) -> Any:
    """An RGB image in [-1, 1], (batch, size, size, 3), in the form that a base's weights expect."""
    if input_form == "tf":
        return image
    if input_form != "caffe":
        raise InputError(f"Found input_form={input_form!r}; expected 'tf' or 'caffe'.")
    mean_rgb = np.array(IMAGENET_MEAN_BGR[::-1])
    centered = keras.layers.Rescaling(
        127.5, offset=[float(127.5 - mean) for mean in mean_rgb], name="minus_imagenet_mean"
    )(image)
    return centered[..., ::-1]
