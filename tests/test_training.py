"""Training end to end on a tiny cohort: what is learned, what is kept, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tiny import sealed, tiny_base, tiny_cohort

from boneage_lib.data import AgeNormalizer, Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import PATCHED_IMAGES, UNAUGMENTED, WHOLE_IMAGES
from boneage_lib.networks import NETWORKS, build_head, heads, network
from boneage_lib.training import Settings, Trained, draw_epochs, extraction, train
from boneage_lib.training.datasets import BankBatches, Draws
from boneage_lib.training.fitting import EpochLines, fit_head
from boneage_lib.training.plan import check_trainable, few_views, fit_normalizer, held_out, recipe

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SIZE = 71  # the least that Xception accepts
SETTINGS = Settings(epochs=3, draws_per_cell=12, views=2, learning_rate=0.02, seed=1)
PATCHES = replace(SETTINGS, patch_count=2, patch_size=32, evaluation_patches=4)


@pytest.fixture(scope="module", autouse=True)
def on_a_tiny_base() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "frozen_backbone", tiny_base)
        patch.setattr(heads, "frozen_backbone", tiny_base)
        yield


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=SIZE)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.fixture(scope="module")
def trained(cohort: Cohort, bank: Path) -> Callable[[str], Trained]:
    """Networks trained on the tiny cohort, each when first asked for."""
    done: dict[str, Trained] = {}

    def get(name: str) -> Trained:
        if name not in done:
            settings = PATCHES if NETWORKS[name].patches else SETTINGS
            done[name] = train(name, cohort, settings, bank, verbose=False)
        return done[name]

    return get


def same(one: Trained, two: Trained) -> bool:
    pairs = zip(one.head.get_weights(), two.head.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def mean_error(predictions: pd.DataFrame, split: str) -> float:
    rows = predictions[predictions["split"] == split]
    return float((rows["predicted_months"] - rows["boneage_months"]).abs().mean())


def test_draws_are_resampled_once_and_shuffled_anew_every_epoch(cohort: Cohort) -> None:
    draws = draw_epochs(cohort, SETTINGS)
    assert draws.shape == (3, 12 * 2 * 10)
    assert set(draws.ravel()) <= set(cohort.rows("train"))
    for epoch in draws[1:]:
        np.testing.assert_array_equal(np.sort(epoch), np.sort(draws[0]))
        assert (epoch != draws[0]).any()
    np.testing.assert_array_equal(draws, draw_epochs(cohort, SETTINGS))
    assert (draws != draw_epochs(cohort, replace(SETTINGS, seed=2))).any()


def test_without_resampling_an_epoch_is_the_training_set(cohort: Cohort) -> None:
    for epoch in draw_epochs(cohort, replace(SETTINGS, draws_per_cell=0)):
        np.testing.assert_array_equal(np.sort(epoch), cohort.rows("train"))


@pytest.mark.parametrize("each", [9, 40, 55, 100])
def test_draws_without_resampling_are_shared_out_evenly_over_all_epochs(
    cohort: Cohort, each: int
) -> None:
    settings = replace(SETTINGS, epochs=7, draws_per_cell=0, epoch_draws=each)
    draws = draw_epochs(cohort, settings)
    assert draws.shape == (7, each)
    uses = np.bincount(draws.ravel(), minlength=len(cohort))
    assert uses.sum() == uses[cohort.rows("train")].sum(), "of the training set alone"
    used = uses[cohort.rows("train")]
    assert used.max() - used.min() <= 1 and used.min() >= 1
    assert len(np.unique(draws[0])) == min(each, 40)
    assert (draws[0] != draws[1]).any()
    np.testing.assert_array_equal(draws, draw_epochs(cohort, settings))


def test_a_few_draws_an_epoch_are_normalized_by_the_whole_training_set(cohort: Cohort) -> None:
    settings = replace(SETTINGS, draws_per_cell=0, epoch_draws=9)
    ages = cohort.labels["boneage_months"].to_numpy()[cohort.rows("train")]
    found = fit_normalizer(cohort, settings, draw_epochs(cohort, settings))
    assert found == AgeNormalizer.fit(ages)


def test_features_are_scaled_by_some_views_and_by_fewer_where_they_are_large() -> None:
    rows, views = np.repeat(np.arange(1000), 2), np.tile([0, 1], 1000)
    some = few_views(rows, views, bytes_a_view=8192)
    assert 256 <= some.shape[1] < 512
    assert np.ptp(some[0]) > 990
    np.testing.assert_array_equal(some, few_views(rows[::-1], views[::-1], 8192))
    maps = few_views(rows, views, bytes_a_view=2**21)
    assert 64 < maps.shape[1] <= 128 and np.ptp(maps[0]) > 980
    assert few_views(rows, views, 2**29).shape[1] == 1


@pytest.mark.parametrize("name", ["xception", "resnet50_patches"])
def test_a_network_learns_what_brightness_tells_about_age(
    trained: Callable[[str], Trained], name: str
) -> None:
    predictions = trained(name).predictions
    for split in ("validation", "test"):
        ages = predictions.loc[predictions["split"] == split, "boneage_months"]
        constant = float((ages - ages.median()).abs().mean())
        assert mean_error(predictions, split) < 0.6 * constant


def test_the_same_seed_trains_the_same_network_from_an_empty_bank(
    trained: Callable[[str], Trained], cohort: Cohort, tmp_path: Path
) -> None:
    first, again = (
        trained("xception"),
        train("xception", cohort, SETTINGS, tmp_path, verbose=False),
    )
    assert same(first, again)
    pd.testing.assert_frame_equal(first.history, again.history)
    pd.testing.assert_frame_equal(first.predictions, again.predictions)


def test_predictions_hold_every_held_out_radiograph_in_order(
    trained: Callable[[str], Trained], cohort: Cohort
) -> None:
    predictions = trained("xception").predictions
    columns = ["id", "split", "female", "boneage_months"]
    assert list(predictions) == [*columns, "predicted_months"]
    some = held_out(cohort, ("train",))
    rows = np.concatenate([some, cohort.rows("validation"), cohort.rows("test")])
    expected = cohort.labels.loc[rows, columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(predictions[columns], expected)
    assert np.isfinite(predictions["predicted_months"]).all()


def test_the_training_radiographs_that_are_predicted_are_a_fixed_random_sample() -> None:
    cohort = tiny_cohort(train=60, validation=12, test=12)
    some = held_out(cohort, ("train",))
    assert len(some) == len(np.unique(some)) == 24, "two for each of validation"
    assert set(some) < set(cohort.rows("train"))
    assert some.tolist() == sorted(some) and np.ptp(some) > 40
    np.testing.assert_array_equal(some, held_out(cohort, ("train", "test"))[:24])
    few = tiny_cohort(train=20, validation=12, test=12)
    np.testing.assert_array_equal(held_out(few, ("train",)), few.rows("train"))


def test_history_has_a_row_an_epoch_in_months_and_one_kept(
    trained: Callable[[str], Trained],
) -> None:
    result = trained("xception")
    history, std = result.history, result.normalizer.std_months
    assert list(history) == [
        "epoch",
        "loss",
        "val_loss",
        "mae_months",
        "val_mae_months",
        "learning_rate",
        "kept",
    ]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["kept"].sum() == 1
    assert history["kept"].idxmax() == history["val_loss"].idxmin()
    # A mean absolute error is never above the root of the mean square.
    assert (history["val_mae_months"] <= std * np.sqrt(history["val_loss"]) + 1e-4).all()
    assert (history["val_mae_months"] > 0.3 * std * np.sqrt(history["val_loss"])).all()
    np.testing.assert_allclose(history["learning_rate"], 0.02, rtol=1e-6)


@pytest.mark.parametrize("name", ["xception", "resnet50_patches"])
def test_the_kept_epochs_weights_made_the_predictions(
    trained: Callable[[str], Trained], name: str
) -> None:
    result = trained(name)
    validation = (result.predictions["split"] == "validation").to_numpy()
    age_z = result.normalizer.to_z(result.predictions["boneage_months"].to_numpy())
    # Training watches the loss of single looks.
    loss = np.mean((result.looks_z - age_z[:, None])[validation] ** 2)
    kept = result.history.loc[result.history["kept"], "val_loss"].item()
    assert loss == pytest.approx(kept, rel=1e-4)
    assert kept == result.history["val_loss"].min()


@pytest.mark.parametrize("name", ["xception", "xception_attention"])
def test_the_whole_network_gives_the_predictions_of_bare_radiographs(
    trained: Callable[[str], Trained], cohort: Cohort, name: str
) -> None:
    result = trained(name)
    rows = np.concatenate([cohort.rows("validation"), cohort.rows("test")])
    expected = result.predictions.query("split != 'train'")["predicted_months"]
    image = np.repeat(cohort.images[rows][..., None].astype("float32"), 3, axis=-1) / 127.5 - 1
    female = cohort.labels["female"].to_numpy()[rows].astype("float32")[:, None]
    answer = keras.ops.convert_to_numpy(result.model(SIZE, None)([image, female]))
    months = result.normalizer.to_months(np.asarray(answer)[:, 0])
    np.testing.assert_allclose(months, expected, atol=0.05)


def test_patch_networks_average_the_paper_s_number_of_patches(
    trained: Callable[[str], Trained],
) -> None:
    result = trained("resnet50_patches")
    looks = result.looks_z
    assert looks.shape == (24 + 12 + 12, 4)
    assert (looks.std(axis=1) > 0).all()
    np.testing.assert_allclose(
        result.predictions["predicted_months"],
        result.normalizer.to_months(looks.mean(axis=1)),
        rtol=1e-6,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_training_augments_and_evaluation_does_not(name: str) -> None:
    training = recipe(network(name), PATCHES, training=True)
    evaluation = recipe(network(name), PATCHES, training=False)
    patches = NETWORKS[name].patches
    assert training.augmentation == (PATCHED_IMAGES if patches else WHOLE_IMAGES)
    assert evaluation.augmentation == UNAUGMENTED
    assert (training.looks(), evaluation.looks()) == ((2, 4) if patches else (1, 1))
    more = recipe(network(name), replace(PATCHES, evaluation_patches=20), training=False)
    assert more.looks() == (20 if patches else 1)


def test_the_normalizer_knows_the_resampled_training_ages_alone(
    trained: Callable[[str], Trained], cohort: Cohort
) -> None:
    drawn = cohort.labels["boneage_months"].to_numpy()[draw_epochs(cohort, SETTINGS)[0]]
    assert trained("xception").normalizer == AgeNormalizer.fit(drawn)


def test_test_labels_do_not_leak_into_the_network(
    trained: Callable[[str], Trained], cohort: Cohort, tmp_path: Path
) -> None:
    labels = cohort.labels.copy()
    labels.loc[labels["split"] == "test", "boneage_months"] = 228 - 0.3 * np.arange(12)
    changed = train("xception", sealed(labels, cohort.images), SETTINGS, tmp_path, verbose=False)
    first = trained("xception")
    assert same(first, changed)
    assert first.normalizer == changed.normalizer
    pd.testing.assert_series_equal(
        first.predictions["predicted_months"], changed.predictions["predicted_months"]
    )


def test_provenance_says_what_it_was_trained_on(
    trained: Callable[[str], Trained], cohort: Cohort
) -> None:
    record = trained("xception").provenance
    assert record["cohort"] == cohort.checksum
    assert record["base"]["backbone"] == "xception"
    assert record["base"]["weights"]["kind"] == "random"
    assert record["views"] <= SETTINGS.views * len(cohort.rows("train"))
    assert set(record["seconds"]) == {"features", "head"}


def test_a_line_an_epoch_is_printed_without_times(capsys: pytest.CaptureFixture[str]) -> None:
    logs = {"loss": 0.5, "val_loss": 0.25, "val_mae": 0.4}
    EpochLines(7, std_months=50.0).on_epoch_end(2, logs)
    expected = "epoch 3/7  loss 0.500  validation loss 0.250  validation error 20.0 months\n"
    assert capsys.readouterr().out == expected


# The head's own loop, on features made up here.


class Noting(BankBatches):
    """Batches that remember which places each epoch asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[tuple[int, int]] = []

    def __getitem__(self, step: int) -> Any:
        self.asked.append((self.epoch, step))
        return super().__getitem__(step)


