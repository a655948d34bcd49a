"""The paper's protocol at full size, for speed: each network's training, then Table 5's patches.

    .venv/bin/python benchmarks/protocol.py [--n 12611] [--size 500] [--epochs 7]
        [--draws-per-cell 0] [--views 0] [--networks NAME …] [--patches 3x224 …]
        [--skip-patch-study] [--attention streaming|bank] [--runtime auto] [--precision auto]
        [--images-a-batch N] [--scratch DIR] [--out FILE.json]

12,611 synthetic radiographs to train on, 1,425 to validate and 200 to test, 500 pixels a side; 7
epochs of each of the four networks, every radiograph once an epoch in a new augmented view; then
one epoch of ResNet50 for each number and size of patches in Table 5. Bases have random weights, and
a few drawn radiographs are repeated: no error or loss of this run means anything. The runtime is
the machine's best: on a GPU the backbone compiled by Keras' backend, in bfloat16.

What each stage tells: its seconds, compilation included; images a second through the backbone; the
same once all is compiled; and both as shares of what the device reaches in products of square
matrices, with the backbone's convolutions and dense layers counted. The time to draw and write the
radiographs is told apart and is not in the total.

The attention network looks at feature maps, a megabyte a view. It therefore trains in the
streaming engine, through its base in every epoch; ``--attention bank`` keeps the maps of one view a
radiograph instead (30 GB at full size). Each stage fills a bank of its own and deletes it; the
largest, 150 patches of 32 pixels, takes 18 GB, and the radiographs 3.6 GB.

A stage is written to ``--out`` as soon as it ends. Where that file is there already and of the same
protocol on the same machine, its other stages are kept: a lease too short for all of them takes
several commands, one or some stages each:

    python3 benchmarks/protocol.py --out p.json --networks inception_v3 --skip-patch-study
    python3 benchmarks/protocol.py --out p.json --networks --patches 3x224 9x128

It needs neither TensorFlow nor OpenVINO. On a machine with JAX for its GPU and an otherwise bare
Python (``KERAS_BACKEND=jax PYTHONPATH=.``), the packages behind the imports are keras (with namex,
optree, absl-py, h5py, ml-dtypes, rich, packaging), numpy, pandas, scipy and opencv-python-headless.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cohorts import write_copies
from flops import matmul_peak
from machine import describe_machine, print_table

from boneage_lib.backend import keras
from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.errors import InputError
from boneage_lib.inputs import scaled_patch, table_5_at
from boneage_lib.networks import NETWORKS, count_flops, frozen_backbone
from boneage_lib.report.devices import gpu_titles
from boneage_lib.training import Settings, draw_epochs, feature_bank, train
from boneage_lib.training.patch_study import LossCurve
from boneage_lib.training.plan import recipe, side
from boneage_lib.training.runtimes import RUNTIMES, choose_precision, choose_runtime, on_gpu

#: RSNA 2017's radiographs to train on, and all.
TRAIN, ALL = 12_611, 14_236
#: Distinct radiographs that are drawn; the cohort repeats them.
DRAWN = 64


class Clock(keras.callbacks.Callback):
    """When the head's training began, and how long each of its epochs took."""

    def __init__(self) -> None:
        super().__init__()
        self.began = 0.0
        self.epochs: list[float] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch_began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs.append(time.perf_counter() - self.epoch_began)


class Pace:
    """Progress of the banks; a bank's first batch waits for the compiler and is left out."""

    def __init__(self) -> None:
        self.fills: list[list[tuple[float, int]]] = []

    def __call__(self, done: int, _: int) -> None:
        if not self.fills or done <= self.fills[-1][-1][1]:
            self.fills.append([])
        self.fills[-1].append((time.perf_counter(), done))

    def images_per_s(self, looks: tuple[int, int]) -> float | None:
        """Images a second after the first batch of the training bank and of the held-out one."""
        seconds = sum(fill[-1][0] - fill[0][0] for fill in self.fills)
        images = sum(
            (fill[-1][1] - fill[0][1]) * look for fill, look in zip(self.fills, looks, strict=True)
        )
        return images / seconds if seconds and images else None


def repeated_cohort(folder: Path, n: int, size: int) -> Cohort:
    """``n`` radiographs to train on, with RSNA's others in proportion; few pictures, many times."""
    total = round(n * ALL / TRAIN)
    phantoms = write_phantoms(folder / "drawn", min(DRAWN, total), size)
    return write_copies(folder / "cohort", phantoms, total)


