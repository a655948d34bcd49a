"""A frozen base as a feature extractor that takes grey bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from boneage_lib.bases import BASES, describe_weights
from boneage_lib.networks import as_expected, frozen_backbone


def jit_compile() -> bool | str:
    """Whether to compile with XLA: not on TensorFlow's CPU, where it made Xception 10 times slower.

    Elsewhere Keras decides (JAX always compiles).
    """
    on_gpu = bool(keras.distribution.list_devices("gpu"))
    return "auto" if on_gpu or keras.backend.backend() != "tensorflow" else False


class Extractor:
    """A frozen base from grey bytes to features; RGB and scaling are part of the compiled step.

    Args:
        backbone: a key of `boneage_lib.bases.BASES`.
        side: side of the square input, pixels.
        weights: see `boneage_lib.bases.find_weights`.
        seed: seed of random weights.
        input_form: ``"tf"`` or ``"caffe"``; by default what the base's weights expect.
        policy: Keras dtype policy of the base.

    Attributes:
        spec: everything that its features depend on, as plain values.
        map_shape: (height, width, channels) of its feature maps.
    """

    def __init__(
        self,
        backbone: str,
        side: int,
        weights: str | Path | None = None,
        seed: int = 0,
        input_form: str | None = None,
        policy: str = "float32",
    ) -> None:
        form = input_form or BASES[backbone].input_form
        base = frozen_backbone(backbone, side, weights, seed, policy)
        described = describe_weights(backbone, weights)
        self.side = side
        self.spec: dict[str, Any] = {
            "backbone": backbone,
            "side": side,
            "weights": described,
            "weights_seed": seed if described["kind"] == "random" else None,
            "input_form": form,
            "policy": policy,
        }
        grey = keras.Input((side, side), dtype="uint8", name="grey")
        scaled = ops.cast(grey, "float32")[..., None] / 127.5 - 1.0
        maps = base(as_expected(ops.repeat(scaled, 3, axis=-1), form), training=False)
        maps = ops.cast(maps, "float32")
        self._maps = keras.Model(grey, [ops.mean(maps, axis=(1, 2)), maps])
        self._pooled = keras.Model(grey, ops.mean(maps, axis=(1, 2)))
        for model in (self._maps, self._pooled):
            model.compile(jit_compile=jit_compile())
        self.map_shape = tuple(int(n) for n in maps.shape[1:])

    def __call__(
        self, grey: np.ndarray, maps: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Features of grey images.

        Args:
            grey: uint8 (n, side, side).
            maps: also return the feature maps.

        Returns:
            float32 pooled features (n, channels), and maps (n, height, width, channels) or None.
        """
        if maps:
            pooled, feature_maps = self._maps.predict_on_batch(grey)
            return np.asarray(pooled), np.asarray(feature_maps)
        return np.asarray(self._pooled.predict_on_batch(grey)), None
