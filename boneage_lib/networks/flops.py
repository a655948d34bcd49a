"""What a built network holds and costs: parameters, FLOPs, and whether its base stays frozen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from boneage_lib.networks.heads import build, network


def count_flops(model: keras.Model, normalization: bool = False) -> int:
    """FLOPs of one example's forward pass: convolutions and dense layers, 2 × multiplications.

    Multiplications of weights are counted, two FLOPs each (one multiplication, one addition): what
    a matrix unit can do. Activations and pooling are work as well, but none of these.

    Args:
        model: a functional model of fixed input size; models inside it are counted, too.
        normalization: count batch-norm's scale and shift, too, two FLOPs a value.
    """
    flops = 0
    for layer in _layers(model):
        flops += 2 * _multiplications(layer)
        if normalization and isinstance(layer, keras.layers.BatchNormalization):
            flops += 2 * math.prod(layer.output.shape[1:])
    return flops


def describe(name: str, side: int) -> dict[str, Any]:
    """Build a network with random weights and say what it holds.

    Args:
        name: a key of `boneage_lib.networks.NETWORKS`.
        side: of what it looks at, pixels.

    Returns:
        ``side``, ``trainable`` and ``frozen`` (parameters), ``gflops`` (of the base, one image,
        batch-norm included), ``base_trainable`` (the base's trainable weights) and
        ``base_unchanged``: whether the base, moving averages included, is bit-identical after a
        pass in training mode.
    """
    model = build(name, side)
    base = model.get_layer(network(name).backbone)
    before = base.get_weights()
    image = np.random.default_rng(0).uniform(-1, 1, (1, side, side, 3)).astype("float32")
    model([image, np.zeros((1, 1), "float32")], training=True)
    after = base.get_weights()
    return {
        "side": side,
        "trainable": _size(model.trainable_weights),
        "frozen": _size(model.non_trainable_weights),
        "gflops": count_flops(base, normalization=True) / 1e9,
        "base_trainable": len(base.trainable_weights),
        "base_unchanged": all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)),
    }


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _multiplications(layer: keras.layers.Layer) -> int:
    """Weights of a layer times the positions that each is used at."""
    shape = tuple(layer.output.shape)
    kernels: tuple[Any, ...]
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape) * math.prod(shape[1:-1])
    positions = math.prod(shape[1:3] if _channels_last(layer) else shape[2:4])
    if isinstance(layer, keras.layers.SeparableConv2D):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        kernels = (layer.kernel,)
    else:
        return 0
    return positions * sum(math.prod(kernel.shape) for kernel in kernels)


def _channels_last(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "data_format", "channels_last") == "channels_last"