class Protocol:
    """Stages on one cohort, each measured and written down as it ends."""

    def __init__(self, arguments: argparse.Namespace, cohort: Cohort, scratch: Path) -> None:
        self.cohort, self.scratch, self.out = cohort, scratch, arguments.out
        self.attention = arguments.attention
        self.settings = Settings(
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            draws_per_cell=arguments.draws_per_cell,
            views=arguments.views,
            patch_size=scaled_patch(224, cohort.size),
        )
        self.runtime = choose_runtime(arguments.runtime)
        self.precision = choose_precision(arguments.precision, self.runtime)
        self.flops: dict[tuple[str, int], int] = {}
        splits = {split: len(cohort.rows(split)) for split in ("train", "validation", "test")}
        self.record: dict[str, Any] = {
            "protocol": {
                "radiographs": splits,
                "size": cohort.size,
                "epochs": arguments.epochs,
                "batch_size": arguments.batch_size,
                "draws_per_cell": arguments.draws_per_cell,
                "views": arguments.views,
                "data": "synthetic, repeated",
                "weights": "random",
            },
            "card": card(),
            "runtime": self.runtime,
            "precision": self.precision,
            "machine": describe_machine(with_keras=True),
        }
        kept = self._kept_stages()
        self.record["peak_flop_per_s"] = matmul_peak(self.precision)
        self.record["stages"] = kept
        self.record["total_s"] = round(sum(stage["seconds"] for stage in kept), 1)

    def _kept_stages(self) -> list[dict[str, Any]]:
        """What earlier commands of this protocol wrote to the same file."""
        if self.out is None or not self.out.is_file():
            return []
        found = json.loads(self.out.read_text())
        for key in ("protocol", "card", "runtime", "precision"):
            if found[key] != self.record[key]:
                raise InputError(
                    f"{self.out} is of another protocol: found {key} {found[key]!r}, expected "
                    f"{self.record[key]!r}. Give another --out."
                )
        return list(found["stages"])

    def network(self, name: str) -> None:
        """All epochs of a network."""
        settings = self.settings
        if not NETWORKS[name].pooled:
            one_view = {"views": 1} if self.attention == "bank" else {}
            settings = replace(settings, engine=self.attention, **one_view)
        self.stage(name, name, settings, ("validation", "test"))

    def patches(self, count: int, size: int) -> None:
        """One epoch of ResNet50 as in the patch-size study."""
        settings = replace(
            self.settings, epochs=1, patch_count=count, patch_size=size, evaluation_patches=count
        )
        self.stage(f"{count}x{size}", "resnet50_patches", settings, ("validation",))

    def stage(self, title: str, name: str, settings: Settings, splits: tuple[str, ...]) -> None:
        """Train, measure, write down."""
        spec, streaming = NETWORKS[name], settings.engine == "streaming"
        clock, pace = Clock(), Pace()
        flops = self._flops_an_image(spec.backbone, side(spec, self.cohort, settings))
        started = time.perf_counter()
        with emptied(self.scratch / "banks") as banks:
            trained = train(
                name,
                self.cohort,
                settings,
                banks,
                runtime="keras" if streaming else self.runtime,
                precision=self.precision,
                splits=splits,
                extra_callbacks=[clock, *([LossCurve()] if settings.epochs == 1 else [])],
                verbose=False,
                progress=pace,
            )
        seconds = time.perf_counter() - started
        looks = tuple(recipe(spec, settings, training).looks() for training in (True, False))
        validation, others = len(self.cohort.rows("validation")), len(trained.predictions)
        draws = draw_epochs(self.cohort, replace(settings, epochs=1)).shape[1]
        if streaming:
            # Every epoch validates; those that a random base's scale is fitted on are not counted.
            images = (settings.epochs * draws) * looks[0]
            images += (settings.epochs * validation + others) * looks[1]
            through_base = seconds
            epoch_images = draws * looks[0] + validation * looks[1]
            steady = epoch_images / statistics.median(clock.epochs[1:] or [np.inf]) or None
        else:
            images = trained.provenance["views"] * looks[0] + others * looks[1]
            through_base = clock.began - started
            steady = pace.images_per_s(looks)
        rate = images / through_base
        peak = self.record["peak_flop_per_s"]
        measured = {
            "stage": title,
            "network": name,
            "engine": settings.engine,
            "views": settings.views,
            "epochs": settings.epochs,
            "draws_per_epoch": draws,
            "images": images,
            "flop_per_image": flops,
            "seconds": round(seconds, 2),
            "features_s": None if streaming else round(through_base, 2),
            "head_s": None if streaming else round(seconds - through_base, 2),
            "epoch_s": [round(epoch, 3) for epoch in clock.epochs],
            "draws_per_s": round(settings.epochs * draws / seconds, 2),
            "images_per_s": round(rate, 2),
            "share_of_peak": round(rate * flops / peak, 5),
            "steady_images_per_s": steady and round(steady, 2),
            "steady_share_of_peak": steady and round(steady * flops / peak, 5),
        }
        stages = [stage for stage in self.record["stages"] if stage["stage"] != title]
        self.record["stages"] = [*stages, measured]
        self.record["total_s"] = round(sum(s["seconds"] for s in self.record["stages"]), 1)
        self.write()
        print(f"{title}: {seconds:.1f} s", flush=True)
        keras.utils.clear_session()
        gc.collect()

    def _flops_an_image(self, backbone: str, side: int) -> int:
        if (backbone, side) not in self.flops:
            self.flops[backbone, side] = count_flops(frozen_backbone(backbone, side))
        return self.flops[backbone, side]

    def write(self) -> None:
        """Whole or not at all."""
        if self.out is None:
            return
        self.out.parent.mkdir(parents=True, exist_ok=True)
        partial = self.out.with_suffix(".partial")
        partial.write_text(json.dumps(self.record, indent=1) + "\n")
        partial.replace(self.out)

    def tell(self) -> None:
        """The table, and what it was measured on."""
        heads = ["stage", "seconds", "features s", "head s", "draws/s", "images/s", "% of peak"]
        heads += ["compiled: images/s", "% of peak"]
        names = ["seconds", "features_s", "head_s", "draws_per_s", "images_per_s", "share_of_peak"]
        names += ["steady_images_per_s", "steady_share_of_peak"]
        rows = []
        for stage in self.record["stages"]:
            values = [
                stage[name] and stage[name] * (100 if "share" in name else 1) for name in names
            ]
            rows.append([stage["stage"], *("-" if value is None else value for value in values)])
        print_table(heads, rows)
        peak = self.record["peak_flop_per_s"] / 1e12
        print(f"\ntotal {self.record['total_s']} s; peak of matrix products {peak:.3g} TFLOP/s")
        print(f"{self.record['card']}, {self.runtime}, {self.precision}")
        print(", ".join(f"{name} {value}" for name, value in self.record["machine"].items()))


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """A folder that is deleted afterwards."""
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def card() -> str:
    """What computes: the GPU's name, or the CPU."""
    if not on_gpu():
        return "CPU"
    if titles := gpu_titles():
        return ", ".join(titles)
    if keras.backend.backend() == "jax":
        return str(sys.modules["jax"].devices()[0].device_kind)
    return "an unnamed GPU"


