"""Augmented radiographs a second: this library beside Keras' two ways, in one run.

    .venv/bin/python benchmarks/inputs.py [--source COHORT] [--size 500] [--seconds 3] [--rounds 3]
                                          [--yardstick] [--out FILE.json]

Each way draws batches of 8 from the same radiographs with the ranges of Table 2, in turn in every
round; what it made before the clock starts, and before anybody waited for it, is not counted.

- Keras' `ImageDataGenerator.flow` over float32 RGB in memory, to [-1, 1]: by itself, and under the
  threads and the processes that `fit` gives it (`workers`, `use_multiprocessing`), one a core.
- Keras' `image_dataset_from_directory` over PNG files of that size and Keras' random layers in
  `map`, prefetched, to [-1, 1]: as it is commonly written, and with decoded images in memory.
- `view_batches` over the memory-mapped cohort with one thread and with one a core; and the same
  with its batches moved to the device and made RGB in [-1, 1] there, by a compiled step.

Keras' ways end with float32 RGB in the computer's memory, three times as many values and twelve
times as many bytes to move as ours; that move is timed for ours alone, in the last way. That way
also takes the mean of each image, so that nothing large comes back.

It takes about two minutes at its defaults.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import add_options, describe_machine, finish, print_table
from paper_style import BATCH, image_data_generator

from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.data.threads import n_cores
from boneage_lib.inputs import WHOLE_IMAGES, Recipe, view_batches

GENERATOR = "ImageDataGenerator"
DATASET = "image_dataset_from_directory"
OURS = "view_batches"

#: Gives, each time it is called, batches without end.
Way = Callable[[], Iterator[Any]]


def keras_generator(images: np.ndarray, workers: int, processes: bool = False) -> Way:
    """`ImageDataGenerator` with Table 2's ranges; ``workers`` 0 draws in the thread that asks.

    Args:
        images: float32 (n, size, size, 3), 0 to 255.
        workers: as in a `keras.utils.PyDataset`.
        processes: its ``use_multiprocessing``.
    """
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    flow = image_data_generator(WHOLE_IMAGES).flow(images, batch_size=BATCH)

    class Endless(keras.utils.PyDataset):
        """One epoch without end, so that none pays for starting processes anew."""

        num_batches = None

        def __getitem__(self, index: int) -> np.ndarray:
            return flow[index % len(flow)]

    def alone() -> Iterator[Any]:
        while True:
            yield next(flow)

    def under_fit() -> Iterator[Any]:
        data = Endless(workers=workers, use_multiprocessing=processes)
        adapter = PyDatasetAdapter(data)
        try:
            for (batch,) in adapter.get_numpy_iterator():
                yield batch
        finally:
            adapter.on_epoch_end()  # ends its workers

    return under_fit if workers else alone


def keras_dataset(folder: Path, size: int, cached: bool) -> Way:
    """`image_dataset_from_directory` and Keras' random layers, as its guides write them."""
    import keras
    import tensorflow as tf

    pixels = keras.utils.image_dataset_from_directory(
        folder, labels=None, batch_size=BATCH, image_size=(size, size), verbose=False
    )
    turn, zoom = WHOLE_IMAGES.rotation_degrees / 360, WHOLE_IMAGES.zoom
    down, across = WHOLE_IMAGES.height_shift, WHOLE_IMAGES.width_shift
    augment = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(turn, fill_mode="nearest"),
            keras.layers.RandomTranslation(down, across, fill_mode="nearest"),
            keras.layers.RandomZoom((-zoom, zoom), (-zoom, zoom), fill_mode="nearest"),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
        ]
    )
    if cached:
        pixels = pixels.cache()
        for _ in pixels:  # decoded once, before anything is measured
            pass
    data = pixels.repeat().map(
        lambda images: augment(images, training=True), num_parallel_calls=tf.data.AUTOTUNE
    )
    data = data.prefetch(tf.data.AUTOTUNE)

    def batches() -> Iterator[Any]:
        yield from data

    return batches


def our_views(cohort: Cohort, n: int, workers: int) -> Way:
    """`view_batches` over the first ``n`` radiographs in random order, no view twice."""
    rows = np.random.default_rng(0).integers(0, n, 2**20)
    views = np.arange(len(rows))

    def batches() -> Iterator[np.ndarray]:
        while True:
            yield from view_batches(
                cohort, rows, views, Recipe(WHOLE_IMAGES), batch_size=BATCH, workers=workers
            )

    return batches


