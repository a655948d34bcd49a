"""Cohorts of synthetic hand radiographs: the data set that every machine has."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.histogram import SHARES, draw_labels
from boneage_lib.data.journal import CohortWriter
from boneage_lib.data.phantom import check_settings, draw_radiograph
from boneage_lib.data.skeleton import CENTRE_NOISE_MONTHS, MATURITY_NOISE_MONTHS
from boneage_lib.data.threads import n_cores, single_threaded_opencv
from boneage_lib.data.writing import write_cohort
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


def phantoms_for(training: int) -> int:
    """How many synthetic radiographs give ``training`` to train on, among those of all splits."""
    return round(training / SHARES[0])


def write_phantoms(
    out: str | Path,
    n: int = 300,
    size: int = 500,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
    variation: float = 1.0,
    replace: bool = False,
) -> Cohort:
    """Write a cohort of synthetic radiographs with the ages and sexes of RSNA 2017.

    Every radiograph has its own random generator, seeded with ``(seed, id)``: the same call gives
    the same pixels with any number of threads.

    Args:
        out: folder of the new cohort; the same cohort there is left as it is, and what a killed
            call had drawn is not drawn again.
        n: number of radiographs, 20 or more: 60 % train, 15 % validation, 25 % test.
        size: side of the square pictures, 32 pixels or more.
        seed: of labels and pictures.
        progress: called with (done, n) after each radiograph.
        maturity_noise_months: see `draw_radiograph`.
        variation: see `draw_radiograph`.
        replace: put the new cohort in the place of one that was made with other settings.

    Returns:
        The cohort, opened.

    Raises:
        InputError: ``n``, ``size``, the noise or the seed too small, a folder with other files or
            another cohort, or a full disk.
    """
    check_phantoms(n, size, seed, variation, maturity_noise_months)
    labels = draw_labels(n, seed)
    settings = {
        "seed": seed,
        "maturity_noise_months": maturity_noise_months,
        "centre_noise_months": CENTRE_NOISE_MONTHS,
        "variation": variation,
    }
    info = {"kind": "synthetic", "split_origin": "stratified", **settings}

    def fill(writer: CohortWriter) -> list[int]:
        def draw(row: int) -> None:
            label = labels.iloc[row]
            rng = np.random.default_rng([seed, int(label["id"])])
            picture = draw_radiograph(
                label["boneage_months"],
                bool(label["female"]),
                size,
                rng,
                maturity_noise_months,
                variation,
            )
            writer.write([row], picture[None])

        already = n - len(writer.missing)
        with single_threaded_opencv(), ThreadPoolExecutor(n_cores()) as pool:
            try:
                for done, _ in enumerate(pool.map(draw, writer.missing), start=already + 1):
                    if progress:
                        progress(done, n)
            finally:
                pool.shutdown(cancel_futures=True)  # a stop comes at once
        return []

    return write_cohort(out, labels, size, info, {"kind": "synthetic", **settings}, fill, replace)
