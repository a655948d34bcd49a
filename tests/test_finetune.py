"""Whole networks trained on a tiny cohort: what learns, how fast, what is kept and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import TURNED
from boneage_lib.training import whole_networks
from boneage_lib.training.finetune import Tuned, answers, draw_tuning, tune
from boneage_lib.training.processor import BatchNormalization, for_processor
from boneage_lib.training.tuning import Tuning
from boneage_lib.training.whole_networks import optimizer_of, whole_network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SIZE = 71
TUNING = Tuning(epochs=3, epoch_draws=24, batch_size=8, learning_rate=0.01, sampling="natural")
TRAINED = replace(TUNING, base="trained", augmentation="light")
SEXES = np.ones((8, 1))


@pytest.fixture(scope="module", autouse=True)
def on_a_tiny_base() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_networks, "frozen_backbone", tiny_base)
        yield


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=SIZE)


@pytest.fixture(scope="module")
def trained(cohort: Cohort) -> Tuned:
    return tune(cohort, TRAINED, verbose=False)


def weights_of(model: keras.Model, part: str) -> list[np.ndarray]:
    return [np.array(array) for array in model.get_layer(part).get_weights()]


def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# What is drawn


def test_natural_draws_use_each_radiograph_equally_often(cohort: Cohort) -> None:
    draws = draw_tuning(cohort, TUNING)
    assert draws.shape == (3, 24)
    counts = np.bincount(draws.ravel(), minlength=40)[cohort.rows("train")]
    assert set(counts) == {1, 2}


def skewed_cohort() -> tuple[Cohort, np.ndarray]:
    """Boys of 50 months in train but for two old boys and two old girls; and those four rows."""
    many = tiny_cohort(train=400, size=32)
    labels = many.labels.copy()
    old = np.arange(len(labels)) < 4
    labels.loc[~old & (labels["split"] == "train"), ["boneage_months", "female"]] = [50.0, 0]
    labels.loc[old, "boneage_months"] = 200.0
    return Cohort(labels, many.images, many.info), np.flatnonzero(old)


def test_weighted_draws_prefer_rare_cells() -> None:
    cohort, old = skewed_cohort()
    draws = draw_tuning(cohort, replace(TUNING, sampling="weighted", epoch_draws=4_000))
    share = np.isin(draws, old).mean()
    # Of n in a cell, the root of n: two cells of two, and one of all others.
    expected = 2 * np.sqrt(2) / (2 * np.sqrt(2) + np.sqrt(396))
    assert share == pytest.approx(expected, abs=0.01)


def test_resampled_draws_make_every_cell_as_large() -> None:
    cohort, old = skewed_cohort()
    draws = draw_tuning(cohort, replace(TUNING, sampling="resampled", epoch_draws=1_500))
    assert np.isin(draws, old).mean() == pytest.approx(2 / 3)
    assert cohort.labels["female"].to_numpy()[draws].mean() == pytest.approx(1 / 3)


def test_draws_hang_on_the_seed_alone(cohort: Cohort) -> None:
    for sampling in ("natural", "weighted", "resampled"):
        own = replace(TUNING, sampling=sampling)
        np.testing.assert_array_equal(draw_tuning(cohort, own), draw_tuning(cohort, own))
        assert (draw_tuning(cohort, own) != draw_tuning(cohort, replace(own, seed=1))).any()


# What learns


def test_a_frozen_base_stays_as_it_was(cohort: Cohort) -> None:
    before = weights_of(whole_network(TUNING, SIZE, None), "xception")
    tuned = tune(cohort, TUNING, verbose=False)
    assert same(before, weights_of(tuned.model, "xception"))
    assert len(tuned.history) == 3


def test_a_trained_base_learns_and_its_batch_norm_only_where_asked(
    cohort: Cohort, trained: Tuned
) -> None:
    before = weights_of(whole_network(TRAINED, SIZE, None), "xception")
    kernel, norm = before[0], slice(2, 6)  # scale, shift, mean and variance
    frozen = weights_of(trained.model, "xception")
    assert not np.array_equal(kernel, frozen[0])
    assert same(before[norm], frozen[norm])
    both = tune(cohort, replace(TRAINED, batch_norm="trained"), verbose=False)
    found = weights_of(both.model, "xception")[norm]
    assert not any(np.array_equal(a, b) for a, b in zip(before[norm], found, strict=True))


def test_it_learns_more_than_a_constant_guess(cohort: Cohort) -> None:
    tuned = tune(cohort, replace(TRAINED, epochs=12, loss="mae"), verbose=False)
    rows = cohort.rows("validation")
    ages = cohort.labels["boneage_months"].to_numpy()[rows]
    found = answers(tuned, cohort, rows)[:, 0]
    constant = np.abs(ages - np.median(ages)).mean()
    assert np.abs(found - ages).mean() < 0.7 * constant
    best = tuned.history.loc[tuned.history["kept"]]
    assert best["val_loss"].iloc[0] == tuned.history["val_loss"].min()
    # The loss is the mean absolute error in z-units, and was measured on the same radiographs.
    expected = best["val_loss"].iloc[0] * tuned.normalizer.std_months
    assert np.abs(found - ages).mean() == pytest.approx(expected, rel=1e-3)


def test_the_base_may_see_radiographs_enlarged(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenCV enlarges them, bilinear."""
    shown: list[Any] = []

    class Seen(keras.layers.Layer):
        def call(self, image: Any) -> Any:
            shown.append(image)
            return image

    def seeing(name: str, size: int, *_: Any) -> keras.Model:
        image = keras.Input((size, size, 3))
        return keras.Model(image, Seen()(image), name=name)

    monkeypatch.setattr(whole_networks, "frozen_backbone", seeing)
    wide = whole_network(replace(TUNING, enlarge=1.5), SIZE, None)
    grey = cohort.images[:4]
    wide([grey, np.ones((4, 1))])
    found = np.asarray(shown[-1])
    own = [cv2.resize(g.astype("float32"), (106, 106)) / 127.5 - 1 for g in grey]
    for channel in range(3):
        np.testing.assert_allclose(found[..., channel], own, atol=1e-5)


