"""What runs a frozen base here: its bare forward pass, and the device's peak."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from flops import matmul_peak

from boneage_lib.backend import keras
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.runtimes import (
    Runner,
    choose_precision,
    choose_runtime,
    openvino_runner,
)

#: Matrix products one after another: enough for calling them to cost nothing beside.
PRODUCTS = 8


@dataclass(frozen=True)
class Way:
    """One runtime in one precision.

    Attributes:
        runtime: ``"keras"`` or ``"openvino"``.
        precision: ``"float32"`` or ``"bfloat16"``.
    """

    runtime: str
    precision: str

    @property
    def name(self) -> str:
        """As a table shows it, with Keras' backend."""
        named = {"keras": keras.backend.backend(), "openvino": "OpenVINO"}
        return f"{named[self.runtime]} {self.precision}"


def find_ways() -> list[Way]:
    """What this machine has: Keras' backend in float32 first, what training chooses by itself last.

    A precision is there when the library would choose it for pretrained bases.
    """
    runtimes = ("keras", "openvino") if choose_runtime() == "openvino" else ("keras",)
    return [
        Way(runtime, precision)
        for runtime in runtimes
        for precision in dict.fromkeys(("float32", choose_precision("auto", runtime)))
    ]


def images_per_s(extractor: Extractor, batches: np.ndarray) -> float:
    """Images through a base that has been compiled.

    Args:
        extractor: called before with a batch of this shape.
        batches: uint8 (batches, images, side, side).
    """
    started = time.perf_counter()
    for batch in batches:
        extractor(batch)
    return batches.shape[0] * batches.shape[1] / (time.perf_counter() - started)


class MatrixPeak:
    """The most FLOPs a second that a way reaches in products of large square matrices.

    Args:
        way: what computes them.
        side: of the matrices; by default see `matmul_peak`.
    """

    def __init__(self, way: Way, side: int | None = None) -> None:
        self.way, self.side = way, side
        self.run: Runner | None = None
        if way.runtime == "openvino":
            self.side = side or 2048
            spread = keras.initializers.RandomNormal(stddev=self.side**-0.5, seed=0)
            # Little goes in and out: the first matrix is made on the device.
            few = keras.Input((8,))
            hidden = keras.layers.Dense(self.side, use_bias=False)(few)
            product = keras.layers.Dense(self.side, use_bias=False, kernel_initializer=spread)
            for _ in range(PRODUCTS):
                hidden = product(hidden)
            model = keras.Model(few, keras.ops.mean(hidden, axis=-1))
            self.run = openvino_runner(model, way.precision)

    def measure(self, seconds: float = 1.0) -> float:
        """FLOPs a second, the best of what some time gives."""
        if self.run is None or self.side is None:
            return matmul_peak(self.way.precision, self.side, seconds)
        few = np.random.default_rng(0).normal(size=(self.side, 8)).astype(np.float32)
        self.run(few)
        took: list[float] = []
        while sum(took) < seconds:
            started = time.perf_counter()
            self.run(few)
            took.append(time.perf_counter() - started)
        return 2 * PRODUCTS * self.side**3 / min(took)


def describe_way(way: Way) -> dict[str, Any]:
    """Plain values for JSON."""
    return {"name": way.name, "runtime": way.runtime, "precision": way.precision}