def feature_batches(
    epochs: int = 1, n: int = 20, factor: float = 1.0, batch_size: int = 4
) -> Noting:
    """Features of two looks; the first channel is the age."""
    rng = np.random.default_rng(0)
    ages = rng.normal(size=n)
    features = np.stack([ages, rng.normal(size=n)], axis=1)[:, None].repeat(2, axis=1) * factor
    places = np.stack([np.random.default_rng(epoch).permutation(n) for epoch in range(epochs)])
    female = places % 2
    draws = Draws(places, places, female, ages[places])
    return Noting(features.astype("float32"), places, draws, batch_size)


NORMALIZER = AgeNormalizer(100.0, 50.0)


def test_batches_keep_all_looks_of_a_radiograph_with_its_sex_and_age() -> None:
    batches = feature_batches(epochs=2, n=10)
    assert len(batches) == 3
    for epoch in range(2):
        for step in range(3):
            (features, female), age_z = batches[step]
            chosen = batches.places[epoch, 4 * step : 4 * step + 4]
            assert len(features) == len(female) == len(age_z) == 2 * len(chosen)
            np.testing.assert_allclose(features[:, 0], age_z[:, 0], rtol=1e-6)
            np.testing.assert_array_equal(female[:, 0], np.repeat(chosen % 2, 2))
        batches.epoch = epoch + 1
    assert batches[0][1].shape == (8, 1), "after the last epoch the first comes round again"


