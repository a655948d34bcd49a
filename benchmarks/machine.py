"""What a benchmark's figures were taken on, and a yardstick to scale absolute ones by."""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from boneage_lib.data.threads import n_cores

PACKAGES = {  # a backend's package, by Keras' name of the backend
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "jax": ("jax",),
    "torch": ("torch",),
}
#: What `yardstick` gives on two quiet cores of a server of 2024, images a second.
QUIET_IMAGES_PER_S = 9


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all benchmarks have."""
    parser.add_argument("--yardstick", action="store_true", help="time InceptionV3 beside it")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")


def describe_machine(with_keras: bool = False) -> dict[str, Any]:
    """Processor, load and versions, without any name or path of the machine.

    Call it before anything is measured: the load is that of the other programs only then.

    Args:
        with_keras: also say which Keras, on which backend and devices (loads Keras).
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    described: dict[str, Any] = {
        "cpu": _processor(),
        "cores": n_cores(),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": _version("opencv-python-headless", "opencv-python"),
    }
    if with_keras:
        from boneage_lib.backend import keras

        backend = keras.backend.backend()
        found = keras.distribution.list_devices()  # asked for GPUs, JAX raises without any
        devices = [device for device in found if device.startswith("gpu")]
        described |= {
            "keras": keras.__version__,
            "backend": f"{backend} {_version(*PACKAGES.get(backend, (backend,)))}",
            "device": f"{len(devices)} GPU" if devices else "CPU",
            "openvino": _version("openvino"),
        }
    return described


def yardstick(batches: int = 6, batch: int = 8) -> float:
    """Images a second through InceptionV3, 500 x 500, float32, random weights; the best batch.

    Machines here are shared; the same figure on a quiet one says how much slower this run was.
    """
    from boneage_lib.backend import keras

    model = keras.applications.InceptionV3(
        weights=None, include_top=False, pooling="avg", input_shape=(500, 500, 3)
    )
    images = np.random.default_rng(0).uniform(-1, 1, (batch, 500, 500, 3)).astype(np.float32)
    speeds = []
    for _ in range(batches):
        started = time.perf_counter()
        model.predict_on_batch(images)
        speeds.append(batch / (time.perf_counter() - started))
    return max(speeds[1:])  # the first builds the graph


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[Any]], out: Path | None = None
) -> None:
    """A Markdown table: the first column of words, the others of numbers, one decimal a float.

    Args:
        heads: of the columns.
        rows: of the table.
        out: a benchmark's JSON file, beside which the table is kept as CSV, for the book.
    """
    cells = [[f"{x:,.1f}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.with_suffix(".csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([heads, *cells])
    columns = list(zip(heads, *cells, strict=True))
    widths = [max(8, *(len(cell) for cell in column)) for column in columns]
    rules = ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]
    lines = [
        " | ".join(
            f"{cell:{'<' if k == 0 else '>'}{width}}"
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *cells)
    ]
    print(f"| {lines[0]} |\n|{'|'.join(rules)}|")
    for line in lines[1:]:
        print(f"| {line} |")


def finish(record: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Measure the yardstick where it is asked for, say what the machine was, and write the JSON."""
    if arguments.yardstick:
        speed = round(yardstick(), 2)
        record["yardstick_images_per_s"] = speed
        print(f"yardstick: InceptionV3 forward, 500 px, float32: {speed} images/s")
    print(", ".join(f"{name} {value}" for name, value in record["machine"].items()))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(record, indent=1) + "\n")
        arguments.out.with_suffix(".md").write_text(measured_on(record))


def measured_on(record: dict[str, Any]) -> str:
    """A benchmark's machine, data and versions in a sentence or two, which the book includes."""
    machine = record["machine"]
    data = {"synthetic": "synthetic radiographs", "rsna": "real radiographs"}[record["data"]]
    bases = {"random": " with random bases", "imagenet": " with ImageNet weights"}
    backend = machine.get("backend", "").replace("tensorflow", "TensorFlow").replace("jax", "JAX")
    loaded = [f"Keras {machine['keras']} on {backend}"] if backend else []
    if machine.get("openvino", "unknown") != "unknown":
        loaded.append(f"OpenVINO {machine['openvino']}")
    versions = ", ".join([*loaded, f"OpenCV {machine['opencv']}", f"Python {machine['python']}"])
    card = record.get("card", "CPU")
    text = (
        f"Measured on {'' if card == 'CPU' else f'{card} with '}{machine['cores']} cores "
        f"({machine['cpu']}), on {data}"
        f"{bases.get(record.get('weights'), '')}; {versions}."
    )
    if (speed := record.get("yardstick_images_per_s")) is not None:
        text += f" In the same run InceptionV3 took {speed:.1f} images a second through Keras in"
        text += f" float32; a quiet machine of 2024 takes about {QUIET_IMAGES_PER_S}."
    return text + "\n"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(*names: str) -> str:
    """Version of the first of these packages that is installed."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
