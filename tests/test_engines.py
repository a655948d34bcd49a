"""Both engines give one result, and a killed training ends as if it had not been killed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import AgeNormalizer, Cohort, prepare
from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.training import (
    Settings,
    Trained,
    banks,
    extraction,
    feature_bank,
    fitting,
    plan,
    train,
)
from boneage_lib.training.checkpoints import Checkpoint
from boneage_lib.training.fitting import STEPS_AT_ONCE
from boneage_lib.training.patch_study import LossCurve
from boneage_lib.training.runtimes import choose_precision, choose_runtime, enough_memory
from boneage_lib.training.schedules import callbacks

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SIZE = 71  # the least that Xception accepts
SETTINGS = Settings(epochs=4, draws_per_cell=12, views=2, learning_rate=0.02, seed=1)
NETWORKS = ("inception_v3", "xception", "xception_attention", "resnet50_patches")


@pytest.fixture
def cohort() -> Cohort:
    return tiny_cohort(size=SIZE)


@pytest.fixture
def tiny_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)


def settings_of(name: str) -> Settings:
    if name != "resnet50_patches":
        return replace(SETTINGS, epochs=3 if name == "inception_v3" else 4)
    return replace(SETTINGS, patch_count=2, patch_size=32, evaluation_patches=4)


@pytest.mark.usefixtures("tiny_bases")
@pytest.mark.parametrize("name", NETWORKS)
def test_streaming_and_bank_give_one_loss_curve(name: str, cohort: Cohort, tmp_path: Path) -> None:
    if name == "inception_v3":
        cohort = tiny_cohort(size=75)  # the least that it accepts
    settings = settings_of(name)
    bank, streamed = (
        train(name, cohort, replace(settings, engine=engine), tmp_path, verbose=False)
        for engine in ("bank", "streaming")
    )
    for column in ("loss", "val_loss"):
        np.testing.assert_allclose(streamed.history[column], bank.history[column], atol=1e-4)
    assert (streamed.history["kept"] == bank.history["kept"]).all()
    np.testing.assert_allclose(
        streamed.predictions["predicted_months"], bank.predictions["predicted_months"], atol=0.05
    )


@pytest.mark.usefixtures("tiny_bases")
def test_maps_in_bfloat16_train_as_streaming_in_it(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with pretrained bases, whose maps are kept in the base's own digits and never scaled."""
    for module in (banks, sys.modules[train.__module__]):
        monkeypatch.setattr(module, "weights_kind", lambda _: "imagenet")
    bank, streamed = (
        train(
            "xception_attention",
            cohort,
            replace(SETTINGS, engine=engine),
            tmp_path,
            runtime="keras",
            precision="bfloat16",
            verbose=False,
        )
        for engine in ("bank", "streaming")
    )
    kept = [np.load(file).dtype for file in tmp_path.rglob("*.maps.npy")]
    assert kept and set(kept) == {np.dtype("uint16")}, "NumPy's files know bfloat16 by its bits"
    # The base gives other last digits in batches of another size.
    np.testing.assert_allclose(streamed.history["loss"], bank.history["loss"], rtol=2**-6)
    for found in (bank, streamed):
        assert {weight.dtype for weight in found.head.get_weights()} == {np.dtype("float32")}


