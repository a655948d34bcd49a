"""A reader of a few weights that was never trained: linear in the pixels up to its head."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from tiny import tiny_base

from boneage_lib.data import AgeNormalizer
from boneage_lib.inputs import Recipe
from boneage_lib.networks import FeatureScale, build_head, network
from boneage_lib.training import Extractor, Reader, extraction

#: A radiograph's side, and a patch's: whole strides of the tiny base.
SIZE, PATCH = 80, 40
NORMALIZER = AgeNormalizer(120.0, 40.0)


def tiny_reader(
    name: str, linear: bool = False, scale: FeatureScale | None = None, **more: Any
) -> Reader:
    """A reader of network ``name``, with the paper's head or a linear one on the same features."""
    spec = network(name)
    recipe = Recipe(patch_count=3 if spec.patches else 0, patch_size=PATCH)
    side = recipe.side(SIZE)
    with patch.object(extraction, "frozen_backbone", tiny_base):
        extractor = Extractor(spec.backbone, side, None, runtime="keras", precision="float32")
        shape = extractor.map_shape
    features = shape[-1:] if spec.pooled else shape
    head = linear_head(features) if linear else build_head(name, features, seed=3)
    return Reader(spec, head, NORMALIZER, extractor, scale, recipe, 0, **more)


def linear_head(shape: tuple[int, ...]) -> keras.Model:
    """The answer as a weighted sum of features and sex."""
    features, female = keras.Input(shape, name="features"), keras.Input((1,), name="female")
    fused = keras.layers.Concatenate()([keras.layers.Flatten()(features), female])
    head = keras.Model([features, female], keras.layers.Dense(1)(fused))
    weights = np.random.default_rng(1).normal(size=(int(np.prod(shape)) + 1, 1))
    head.set_weights([weights, np.array([0.2])])
    return head


def weights_of(reader: Reader) -> np.ndarray:
    """(channels,) weights that a linear head gives the features."""
    return np.asarray(reader.head.get_weights()[0][:-1, 0])
