"""Cohorts of synthetic hand radiographs: the data set that every machine has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from boneage_lib.data.cohort import Cohort, check_target, writing
from boneage_lib.data.histogram import draw_labels
from boneage_lib.data.phantom import check_settings, draw_radiograph
from boneage_lib.data.skeleton import CENTRE_NOISE_MONTHS, MATURITY_NOISE_MONTHS
from boneage_lib.errors import InputError

FEWEST = 20


def check_phantoms(
    n: int,
    size: int,
    seed: int,
    variation: float = 1.0,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
) -> None:
    """Raise InputError for what `write_phantoms` would refuse, before anything is drawn."""
    if n < FEWEST:
        raise InputError(
            f"Found n={n}; expected {FEWEST} radiographs or more, so that every split has some. "
            "Choose a larger --n."
        )
    check_settings(size, maturity_noise_months, variation)
    if seed < 0:
        raise InputError(f"Found seed={seed}; expected 0 or more. Choose another --seed.")


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """One thread a radiograph: OpenCV's own threads only get in each other's way here."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def write_phantoms(
    out: str | Path,
    n: int = 300,
    size: int = 500,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
    variation: float = 1.0,
) -> Cohort:
    """Write a cohort of synthetic radiographs with the ages and sexes of RSNA 2017.

    Every radiograph has its own random generator, seeded with ``(seed, id)``: the same call gives
    the same pixels with any number of threads.

    Args:
        out: folder of the new cohort; an earlier cohort there is replaced.
        n: number of radiographs, 20 or more: 60 % train, 15 % validation, 25 % test.
        size: side of the square pictures, 32 pixels or more.
        seed: of labels and pictures.
        progress: called with (done, n) after each radiograph.
        maturity_noise_months: see `draw_radiograph`.
        variation: see `draw_radiograph`.

    Returns:
        The cohort, opened.

    Raises:
        InputError: ``n``, ``size``, the noise or the seed too small, or a folder with other files.
    """
    check_phantoms(n, size, seed, variation, maturity_noise_months)
    check_target(Path(out))
    labels = draw_labels(n, seed)
    info = {
        "kind": "synthetic",
        "split_origin": "stratified",
        "seed": seed,
        "maturity_noise_months": maturity_noise_months,
        "centre_noise_months": CENTRE_NOISE_MONTHS,
        "variation": variation,
    }
    with (
        writing(out, labels, size, info) as images,
        _single_threaded_opencv(),
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):

        def draw(row: int) -> None:
            label = labels.iloc[row]
            rng = np.random.default_rng([seed, int(label["id"])])
            images[row] = draw_radiograph(
                label["boneage_months"],
                bool(label["female"]),
                size,
                rng,
                maturity_noise_months,
                variation,
            )

        for done, _ in enumerate(pool.map(draw, range(n)), start=1):
            if progress:
                progress(done, n)
    return Cohort.open(out)