@pytest.mark.usefixtures("tiny_bases")
@pytest.mark.parametrize(("engine", "at_a_time"), [("streaming", 4), ("bank", 32)])
def test_streaming_predicts_as_many_at_a_time_as_fill_a_bank(
    engine: str,
    at_a_time: int,
    cohort: Cohort,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole radiographs through the base take hundreds of times the memory of their features."""
    monkeypatch.setattr(feature_bank, "PIXELS_A_BATCH", 4 * SIZE**2)
    sizes = []
    predict = keras.Model.predict_on_batch

    def watched(model: keras.Model, given: Any) -> Any:
        if isinstance(given, list):  # features or radiographs, and sex
            sizes.append(len(given[0]))
        return predict(model, given)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    settings = replace(SETTINGS, epochs=1, engine=engine)
    train("xception", cohort, settings, tmp_path, verbose=False)
    assert max(sizes) == at_a_time


class Killed(keras.callbacks.Callback):
    """Ends the process, as far as a training can tell, in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.now = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.now == self.epoch and batch == 2:
            raise KeyboardInterrupt


def trained_through(kills: tuple[int, ...], run: Callable[..., Trained]) -> Trained:
    for epoch in kills:
        with pytest.raises(KeyboardInterrupt):
            run(extra_callbacks=[Killed(epoch)])
    return run()


@pytest.mark.usefixtures("tiny_bases")
@pytest.mark.parametrize(("engine", "schedule"), [("bank", "plateau"), ("streaming", "sawtooth")])
def test_a_killed_training_goes_on_from_its_last_epoch(
    engine: str, schedule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dropout, Adam's moments, the plateau's patience and the best weights all go on."""
    cohort = tiny_cohort(size=75)
    settings = replace(
        SETTINGS,
        epochs=5,
        schedule=schedule,
        plateau_patience=1,
        stop_patience=3,
        dropout=0.5,
        engine=engine,
    )

    def run(folder: str, **more: Any) -> Trained:
        return train(
            "inception_v3", cohort, settings, tmp_path, checkpoints=tmp_path / folder, **more
        )

    whole = run("undisturbed")
    said = capsys.readouterr().out
    resumed = trained_through((0, 1, 3), lambda **more: run("killed", **more))
    pd.testing.assert_frame_equal(resumed.history, whole.history)
    for one, other in zip(resumed.head.get_weights(), whole.head.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.predictions.equals(whole.predictions)
    # The last run tells of the epochs that earlier ones trained, as if it had trained them.
    assert capsys.readouterr().out.endswith(said)


@pytest.mark.usefixtures("tiny_bases")
@pytest.mark.parametrize("schedule", ["plateau", pytest.param("sawtooth", marks=pytest.mark.long)])
def test_steps_done_at_once_are_those_that_keras_looks_at(schedule: str, tmp_path: Path) -> None:
    """With a callback that looks at every step, Keras goes one by one."""

    class Watching(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            self.steps += 1

    cohort, watching = tiny_cohort(size=75), Watching()
    settings = replace(SETTINGS, epochs=3, schedule=schedule, draws_per_cell=13)
    at_once = train("inception_v3", cohort, settings, tmp_path, verbose=False)
    one_by_one = train(
        "inception_v3", cohort, settings, tmp_path, verbose=False, extra_callbacks=[watching]
    )
    assert watching.steps > 3 * STEPS_AT_ONCE and watching.steps % STEPS_AT_ONCE
    pd.testing.assert_frame_equal(at_once.history, one_by_one.history)
    assert at_once.predictions.equals(one_by_one.predictions)


@pytest.mark.usefixtures("tiny_bases")
def test_no_more_steps_are_told_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(fitting, "reporter", lambda what: lambda *done: told.append(done))
    settings = replace(SETTINGS, epochs=2, draws_per_cell=13)
    train("inception_v3", tiny_cohort(size=75), settings, tmp_path, verbose=False)
    steps = {total for _, total in told}
    assert len(steps) == 1 and len(told) < max(steps), "several at a time"
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (max(steps), max(steps))
    assert (max(steps) // 2, max(steps)) in told, "the first epoch's end"


def test_a_plateau_that_hardly_falls_is_one_after_a_kill_too(tmp_path: Path) -> None:
    """Keras turns the sign of the least change that counts when a training begins."""
    losses = [1 - 5e-5 * epoch for epoch in range(8)]
    settings = Settings(epochs=8, plateau_patience=2, stop_patience=0)

    def rates(folder: Path, epochs: range) -> list[float]:
        head = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="head")
        head.compile(keras.optimizers.Adam(1e-3), loss="mse")
        own = callbacks(settings, head)
        checkpoint = Checkpoint(folder, "a record", head, own)
        found = []
        for callback in (*own, checkpoint):
            callback.set_model(head)
            callback.on_train_begin()
        assert checkpoint.epochs_done == epochs.start
        for epoch in epochs:
            for callback in (*own, checkpoint):
                callback.on_epoch_end(epoch, {"val_loss": losses[epoch]})
            found.append(float(keras.ops.convert_to_numpy(head.optimizer.learning_rate)))
        return found

    whole = rates(tmp_path / "whole", range(8))
    resumed = [
        rate
        for epochs in (range(1), range(1, 4), range(4, 8))
        for rate in rates(tmp_path / "killed", epochs)
    ]
    assert resumed == whole
    assert whole[-1] < whole[0], "falling by 5e-5 is no improvement"


@pytest.mark.usefixtures("tiny_bases")
def test_a_training_that_remembers_more_is_another_one(cohort: Cohort, tmp_path: Path) -> None:
    """As the patch study's, which keeps its curve, beside the same training of notebook 06."""
    settings = replace(SETTINGS, epochs=1)

    def run(**more: Any) -> Trained:
        return train(
            "xception",
            cohort,
            settings,
            tmp_path,
            checkpoints=tmp_path / "c",
            verbose=False,
            **more,
        )

    curve = LossCurve()
    first, again = run(), run(extra_callbacks=[curve])
    pd.testing.assert_frame_equal(first.history, again.history)
    assert len(curve.remembered[0]) > 0
    assert len(list((tmp_path / "c").iterdir())) == 2


@pytest.mark.usefixtures("tiny_bases")
@pytest.mark.parametrize("changed", ["resampling", "normalizer", "Keras"])
def test_a_checkpoint_of_other_draws_or_another_keras_is_not_gone_on_with(
    changed: str, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `boneage_lib.data` decides is in no setting and in no file of this room."""

    def run() -> int:
        settings = replace(SETTINGS, epochs=1)
        train("xception", cohort, settings, tmp_path, checkpoints=tmp_path / "c", verbose=False)
        return len(list((tmp_path / "c").iterdir()))

    assert run() == run() == 1
    if changed == "resampling":
        drawn = plan.resample_uniformly
        monkeypatch.setattr(plan, "resample_uniformly", lambda *a, **k: drawn(*a, **k)[::-1])
    elif changed == "normalizer":
        monkeypatch.setattr(AgeNormalizer, "fit", lambda ages: AgeNormalizer(100.0, 50.0))
    else:
        monkeypatch.setattr(keras, "__version__", "0.0.1")
    assert run() == 2


@pytest.mark.usefixtures("tiny_bases")
def test_a_finished_training_is_not_done_again(cohort: Cohort, tmp_path: Path) -> None:
    def run(**more: Any) -> Trained:
        return train(
            "xception",
            cohort,
            SETTINGS,
            tmp_path,
            checkpoints=tmp_path / "c",
            verbose=False,
            **more,
        )

    first = run()
    again = run(extra_callbacks=[Killed(0)])
    pd.testing.assert_frame_equal(again.history, first.history)
    assert again.predictions.equals(first.predictions)


@pytest.mark.usefixtures("tiny_bases")
def test_other_settings_do_not_go_on_with_a_checkpoint(cohort: Cohort, tmp_path: Path) -> None:
    for seed in (1, 2):
        trained = train(
            "xception",
            cohort,
            replace(SETTINGS, seed=seed),
            tmp_path,
            checkpoints=tmp_path / "c",
            verbose=False,
        )
        alone = train("xception", cohort, replace(SETTINGS, seed=seed), tmp_path, verbose=False)
        pd.testing.assert_frame_equal(trained.history, alone.history)
    assert len(list((tmp_path / "c").glob("*.npz"))) == 2


@pytest.mark.usefixtures("tiny_bases")
def test_a_checkpoint_that_was_cut_off_is_passed_over(cohort: Cohort, tmp_path: Path) -> None:
    def run() -> Trained:
        return train(
            "xception", cohort, SETTINGS, tmp_path, checkpoints=tmp_path / "c", verbose=False
        )

    first = run()
    (file,) = (tmp_path / "c").glob("*.npz")
    file.write_bytes(file.read_bytes()[:-100])
    pd.testing.assert_frame_equal(run().history, first.history)


@pytest.mark.usefixtures("tiny_bases")
def test_seeds_share_a_bank(cohort: Cohort, tmp_path: Path) -> None:
    """Another seed draws and initializes anew, on the same views of the same base."""
    histories = []
    for seed in range(2):
        settings = replace(SETTINGS, seed=seed, draws_per_cell=60)
        histories.append(train("xception", cohort, settings, tmp_path, verbose=False).history)
    assert not histories[0]["loss"].equals(histories[1]["loss"])
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 2  # train and held out


@pytest.mark.parametrize(
    "said", ["RESOURCE_EXHAUSTED: Out of memory while trying", "OOM: out of memory on device"]
)
def test_a_device_without_memory_is_told_what_to_lower(said: str, cohort: Cohort) -> None:
    advice = pytest.raises(InputError, match="too little memory for 8 images.*batch_size")
    with advice, enough_memory("8 images"):
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="something else"), enough_memory("8 images"):
        raise RuntimeError("something else")


@pytest.mark.usefixtures("tiny_bases")
def test_a_training_without_memory_is_told_what_to_lower(cohort: Cohort, tmp_path: Path) -> None:
    class Exhausted(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    with pytest.raises(InputError, match="xception_head with 8 radiographs a step.*batch_size"):
        train("xception", cohort, SETTINGS, tmp_path, extra_callbacks=[Exhausted()])


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(InputError, match="engine='magic'.*bank, streaming"):
        Settings(engine="magic")
    with pytest.raises(InputError, match="runtime='magic'"):
        choose_runtime("magic")
    with pytest.raises(InputError, match="precision='double'"):
        choose_precision("double", "keras")


def test_real_radiographs_stream_as_they_bank(real_data: Path, tmp_path: Path) -> None:
    """With ImageNet's weights and on real radiographs; batch-norm statistics stay as they are.

    In float32, where every runtime gives the same; by default the bank would take bfloat16.
    """
    weights = os.environ.get("BONEAGE_WEIGHTS")
    if not weights:
        pytest.skip("BONEAGE_WEIGHTS is not set: no ImageNet weights to test with")
    whole = prepare(real_data / "rsna-500px", tmp_path / "cohort", size=96)
    some = np.sort(
        np.concatenate([whole.rows(split)[:n] for split, n in
                        (("train", 24), ("validation", 8), ("test", 8))])
    )  # fmt: skip
    cohort = Cohort(
        whole.labels.iloc[some].reset_index(drop=True), np.asarray(whole.images[some]), whole.info
    )
    settings = Settings(epochs=2, draws_per_cell=1, views=2, seed=3)
    seen: list[list[np.ndarray]] = []

    class Statistics(keras.callbacks.Callback):
        """Copies every weight of the frozen base, its batch-norm statistics among them."""

        def look(self) -> None:
            seen.append([w.numpy() for w in self.model.non_trainable_weights])

        def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
            self.look()

        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            self.look()

    installed = importlib.util.find_spec("openvino") is not None
    bank = train(
        "xception",
        cohort,
        settings,
        tmp_path,
        weights,
        runtime="openvino" if installed else "keras",
        precision="float32",
        verbose=False,
    )
    streamed = train(
        "xception",
        cohort,
        replace(settings, engine="streaming"),
        tmp_path,
        weights,
        verbose=False,
        extra_callbacks=[Statistics()],
    )
    for column in ("loss", "val_loss"):
        np.testing.assert_allclose(streamed.history[column], bank.history[column], atol=1e-4)
    assert len(seen) == 2 and len(seen[0]) > 100
    for before, after in zip(*seen, strict=True):
        np.testing.assert_array_equal(before, after)