def on_device(views: Way, size: int) -> Way:
    """What `views` gives, on the device, as RGB in [-1, 1], by a compiled step."""
    import keras

    from boneage_lib.training.extraction import jit_compile

    grey = keras.Input((size, size), dtype="uint8")
    scaled = keras.ops.cast(grey, "float32")[..., None] / 127.5 - 1.0
    rgb = keras.ops.repeat(scaled, 3, axis=-1)
    step = keras.Model(grey, keras.ops.mean(rgb, axis=(1, 2, 3)))
    step.compile(jit_compile=jit_compile())

    def batches() -> Iterator[np.ndarray]:
        drawn = views()
        try:
            for batch in drawn:
                yield step.predict_on_batch(batch[:, 0])
        finally:
            drawn.close()  # type: ignore[attr-defined]  # its threads would disturb the next way

    return batches


def images_per_s(way: Way, seconds: float) -> float:
    """Images that come in ``seconds`` or a little longer, after a quarter of that to warm up."""
    batches = way()
    begun = time.perf_counter()
    started, images = 0.0, 0
    for batch in batches:
        now = time.perf_counter()
        if not started:
            # Whoever prefetches is waited for from the start: nothing piles up meanwhile.
            started = now if now - begun >= seconds / 4 else 0.0
            continue
        images += batch.shape[0]
        if now - started >= seconds:
            break
    batches.close()  # type: ignore[attr-defined]
    return images / (now - started)


def find_ways(cohort: Cohort, n: int, scratch: Path, processes: bool) -> dict[str, Way]:
    """All ways by name, in the order of the table."""
    cores = n_cores()
    for row in range(n):
        cv2.imwrite(str(scratch / f"{row}.png"), cohort.images[row])
    images = np.repeat(cohort.images[:n, ..., None], 3, axis=-1).astype(np.float32)
    ways = {
        GENERATOR: keras_generator(images, 0),
        f"{GENERATOR}, {cores} threads": keras_generator(images, cores),
    }
    if processes:
        ways[f"{GENERATOR}, {cores} processes"] = keras_generator(images, cores, True)
    all_views = our_views(cohort, n, cores)
    return ways | {
        DATASET: keras_dataset(scratch, cohort.size, cached=False),
        f"{DATASET}, cached": keras_dataset(scratch, cohort.size, cached=True),
        f"{OURS}, 1 thread": our_views(cohort, n, 1),
        f"{OURS}, {cores} threads": all_views,
        f"{OURS}, {cores} threads, and RGB on the device": on_device(all_views, cohort.size),
    }


def compare(rounds: list[dict[str, float]]) -> list[dict[str, Any]]:
    """One row a way: medians over the rounds, also of its ratio to each of Keras' at its best.

    Keras' best form is the one with the highest median; ratios are taken inside each round.
    """
    medians = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    best = {
        peer: max((name for name in medians if name.startswith(peer)), key=medians.__getitem__)
        for peer in (GENERATOR, DATASET)
    }
    return [
        {
            "way": name,
            "images_per_s": round(median, 1),
            **{
                f"times_{peer}": round(
                    statistics.median(row[name] / row[form] for row in rounds), 2
                )
                for peer, form in best.items()
            },
        }
        for name, median in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="a cohort's folder; else phantoms are drawn")
    parser.add_argument("--size", type=int, default=500, help="pixels a side of the phantoms")
    parser.add_argument("--n", type=int, default=64, help="radiographs; 20 or more")
    parser.add_argument("--seconds", type=float, default=3, help="for each way in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--processes",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure the generator under processes, too",
    )
    add_options(parser)
    arguments = parser.parse_args()
    machine = describe_machine(with_keras=True)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.source:
            cohort = Cohort.open(arguments.source)
        else:
            cohort = write_phantoms(Path(scratch) / "cohort", arguments.n, arguments.size)
        n = min(arguments.n, len(cohort))
        files = Path(scratch) / "files"
        files.mkdir()
        ways = find_ways(cohort, n, files, arguments.processes)
        rounds = [
            {name: images_per_s(way, arguments.seconds) for name, way in ways.items()}
            for _ in range(arguments.rounds)
        ]
    table = compare(rounds)
    print(f"{n} radiographs of {cohort.size} px, batches of {BATCH}, medians of {len(rounds)}\n")
    heads = ["way", "images/s", *(f"x {peer}" for peer in (GENERATOR, DATASET))]
    print_table(heads, [list(row.values()) for row in table], arguments.out)
    print("\nx: times the best form of it, inside each round.")
    record = {
        "machine": machine,
        "precision": "float32 RGB in [-1, 1]; view_batches: uint8 grey, float32 on the device",
        "data": "synthetic" if cohort.synthetic else "rsna",
        "size": cohort.size,
        "n": n,
        "batch_size": BATCH,
        "seconds": arguments.seconds,
        "rounds": [{name: round(value, 1) for name, value in row.items()} for row in rounds],
        "table": table,
    }
    finish(record, arguments)


if __name__ == "__main__":
    main()