def parse(words: list[str] | None) -> argparse.Namespace:
    """Options; patches as (count, side)."""

    def patch(word: str) -> tuple[int, int]:
        count, size = word.split("x")
        return int(count), int(size)

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=TRAIN, help="training radiographs; 20 or more")
    parser.add_argument("--size", type=int, default=500, help="pixels a side; 75 or more")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=8, help="radiographs a training step")
    parser.add_argument(
        "--draws-per-cell",
        type=int,
        default=0,
        help="draws an epoch from each age bin x sex; 500 are the paper's (10,000 an epoch); "
        "0: every radiograph once",
    )
    parser.add_argument(
        "--views", type=int, default=0, help="of a radiograph; 0: a new one for every draw"
    )
    parser.add_argument("--networks", nargs="*", choices=sorted(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--patches", nargs="+", type=patch, help="by default those of Table 5")
    parser.add_argument("--skip-patch-study", action="store_true")
    parser.add_argument("--attention", choices=("streaming", "bank"), default="streaming")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument(
        "--images-a-batch", type=int, help="radiographs of 500 px that the base sees at a time"
    )
    parser.add_argument("--scratch", type=Path, help="folder for radiographs and banks (23 GB)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    arguments = parse(words)
    if arguments.images_a_batch:
        pixels = arguments.images_a_batch * 500**2
        feature_bank.PIXELS_A_BATCH = feature_bank.PIXELS_A_GPU_BATCH = pixels
    patches = arguments.patches or table_5_at(arguments.size)
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        started = time.perf_counter()
        cohort = repeated_cohort(Path(scratch), arguments.n, arguments.size)
        protocol = Protocol(arguments, cohort, Path(scratch))
        print(f"radiographs and peak: {time.perf_counter() - started:.1f} s", flush=True)
        for name in arguments.networks:
            protocol.network(name)
        for count, size in [] if arguments.skip_patch_study else patches:
            protocol.patches(count, size)
    protocol.tell()


if __name__ == "__main__":
    main()
