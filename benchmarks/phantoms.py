"""How fast synthetic radiographs are drawn on this machine.

    .venv/bin/python benchmarks/phantoms.py [--n 300] [--size 500] [--yardstick] [--out FILE]

Draws the same radiographs three times with one thread and three times with one thread a core,
alternating, and prints the best and the middle of each. Other programs on the machine slow it down:
``--yardstick`` measures beside it how many 500 x 500 images a second TensorFlow's float32
InceptionV3 (random weights) takes on the same cores, to scale absolute figures by.

At --n 300 it takes half a minute on two cores of 2024, and as long again for the yardstick.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from boneage_lib.data.histogram import draw_labels
from boneage_lib.data.phantom import draw_radiograph

ROUNDS = 3


def measure(n: int, size: int) -> dict[str, list[float]]:
    """Milliseconds a picture with one thread, and pictures a second with one thread a core."""
    labels = draw_labels(n, 0)
    jobs = list(zip(labels["boneage_months"], labels["female"], labels["id"], strict=True))

    def draw(job: tuple[float, bool, int]) -> int:
        months, female, number = job
        rng = np.random.default_rng([0, int(number)])
        return int(draw_radiograph(float(months), bool(female), size, rng)[0, 0])

    few = jobs[: max(20, n // 3)]
    results: dict[str, list[float]] = {"cpu_ms": [], "wall_ms": [], "images_per_s": []}
    cv2.setNumThreads(1)  # as cohorts are drawn: the threads are ours
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(draw, jobs[:8]))  # tables and textures are made once
        for _ in range(ROUNDS):
            wall, cpu = time.perf_counter(), time.process_time()
            for job in few:
                draw(job)
            results["cpu_ms"].append(1000 * (time.process_time() - cpu) / len(few))
            results["wall_ms"].append(1000 * (time.perf_counter() - wall) / len(few))
            wall = time.perf_counter()
            list(pool.map(draw, jobs))
            results["images_per_s"].append(n / (time.perf_counter() - wall))
    return results


def yardstick(batches: int = 6, batch: int = 8) -> float:
    """Images a second through InceptionV3, 500 x 500, TensorFlow float32, random weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    model = keras.applications.InceptionV3(
        weights=None, include_top=False, pooling="avg", input_shape=(500, 500, 3)
    )
    images = np.random.default_rng(0).uniform(-1, 1, (batch, 500, 500, 3)).astype(np.float32)
    speeds = []
    for _ in range(batches):
        wall = time.perf_counter()
        model.predict_on_batch(images)
        speeds.append(batch / (time.perf_counter() - wall))
    return max(speeds[1:])  # the first builds the graph


def machine() -> dict[str, str | int | float]:
    """What the figures were taken on, without any name or path of it."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=300, help="radiographs")
    parser.add_argument("--size", type=int, default=500, help="pixels a side")
    parser.add_argument("--yardstick", action="store_true", help="time InceptionV3 as well")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    arguments = parser.parse_args()
    if arguments.n < 20:
        parser.error(f"Found --n {arguments.n}; expected 20 radiographs or more.")
    record: dict[str, object] = {**machine(), "n": arguments.n, "size": arguments.size}
    results = measure(arguments.n, arguments.size)
    for name, values in results.items():
        best = max(values) if name == "images_per_s" else min(values)
        record[name] = {"best": round(best, 2), "median": round(statistics.median(values), 2)}
    if arguments.yardstick:
        record["inception_v3_images_per_s"] = round(yardstick(), 2)
    for name, value in record.items():
        if isinstance(value, dict):
            value = "   ".join(f"{kind} {number}" for kind, number in value.items())
        print(f"{name:28}{value}")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
