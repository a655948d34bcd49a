"""Time and memory of a training as the cohort grows, each in a process of its own.

    .venv/bin/python benchmarks/growth.py [--sizes 1000 3000 14236] [--size 500]
                                          [--network resnet50_patches] [--yardstick] [--out FILE]

The cohorts are a few dozen phantoms over and over, each copy with noise, in RSNA's splits. Every
training radiograph is used once (no resampling, one view, one epoch), in the fastest runtime and
precision of this machine; all others are predicted.

The framework is what a process holds once the base is compiled and one batch went through it. What
training takes besides is the highest memory of the process from there to the end, less that: pages
of the mapped radiographs that lie in memory count, and so do the seconds in which the base is
compiled again. Beside it stands the highest anonymous memory, which the system cannot drop as it
can drop pages of a file. Linux only.

At its defaults it takes about 10 minutes on two cores of 2024, and 3.6 GB of disk.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from cohorts import kind, write_copies
from machine import add_options, describe_machine, finish, print_table

from boneage_lib.bases import weights_kind
from boneage_lib.data import Cohort, write_phantoms

TARGET_GIB = 2.5
#: Splits that are predicted, whole.
HELD_OUT = ("validation", "test")
STATUS = Path("/proc/self/status")


def memory_mib(*names: str) -> list[float]:
    """Lines of this process' status: ``VmHWM`` (highest), ``VmRSS`` (now), ``RssAnon``."""
    found = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return [int(found[name].split()[0]) / 1024 for name in names]


class AnonymousPeak(Thread):
    """Watches the memory that lies in no file, some twenty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = Event()
        self.mib = 0.0

    def run(self) -> None:
        while not self.ended.wait(0.05):
            self.mib = max(self.mib, *memory_mib("RssAnon"))

    def end(self) -> float:
        """The highest so far, MiB."""
        self.ended.set()
        self.join()
        return max(self.mib, *memory_mib("RssAnon"))


def measure(folder: Path, name: str, patch_size: int, weights: str) -> dict[str, Any]:
    """Train once in this process, which has done nothing else; seconds and memory."""
    from forward import describe_way, find_ways

    from boneage_lib.networks import network
    from boneage_lib.training import Extractor, Settings, train
    from boneage_lib.training.feature_bank import PIXELS_A_BATCH
    from boneage_lib.training.plan import recipe, side

    cohort = Cohort.open(folder)
    settings = Settings(draws_per_cell=0, views=1, epochs=1, patch_size=patch_size)
    spec, way = network(name), find_ways()[-1]
    pixels, looks = side(spec, cohort, settings), recipe(spec, settings, training=True).looks()
    batch = looks * max(1, round(PIXELS_A_BATCH / pixels**2 / looks))
    extractor = Extractor(
        spec.backbone, pixels, weights, runtime=way.runtime, precision=way.precision
    )
    extractor(np.zeros((batch, pixels, pixels), np.uint8), maps=not spec.pooled)
    framework, framework_peak, framework_anonymous = memory_mib("VmRSS", "VmHWM", "RssAnon")
    del extractor
    gc.collect()
    watched = AnonymousPeak()
    watched.start()
    started = time.perf_counter()
    trained = train(
        name,
        cohort,
        settings,
        folder / "banks",
        weights,
        runtime=way.runtime,
        precision=way.precision,
        splits=HELD_OUT,
        verbose=False,
    )
    seconds = time.perf_counter() - started
    anonymous = watched.end()
    (peak,) = memory_mib("VmHWM")
    images = sum(
        len(cohort.rows(split)) * recipe(spec, settings, training=split == "train").looks()
        for split in ("train", *HELD_OUT)
    )
    return {
        "n": len(cohort),
        "images": images,
        "way": describe_way(way),
        "seconds": seconds,
        "features_s": trained.provenance["seconds"]["features"],
        "head_s": trained.provenance["seconds"]["head"],
        "images_per_s": images / seconds,
        "framework_mib": framework,
        "framework_peak_mib": framework_peak,
        "framework_anonymous_mib": framework_anonymous,
        "peak_mib": peak,
        "besides_framework_mib": peak - framework,
        "anonymous_peak_mib": anonymous,
        "anonymous_besides_framework_mib": anonymous - framework_anonymous,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 3_000, 14_236], metavar="N")
    parser.add_argument("--size", type=int, default=500, help="pixels a side")
    parser.add_argument("--phantoms", type=int, default=48, help="distinct ones; 20 or more")
    parser.add_argument("--network", default="resnet50_patches", metavar="NAME")
    parser.add_argument("--patch-size", type=int, default=224, help="pixels a side")
    parser.add_argument("--weights", default="random", help="a folder of ImageNet weights")
    add_options(parser)
    arguments = parser.parse_args()
    if not STATUS.exists():
        parser.error(f"Found no {STATUS}; expected Linux, which tells a process its memory.")
    machine = describe_machine(with_keras=True)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        phantoms = write_phantoms(Path(scratch) / "phantoms", arguments.phantoms, arguments.size)
        for n in arguments.sizes:
            folder = Path(scratch) / f"cohort-{n}"
            written = kind(write_copies(folder, phantoms, n))
            # A new interpreter, which inherits no memory of this one.
            fresh = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=fresh) as pool:
                rows.append(
                    pool.submit(
                        measure,
                        folder,
                        arguments.network,
                        arguments.patch_size,
                        arguments.weights,
                    ).result()
                )
            shutil.rmtree(folder)
    print(
        f"{arguments.network}, cohorts of {arguments.size} px ({written}), "
        f"{rows[0]['way']['name']}; memory in MiB\n"
    )
    columns = ["n", "images", "seconds", "images_per_s", "framework_mib", "peak_mib"]
    columns += ["besides_framework_mib", "anonymous_besides_framework_mib"]
    print_table(
        ["n", "images", "seconds", "images/s", "framework", "peak", "besides", "anonymous besides"],
        [[row[name] for name in columns] for row in rows],
        arguments.out,
    )
    largest = max(row["besides_framework_mib"] for row in rows) / 1024
    verdict = "under" if largest < TARGET_GIB else "not under"
    print(f"\nAt most {largest:.2f} GiB besides the framework, {verdict} {TARGET_GIB} GiB.")
    record = {
        "machine": machine,
        "precision": rows[0]["way"]["precision"],
        "runtime": rows[0]["way"]["name"],
        "data": written,
        "weights": weights_kind(arguments.weights),
        "network": arguments.network,
        "size": arguments.size,
        "patch_size": arguments.patch_size,
        "target_besides_framework_mib": 1024 * TARGET_GIB,
        "cohorts": rows,
    }
    finish(record, arguments)


if __name__ == "__main__":
    main()
