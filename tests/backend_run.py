"""Train networks on one Keras backend, small, and write what came of it as JSON.

A program of its own, as a process has one backend: ``python backend_run.py OUT TRAINING…`` with
``KERAS_BACKEND`` set and trainings like ``xception:streaming``. Backends draw other random numbers
from one seed, so that all weights come from NumPy here, and nothing is dropped out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tiny import tiny_base, tiny_cohort

from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.training import Settings, extraction, train

SETTINGS = Settings(epochs=2, draws_per_cell=6, views=2, learning_rate=0.002, dropout=0.0, seed=1)
PATCHES = {"patch_count": 2, "patch_size": 32, "evaluation_patches": 4}
#: The least that Xception accepts; an odd number to validate on, which two devices cannot share.
SIZE = 71
VALIDATION = 13


def fill(model: keras.Model) -> None:
    """Weights from NumPy: small kernels, biases of zero, and ones for batch-norm."""
    rng = np.random.default_rng(7)
    model.set_weights(
        [
            np.full(shape, float(weight.name != "bias"))
            if len(shape := tuple(weight.shape)) == 1
            else rng.normal(size=shape) / np.sqrt(4 * np.prod(shape[:-1]))
            for weight in model.weights
        ]
    )


def filled_base(*arguments: Any) -> keras.Model:
    base = tiny_base(*arguments)
    fill(base)
    return base


class FilledHead(keras.callbacks.Callback):
    """Gives the head its initial weights, and looks how many devices hold them."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.layer = f"{name}_head"
        self.devices = 1

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        whole = self.model.name != self.layer
        fill(self.model.get_layer(self.layer) if whole else self.model)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        value = self.model.trainable_variables[0].value
        if keras.backend.backend() == "jax":
            self.devices = len(value.devices())


def main(out: Path, trainings: list[str]) -> None:
    extraction.frozen_backbone = heads.frozen_backbone = filled_base
    record: dict[str, Any] = {"backend": keras.backend.backend(), "trainings": {}}
    with tempfile.TemporaryDirectory() as folder:
        for training in trainings:
            name, engine = training.split(":")
            settings = replace(SETTINGS, **(PATCHES if "patches" in name else {}))
            cohort = tiny_cohort(size=SIZE, validation=VALIDATION)
            head = FilledHead(name)
            trained = train(
                name,
                cohort,
                replace(settings, engine=engine),
                Path(folder),
                runtime="keras",
                precision="float32",
                extra_callbacks=[head],
                verbose=False,
            )
            record["trainings"][training] = {
                "loss": trained.history["loss"].tolist(),
                "val_loss": trained.history["val_loss"].tolist(),
                "predicted_months": trained.predictions["predicted_months"].tolist(),
                "devices": head.devices,
            }
        if len(keras.distribution.list_devices()) > 1:
            odd = replace(settings, engine="streaming", batch_size=7)
            try:
                train(name, cohort, odd, Path(folder), verbose=False)
            except InputError as error:
                record["refused"] = str(error)
    out.write_text(json.dumps(record))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
