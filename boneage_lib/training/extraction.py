"""A frozen base as a feature extractor that takes grey bytes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from boneage_lib.bases import BASES, describe_weights
from boneage_lib.networks import as_expected, frozen_backbone
from boneage_lib.training.runtimes import (
    Runner,
    choose_precision,
    choose_runtime,
    describe_runtime,
    enough_memory,
    keras_runner,
    on_gpu,
    openvino_runner,
)


def jit_compile() -> bool | str:
    """Whether to compile with XLA: not on TensorFlow's CPU, where it made Xception 10 times slower.

    Elsewhere Keras decides (JAX always compiles).
    """
    return "auto" if on_gpu() or keras.backend.backend() != "tensorflow" else False


class Extractor:
    """A frozen base from grey bytes to features; RGB and scaling are part of the compiled step.

    Args:
        backbone: a key of `boneage_lib.bases.BASES`.
        side: side of the square input, pixels.
        weights: see `boneage_lib.bases.find_weights`.
        seed: seed of random weights.
        input_form: ``"tf"`` or ``"caffe"``; by default what the base's weights expect.
        runtime: ``"auto"``, ``"keras"`` or ``"openvino"``; see `choose_runtime`.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``; see `choose_precision`.
            Random weights stay with Keras in float32 unless something else is asked for: their
            features vary too little for bfloat16.

    Attributes:
        side: side of its input, pixels.
        on_gpu: True when it runs on a GPU, which wants large batches and several under way.
        spec: everything that its features depend on, as plain values.
    """

    def __init__(
        self,
        backbone: str,
        side: int,
        weights: str | Path | None = None,
        seed: int = 0,
        input_form: str | None = None,
        runtime: str = "auto",
        precision: str = "auto",
    ) -> None:
        form = input_form or BASES[backbone].input_form
        described = describe_weights(backbone, weights)
        if described["kind"] == "random":
            runtime = "keras" if runtime == "auto" else runtime
            precision = "float32" if precision == "auto" else precision
        self._runtime = choose_runtime(runtime)
        self._precision = choose_precision(precision, self._runtime)
        self.side = side
        self.on_gpu = self._runtime == "keras" and on_gpu()
        self.spec: dict[str, Any] = {
            "backbone": backbone,
            "side": side,
            "weights": described,
            "weights_seed": seed if described["kind"] == "random" else None,
            "input_form": form,
            **describe_runtime(self._runtime, self._precision),
        }
        self._weights, self._seed = weights, seed
        self._runners: dict[bool, Runner] = {}

    @cached_property
    def _models(self) -> tuple[keras.Model, keras.Model]:
        """Built when first needed: a full bank is trained on without its base."""
        # OpenVINO lowers the precision itself, from a model in float32.
        mixed = self._runtime == "keras" and self._precision == "bfloat16"
        policy = "mixed_bfloat16" if mixed else "float32"
        base = frozen_backbone(self.spec["backbone"], self.side, self._weights, self._seed, policy)
        grey = keras.Input((self.side, self.side), dtype="uint8", name="grey")
        scaled = ops.cast(grey, "float32")[..., None] / 127.5 - 1.0
        rgb = ops.repeat(scaled, 3, axis=-1)
        maps = base(as_expected(rgb, self.spec["input_form"]), training=False)
        maps = ops.cast(maps, "float32")
        pooled = keras.Model(grey, ops.mean(maps, axis=(1, 2)))
        both = keras.Model(grey, [ops.mean(maps, axis=(1, 2)), maps])
        for model in (pooled, both):
            model.compile(jit_compile=jit_compile())
        return pooled, both

    @property
    def pooled_model(self) -> keras.Model:
        """From grey bytes (batch, side, side) to pooled features."""
        return self._models[0]

    @property
    def maps_model(self) -> keras.Model:
        """From grey bytes (batch, side, side) to pooled features and maps."""
        return self._models[1]

    @property
    def map_shape(self) -> tuple[int, ...]:
        """(height, width, channels) of the feature maps."""
        return tuple(int(n) for n in self.maps_model.outputs[1].shape[1:])

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
        if maps not in self._runners:
            self._runners[maps] = self._runner(self.maps_model if maps else self.pooled_model)
        with enough_memory(f"{len(grey)} images of {self.side} pixels at a time"):
            pooled, *feature_maps = self._runners[maps](grey)
        return pooled, feature_maps[0] if maps else None

    def _runner(self, model: keras.Model) -> Runner:
        if self._runtime == "openvino":
            return openvino_runner(model, self._precision)
        return keras_runner(model)
