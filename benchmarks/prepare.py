"""`boneage prepare` beside bare decoding and resizing of the same files, in one run.

    .venv/bin/python benchmarks/prepare.py SOURCE [--size 100] [--rounds 5] [--out FILE.json]

SOURCE holds boneage-training-dataset/<id>.png and its labels. Bare reading is what anyone would
write: a pool of as many threads as there are cores, each task one OpenCV decode and resize. It is
timed without keeping the result and with keeping it in a memory-mapped array, as a cohort does.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from boneage_lib.data import prepare
from boneage_lib.data.threads import n_cores


def bare(files: list[str], size: int, keep: Path | None) -> float:
    """Images/s of decoding and resizing alone; with ``keep`` they also go into a file."""
    kept = None
    if keep is not None:
        shape = (len(files), size, size)
        kept = np.lib.format.open_memmap(keep, mode="w+", dtype=np.uint8, shape=shape)

    def read(row: int) -> None:
        with open(files[row], "rb") as file:
            content = np.frombuffer(file.read(), np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
        if image.shape != (size, size):
            shrinking = size <= min(image.shape)
            how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
            image = cv2.resize(image, (size, size), interpolation=how)
        if kept is not None:
            kept[row] = image

    started = time.perf_counter()
    with ThreadPoolExecutor(n_cores()) as pool:
        for _ in pool.map(read, range(len(files))):
            pass
    if kept is not None:
        kept.flush()
    return len(files) / (time.perf_counter() - started)


def whole_command(source: Path, out: Path, size: int) -> tuple[float, float]:
    """Images/s of everything `prepare` does, and of its reading alone."""
    moments: list[float] = []
    started = time.perf_counter()
    cohort = prepare(source, out, size, progress=lambda *_: moments.append(time.perf_counter()))
    ended = time.perf_counter()
    # The first few radiographs are there at the first moment; what came before is finding them.
    reading = len(cohort) * (1 - 1 / len(moments)) / (moments[-1] - moments[0])
    return len(cohort) / (ended - started), reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    files = sorted(str(path) for path in arguments.source.rglob("*.png"))
    cv2.setNumThreads(1)
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(arguments.rounds):
            row = {"bare": bare(files, arguments.size, None)}
            row["bare, kept"] = bare(files, arguments.size, Path(scratch) / "bare.npy")
            cohort = Path(scratch) / "cohort"
            row["prepare"], row["prepare, reading"] = whole_command(
                arguments.source, cohort, arguments.size
            )
            shutil.rmtree(cohort)
            rounds.append(row)
    print(f"{len(files):,} files to {arguments.size} px, images/s, {n_cores()} cores")
    print("".join(f"{name:>20}" for name in rounds[0]))
    for row in rounds:
        print("".join(f"{value:>20,.0f}" for value in row.values()))
    ratios = {
        f"{name} / {base}": statistics.median(row[name] / row[base] for row in rounds)
        for name in ("prepare", "prepare, reading")
        for base in ("bare", "bare, kept")
    }
    for name, ratio in ratios.items():
        print(f"{name:<32}{ratio:.2f} (median of {len(rounds)})")
    if arguments.out:
        machine = {"cores": n_cores(), "processor": platform.machine()}
        versions = {name: version(name) for name in ("numpy", "opencv-python-headless")}
        content = {"size": arguments.size, "machine": machine, "versions": versions}
        content |= {"n": len(files), "rounds": rounds, "median_ratios": ratios}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