def test_every_epoch_trains_on_its_own_draws_once() -> None:
    batches = feature_batches(epochs=3)
    settings = Settings(epochs=3, schedule="constant", stop_patience=0)
    head = build_head("resnet50_patches", (2,))
    fit_head(head, batches, feature_batches(), NORMALIZER, settings, verbose=False)
    # Keras looks at some batches beforehand to learn their shapes.
    epochs = np.array(batches.asked[-15:]).reshape(3, 5, 2)
    np.testing.assert_array_equal(epochs[..., 1], np.tile(np.arange(5), (3, 1)))
    rows = epochs[..., 0] % 3
    assert (rows == rows[:, :1]).all(), "an epoch mixes the draws of two"
    assert sorted(rows[:, 0]) == [0, 1, 2]


def test_per_step_schedules_reach_the_weights() -> None:
    """Adam moves a weight by about the learning rate, whatever the gradient."""

    class Moves(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
            self.before, self.largest = self.model.get_weights(), []

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            now = self.model.get_weights()
            pairs = zip(now, self.before, strict=True)
            self.largest.append(max(float(np.abs(new - old).max()) for new, old in pairs))
            self.before = now

    head, moves = build_head("resnet50_patches", (2,)), Moves()
    settings = Settings(epochs=2, schedule="sawtooth", stop_patience=0)
    history = fit_head(
        head,
        feature_batches(2),
        feature_batches(),
        NORMALIZER,
        settings,
        verbose=False,
        extra_callbacks=[moves],
    )
    first, last = 0, 4  # of five steps an epoch
    assert moves.largest[first] == pytest.approx(1e-3, rel=0.01)
    assert moves.largest[last] < 3e-5
    assert moves.largest[5 + first] > 3e-4, "the second epoch begins at the first rate again"
    assert list(history["learning_rate"]) == pytest.approx([1e-3, 1e-3])


def test_a_step_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow traces a step that makes variables again, which shows in no result."""
    traced = []
    step = keras.Model.train_step

    def counted(model: keras.Model, *given: Any) -> Any:
        traced.append(model.name)
        return step(model, *given)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    head = build_head("resnet50_patches", (2,))
    settings = Settings(epochs=2)
    fit_head(head, feature_batches(2), feature_batches(), NORMALIZER, settings, verbose=False)
    assert traced == [head.name]


def test_early_stopping_keeps_the_best_epoch_and_a_shorter_history() -> None:
    batches, validation = feature_batches(20), feature_batches()
    validation.draws.age_z[:] *= -1  # the better the training, the worse the validation
    settings = Settings(epochs=20, learning_rate=0.1, stop_patience=2, schedule="constant")
    head = build_head("resnet50_patches", (2,))
    history = fit_head(head, batches, validation, NORMALIZER, settings, verbose=False)
    best = int(history["val_loss"].idxmin())
    assert history["kept"].tolist() == [epoch == best for epoch in range(len(history))]
    assert len(history) == best + 1 + 2
    losses = []
    for step in range(len(validation)):
        (features, female), age_z = validation[step]
        losses.append((np.asarray(head.predict_on_batch([features, female])) - age_z) ** 2)
    assert np.concatenate(losses).mean() == pytest.approx(history["val_loss"].min(), rel=1e-4)


def test_a_training_that_diverges_is_refused_by_name_and_rate() -> None:
    settings = Settings(epochs=2, learning_rate=0.9)
    head = build_head("resnet50_patches", (2,))
    batches = feature_batches(2, factor=1e30)
    with pytest.raises(InputError, match="resnet50_patches_head diverged.*learning_rate.*0.9"):
        fit_head(head, batches, feature_batches(factor=1e30), NORMALIZER, settings, verbose=False)


# What is refused before anything long begins.


def relabeled(cohort: Cohort, **columns: Any) -> Cohort:
    labels = cohort.labels.copy()
    train_rows = labels["split"] == "train"
    for name, value in columns.items():
        labels.loc[train_rows, name] = value
    return sealed(labels, cohort.images)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_refused(cohort: Cohort, split: str) -> None:
    kept = cohort.rows(split)
    labels = cohort.labels.drop(index=kept).reset_index(drop=True)
    without = sealed(labels, np.delete(cohort.images, kept, axis=0))
    with pytest.raises(InputError, match=f"no {split} radiographs"):
        check_trainable(network("xception"), without, SETTINGS, None)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"female": 1}, "40 distinct ages and 1 sexes"),
        ({"boneage_months": 60.0}, "1 distinct ages"),
    ],
)
def test_one_sex_or_one_age_is_refused(cohort: Cohort, columns: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        check_trainable(network("xception"), relabeled(cohort, **columns), SETTINGS, None)


def test_a_batch_larger_than_the_data_is_refused(cohort: Cohort) -> None:
    check_trainable(network("xception"), cohort, replace(SETTINGS, batch_size=40), None)
    with pytest.raises(InputError, match="batch_size=41 with 40 training"):
        check_trainable(network("xception"), cohort, replace(SETTINGS, batch_size=41), None)


@pytest.mark.parametrize(
    ("name", "settings", "found"),
    [
        ("resnet50_patches", replace(PATCHES, patch_size=72), "patches of 72 px for .* 71 px"),
        ("resnet50_patches", replace(PATCHES, patch_size=31), "31 px for ResNet50"),
        ("resnet50_patches", replace(PATCHES, patches_a_step=12), "multiple of 8, at most 16"),
        ("resnet50_patches", replace(PATCHES, patches_a_step=24), "Found patches_a_step=24 with"),
        ("inception_v3", SETTINGS, "71 px for InceptionV3.*at least 75 px"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_before_any_work(
    cohort: Cohort, tmp_path: Path, name: str, settings: Settings, found: str
) -> None:
    with pytest.raises(InputError, match=found):
        train(name, cohort, settings, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_refused_before_any_work(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights at"):
        train("xception", cohort, SETTINGS, tmp_path / "bank", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
