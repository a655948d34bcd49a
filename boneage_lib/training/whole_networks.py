"""A whole network from grey bytes to z-scores whose base may be trained, and its optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
from keras import ops

from boneage_lib.bases import BASES
from boneage_lib.networks import as_expected, build_head, frozen_backbone, network
from boneage_lib.training.adam import adam
from boneage_lib.training.processor import for_processor
from boneage_lib.training.runtimes import on_gpu
from boneage_lib.training.tuning import Tuning

#: Of the running statistics that a trained batch-norm gathers: Keras' 0.99 would still hold a third
#: of ImageNet's after a hundred steps.
MOMENTUM = 0.9


def policy_of(precision: str) -> str:
    """Keras' dtype policy of a base's layers, which a CPU leaves in part, see `for_processor`.

    Args:
        precision: ``"float32"`` or ``"bfloat16"``.
    """
    return "mixed_bfloat16" if precision == "bfloat16" and on_gpu() else "float32"


def whole_network(tuning: Tuning, size: int, weights: str | Path | None) -> keras.Model:
    """Base and head in one, to be trained as ``tuning`` says.

    Args:
        tuning: see `Tuning`.
        size: side of the radiographs, pixels.
        weights: that the base begins with, see `boneage_lib.bases.find_weights`.

    Returns:
        A model from ``grey``, uint8 (batch, size, size), and ``female`` (batch, 1) to z-scores,
        (batch, 1).
    """
    spec = network(tuning.network)
    seen = round(size * tuning.enlarge)
    policy = policy_of(tuning.precision)
    base = frozen_backbone(spec.backbone, seen, weights, tuning.seed, policy)
    if not on_gpu():
        base = for_processor(base, tuning.precision)
    base.trainable = tuning.base == "trained"
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # A call's ``training=False`` gives way to the whole network's ``training=True``: only
            # so is it frozen.
            layer.trainable &= tuning.batch_norm == "trained"
            layer.momentum = MOMENTUM
    grey = keras.Input((size, size), dtype="uint8", name="grey")
    female = keras.Input((1,), name="female")
    scaled = ops.cast(grey, "float32")[..., None] / 127.5 - 1.0
    if seen != size:
        scaled = ops.image.resize(scaled, (seen, seen), data_format="channels_last")
    rgb = ops.repeat(scaled, 3, axis=-1)
    maps = base(as_expected(rgb, BASES[spec.backbone].input_form))
    maps = ops.cast(maps, "float32")
    features = ops.mean(maps, axis=(1, 2)) if spec.pooled else maps
    head = build_head(spec.name, tuple(features.shape[1:]), tuning.dropout, tuning.seed)
    return keras.Model([grey, female], head([features, female]), name=f"{spec.name}_whole")


def optimizer_of(model: keras.Model, tuning: Tuning, steps: int) -> keras.optimizers.Optimizer:
    """Adam or, with weight decay, AdamW, slower on the base where ``tuning`` asks for it.

    Args:
        model: see `whole_network`.
        tuning: see `Tuning`.
        steps: of the whole training.
    """
    rate: Any = tuning.learning_rate
    if tuning.schedule == "cosine":
        rising = round(tuning.warm_up * steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if rising else tuning.learning_rate,
            max(1, steps - rising),
            warmup_target=tuning.learning_rate if rising else None,
            warmup_steps=rising,
        )
    base = model.get_layer(network(tuning.network).backbone)
    slow = {id(variable) for variable in base.variables} if tuning.base_rate < 1 else set()
    kind = _slower_on(type(adam(rate)))
    decay = tuning.weight_decay or None
    found = kind(slow, tuning.base_rate, learning_rate=rate, weight_decay=decay)
    # As usual, neither biases nor batch-norm's two vectors are drawn toward zero.
    vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
    found.exclude_from_weight_decay(var_list=vectors)
    return found


def _slower_on(kind: type[Any]) -> type[Any]:
    """A kind of Adam that takes some variables slower steps."""

    class Slower(kind):
        """See `optimizer_of`."""

        def __init__(self, slow: set[int], share: float, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.slow, self.share = slow, share
            self.shares: list[float] = []

        def build(self, variables: Iterable[Any]) -> None:
            """Remember which variables are the slow ones, by their place."""
            variables = list(variables)
            self.shares = [self.share if id(v) in self.slow else 1.0 for v in variables]
            super().build(variables)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            """Update one variable at its own rate."""
            share = self.shares[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * share)

    return Slower
