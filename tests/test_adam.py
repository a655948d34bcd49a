"""The one-pass Adam is Keras' Adam."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from boneage_lib.training.adam import adam

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def fitted(optimizer: keras.optimizers.Optimizer) -> tuple[list[float], list[np.ndarray]]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(30, "tanh"), keras.layers.Dense(1)]
    )
    model.compile(optimizer, loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 20)), rng.normal(size=(400, 1))
    losses = model.fit(x, y, epochs=5, batch_size=8, shuffle=False, verbose=0).history["loss"]
    return losses, [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]


def test_it_trains_as_keras_adam_does() -> None:
    own, theirs = fitted(adam(3e-3)), fitted(keras.optimizers.Adam(3e-3))
    np.testing.assert_allclose(own[0], theirs[0], rtol=1e-5)
    assert len(own[1]) == len(theirs[1])
    for one, other in zip(own[1], theirs[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_its_rate_can_be_changed_between_steps() -> None:
    weight = keras.Variable(np.zeros(3, "float32"))
    optimizer = adam(1e-3)
    optimizer.build([weight])
    for rate in (1e-3, 1e-5):
        optimizer.learning_rate = rate
        before = weight.numpy().copy()
        optimizer.apply([keras.ops.ones(3)])
        # Adam's first steps on a constant gradient are as long as the rate.
        np.testing.assert_allclose(before - weight.numpy(), rate, rtol=1e-3)