@pytest.fixture(scope="module")
def xception() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_base_for_the_processor_is_the_same_base(
    xception: keras.Model, dtype: str, tmp_path: Path
) -> None:
    found = for_processor(xception, dtype)
    assert found.name == xception.name and found.trainable == xception.trainable
    names = [[layer.name for layer in one.layers if layer.weights] for one in (found, xception)]
    assert names[0] == names[1]
    for one, two in zip(xception.weights, found.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    kinds = {
        type(layer).__name__: layer.compute_dtype for layer in found.layers if layer.count_params()
    }
    assert kinds == {"Conv2D": dtype, "SeparableConv2D": "float32", "BatchNormalization": "float32"}
    separable = [one for one in found.layers if type(one).__name__ == "SeparableConv2D"]
    assert {layer.product_dtype for layer in separable} == {dtype} and len(separable) == 34
    # What is kept on a machine with a GPU is read on one without, and the other way round.
    for number, (kept, read) in enumerate(((xception, found), (found, xception))):
        file = tmp_path / f"{number}.weights.h5"
        weights = [array + 1 for array in kept.get_weights()]
        kept.set_weights(weights)
        kept.save_weights(file)
        read.load_weights(file)
        for one, two in zip(weights, read.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
        for model in (kept, read):
            model.set_weights([array - 1 for array in model.get_weights()])


def test_a_base_in_half_precision_answers_alike(cohort: Cohort) -> None:
    half = replace(TRAINED, precision="bfloat16")
    found = [
        np.asarray(whole_network(tuning, SIZE, None).predict_on_batch([cohort.images[:8], SEXES]))
        for tuning in (TRAINED, half)
    ]
    assert not np.array_equal(*found)
    np.testing.assert_allclose(*found, atol=0.02 * np.abs(found[0]).max())


def test_running_statistics_follow_within_some_steps(cohort: Cohort) -> None:
    model = whole_network(replace(TRAINED, batch_norm="trained"), SIZE, None)
    (norm,) = [one for one in model.get_layer("xception").layers if "batch" in one.name]
    before = np.array(norm.moving_variance)
    model.compile(keras.optimizers.SGD(0.0), loss="mse")

    def after(steps: int) -> np.ndarray:
        for _ in range(steps):
            model.train_on_batch([cohort.images[:8], SEXES], np.zeros((8, 1)))
        return np.array(norm.moving_variance)

    soon, at_last = after(20), after(300)
    left = np.abs(soon - at_last) / np.abs(before - at_last)
    assert left.max() < 0.2, "a momentum of 0.99 leaves four fifths of ImageNet's"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_products_answer_and_learn_as_convolutions_do(dtype: str) -> None:
    """Maps, and gradients of every weight, of three separable convolutions in a row."""
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 8))
    maps = image
    for strides, bias in ((1, False), (2, True), (1, False)):
        layer = keras.layers.SeparableConv2D(
            8, 3, strides=strides, padding="same", use_bias=bias, activation="tanh"
        )
        maps = layer(maps)
    base = keras.Model(image, maps, name="base")
    seen = np.random.default_rng(0).normal(size=(4, 12, 12, 8)).astype("float32")
    found = []
    for model in (base, for_processor(base, dtype)):
        assert model.name == "base"
        before = model.get_weights()
        answers = np.asarray(model(seen))
        model.compile(keras.optimizers.SGD(1.0), loss="mse")
        model.train_on_batch(seen, np.zeros_like(answers))
        found.append([answers, *(a - b for a, b in zip(before, model.get_weights(), strict=True))])
    for one, other in zip(*found, strict=True):
        tolerance = 1e-6 if dtype == "float32" else 0.03 * np.abs(one).max()
        np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize(("scale", "center"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("trained", [True, False])
def test_batch_norm_in_one_operation_is_keras_batch_norm(
    scale: bool, center: bool, trained: bool
) -> None:
    """Maps, what each weight learns, and running statistics, which a frozen one leaves alone."""
    image = keras.Input((6, 5, 4))
    norm = keras.layers.BatchNormalization(scale=scale, center=center, momentum=0.9, name="norm")
    # A convolution before it learns through the gradient of the maps themselves.
    base = keras.Model(image, norm(keras.layers.Conv2D(4, 3, padding="same")(image)), name="base")
    generator = np.random.default_rng(0)
    base.set_weights([generator.uniform(0.5, 2, array.shape) for array in base.get_weights()])
    seen, wanted = generator.normal(size=(2, 3, 6, 5, 4)).astype("float32")
    found = []
    for model in (base, for_processor(base, "float32")):
        model.get_layer("norm").trainable = trained
        model.compile(keras.optimizers.SGD(0.1), loss="mse")
        losses = [model.train_on_batch(seen, wanted) for _ in range(3)]
        found.append([np.array(losses), np.asarray(model(seen)), *model.get_weights()])
    assert isinstance(model.get_layer("norm"), BatchNormalization)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


# How fast


def test_the_base_takes_its_share_of_each_step() -> None:
    tuning = replace(TRAINED, base_rate=0.25, learning_rate=0.01)
    model = whole_network(tuning, SIZE, None)
    before = model.get_weights()
    model.compile(optimizer_of(model, tuning, 10), loss="mse")
    grey = np.random.default_rng(0).integers(0, 255, (8, SIZE, SIZE), np.uint8)
    model.train_on_batch([grey, np.ones((8, 1))], np.full((8, 1), 5.0))
    moved = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    # Adam's first step is the rate itself, whatever the gradient's size.
    names = [variable.path for variable in model.weights]
    base = [m for m, name in zip(moved, names, strict=True) if "xception_conv" in name]
    head = [m for m, name in zip(moved, names, strict=True) if "bone_age_z" in name]
    assert max(base) == pytest.approx(0.0025, rel=0.01)
    assert max(head) == pytest.approx(0.01, rel=0.01)


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    tuning = replace(TRAINED, schedule="cosine", warm_up=0.1, learning_rate=0.02)
    rate = optimizer_of(whole_network(tuning, SIZE, None), tuning, 100)._learning_rate
    rates = [float(rate(step)) for step in range(101)]
    assert rates[0] == 0 and max(rates) == pytest.approx(0.02) and int(np.argmax(rates)) == 10
    assert rates[100] == pytest.approx(0, abs=1e-6)
    assert all(np.diff(rates[:11]) > 0) and all(np.diff(rates[10:]) < 0)


def test_decay_draws_matrices_toward_zero_and_no_vectors() -> None:
    tuning = replace(TRAINED, weight_decay=0.5, learning_rate=1e-2)
    model = whole_network(tuning, SIZE, None)
    optimizer = optimizer_of(model, tuning, 10)
    optimizer.build(model.trainable_variables)
    decayed = [v for v in model.trainable_variables if optimizer._use_weight_decay(v)]
    assert decayed and all(len(variable.shape) > 1 for variable in decayed)
    assert len(decayed) < len(model.trainable_variables)


# What is kept, and found again


class Killed(Exception):
    """Stands for a kill."""


class KillAfter(keras.callbacks.Callback):
    """Ends a training as an epoch begins."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise in the epoch."""
        if epoch == self.epoch:
            raise Killed


@pytest.mark.parametrize("batch_norm", ["frozen", "trained"])
def test_a_killed_training_goes_on_to_the_same_end(
    cohort: Cohort, tmp_path: Path, batch_norm: str
) -> None:
    tuning = replace(TRAINED, batch_norm=batch_norm, schedule="cosine", warm_up=0.2)
    undisturbed = tune(cohort, tuning, verbose=False)
    with pytest.raises(Killed):
        tune(cohort, tuning, None, tmp_path, callbacks=[KillAfter(2)], verbose=False)
    resumed = tune(cohort, tuning, None, tmp_path, verbose=False)
    assert same(undisturbed.model.get_weights(), resumed.model.get_weights())
    assert undisturbed.history.equals(resumed.history)


def test_it_goes_on_from_given_weights(cohort: Cohort, trained: Tuned, tmp_path: Path) -> None:
    file = tmp_path / "first.weights.h5"
    trained.model.save_weights(file)
    slow = replace(TRAINED, epochs=1, learning_rate=1e-6)
    begun = tune(cohort, slow, start=file, verbose=False)
    for a, b in zip(trained.model.get_weights(), begun.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("equalize", [False, True])
def test_answers_in_poses_begin_with_the_one_as_it_is(
    cohort: Cohort, trained: Tuned, equalize: bool
) -> None:
    tuned = replace(trained, tuning=replace(TRAINED, equalize=equalize))
    rows = cohort.rows("validation")
    told: list[tuple[int, int]] = []
    turned = answers(tuned, cohort, rows, TURNED, lambda *done: told.append(done))
    assert turned.shape == (12, len(TURNED)) and told[-1] == (12, 12)
    np.testing.assert_allclose(turned[:, 0], answers(tuned, cohort, rows)[:, 0], rtol=1e-5)
    assert (turned[:, 1:] != turned[:, :1]).any()


# What is refused


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"network": "resnet50_patches"}, "looks at patches"),
        ({"base": "melted"}, "base='melted'; expected one of frozen, trained"),
        ({"learning_rate": 0}, "learning_rate=0; expected a number above 0 and below 1"),
        ({"base_rate": 1.5}, "base_rate=1.5; expected a number above 0 and at most 1"),
        ({"warm_up": 0.1}, "with a constant rate"),
        ({"epochs": 0}, "epochs=0; expected a whole number from 1"),
        ({"weight_decay": True}, "weight_decay=True"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"enlarge": 0.5}, "enlarge=0.5; expected a number from 1 to 8"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        replace(TUNING, **change)
