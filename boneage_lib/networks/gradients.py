"""Gradients of what a network answers, under whichever backend Keras runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from boneage_lib.errors import InputError


def gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Gradient of the sum of ``function``'s values with respect to its argument.

    Where every example's value depends on that example alone, as a network's does in inference,
    these are the gradients of the examples' own values.

    Args:
        function: from a tensor of the shape of ``x`` to a tensor, of Keras operations and layers.
        x: float array, where the gradient is taken.

    Returns:
        float32, of the shape of ``x``.

    Raises:
        InputError: another backend than TensorFlow or JAX.
    """
    backend = keras.backend.backend()
    given = ops.convert_to_tensor(np.asarray(x, dtype="float32"))
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(given)
            total = ops.sum(function(given))
        found = tape.gradient(total, given)
    elif backend == "jax":
        import jax

        found = jax.grad(lambda tensor: ops.sum(function(tensor)))(given)
    else:
        raise InputError(
            f"Found Keras' backend {backend!r}; expected tensorflow or jax. Set KERAS_BACKEND."
        )
    return ops.convert_to_numpy(found)
