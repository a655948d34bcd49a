"""Learning rates, early stopping and the best weights, epoch by epoch without a training."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from boneage_lib.paper import published
from boneage_lib.training import SCHEDULES, Settings
from boneage_lib.training.schedules import DecayPerStep, KeepBest, callbacks, learning_rate

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def rates(settings: Settings, steps: int) -> np.ndarray:
    """The rate of every step under the per-step schedule: (epochs, steps)."""
    decay = learning_rate(settings, steps)
    assert isinstance(decay, DecayPerStep)
    found = decay(np.arange(settings.epochs * steps))
    return keras.ops.convert_to_numpy(found).reshape(settings.epochs, steps)


def test_sawtooth_falls_from_1e_3_to_1e_5_within_every_epoch() -> None:
    found = rates(Settings(epochs=3, schedule="sawtooth"), 1577)
    first, last = published.limits("learning_rate_decay")
    assert (first, last) == (1e-3, 1e-5)
    np.testing.assert_allclose(found[:, 0], first)
    np.testing.assert_allclose(found[:, -1], last)
    np.testing.assert_allclose(found[:, 1:] / found[:, :-1], 0.99708, atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=1), 2.15e-4, rtol=0.005)


def test_exponential_falls_once_over_all_epochs() -> None:
    found = rates(Settings(epochs=3, schedule="exponential"), 50).ravel()
    assert found[0] == pytest.approx(1e-3)
    assert found[-1] == pytest.approx(1e-5)
    # Rates are float32, and so right to some 1e-7 each.
    np.testing.assert_allclose(found[1:] / found[:-1], 0.01 ** (1 / 149), rtol=1e-6)


def test_a_single_step_trains_at_the_first_rate() -> None:
    assert rates(Settings(epochs=1, schedule="sawtooth"), 1)[0, 0] == pytest.approx(1e-3)


@pytest.fixture
def model() -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-3), loss="mse")
    return model


Drive = Callable[[Settings, list[float]], SimpleNamespace]


@pytest.fixture
def drive(model: keras.Model) -> Drive:
    """Show validation losses to the callbacks; the model's weights are the epoch's number."""

    def driven(settings: Settings, losses: list[float]) -> SimpleNamespace:
        chosen = callbacks(settings, model)
        seen = []
        for callback in chosen:
            callback.set_params({"epochs": settings.epochs, "steps": 10})
            callback.set_model(model)
            callback.on_train_begin()
        model.stop_training = False
        for epoch, loss in enumerate(losses):
            seen.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
            model.set_weights([np.full(w.shape, epoch) for w in model.weights])
            for callback in chosen:
                callback.on_epoch_end(epoch, {"val_loss": loss})
            if model.stop_training:
                break
        for callback in chosen:
            callback.on_train_end()
        kept = {float(value) for weight in model.get_weights() for value in weight.ravel()}
        return SimpleNamespace(rates=seen, kept=kept, best=chosen[-1])

    return driven


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_plateau_halves_the_rate_after_its_patience(drive: Drive, patience: int) -> None:
    settings = Settings(plateau_patience=patience, stop_patience=0)
    found = drive(settings, [1.0] * 7).rates
    expected = [1e-3] * (patience + 1)
    while len(expected) < 7:
        expected += [expected[-1] / 2] * patience
    np.testing.assert_allclose(found, expected[:7], rtol=1e-6)


def test_plateau_leaves_the_rate_while_the_loss_falls(drive: Drive) -> None:
    found = drive(Settings(plateau_patience=1), [1 / (n + 1) for n in range(7)]).rates
    np.testing.assert_allclose(found, 1e-3)


def test_plateau_never_goes_below_the_decays_end(drive: Drive) -> None:
    found = drive(Settings(plateau_patience=1, stop_patience=0), [1.0] * 20).rates
    assert min(found) == pytest.approx(1e-5)


def test_constant_keeps_its_rate(drive: Drive) -> None:
    found = drive(Settings(schedule="constant", stop_patience=0), [1.0] * 12).rates
    np.testing.assert_allclose(found, 1e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_after_its_patience(drive: Drive, schedule: str, patience: int) -> None:
    settings = Settings(schedule=schedule, stop_patience=patience)
    assert len(drive(settings, [3.0, 2.0] + [2.5] * 9).rates) == 2 + patience


def test_a_patience_of_zero_never_stops(drive: Drive) -> None:
    assert len(drive(Settings(stop_patience=0), [1.0] * 30).rates) == 30


@pytest.mark.parametrize(
    ("losses", "best"),
    [([3, 1, 2], 1), ([1, 2, 3], 0), ([3, 2, 1], 2), ([2, 1, 1], 1), ([2, float("nan"), 1], 2)],
)
def test_the_first_epoch_with_the_lowest_validation_loss_is_kept(
    drive: Drive, losses: list[float], best: int
) -> None:
    found = drive(Settings(stop_patience=0), losses)
    assert isinstance(found.best, KeepBest)
    assert found.best.epoch == best
    assert found.kept == {best}
