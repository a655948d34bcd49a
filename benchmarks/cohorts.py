"""The cohorts that benchmarks measure on: a folder's, phantoms, or a few phantoms many times."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.data.histogram import draw_labels
from boneage_lib.data.journal import CohortWriter
from boneage_lib.data.writing import write_cohort

#: RSNA's shares of train, validation and test.
RSNA_SHARES = (12_611 / 14_236, 1_425 / 14_236, 200 / 14_236)
#: Grey levels that are added at random to each copy of a phantom.
NOISE = 8
#: Rows written at a time: 16 MB at 500 px.
ROWS = 64


def add_source(parser: argparse.ArgumentParser, n: int) -> None:
    """The options that say which radiographs."""
    parser.add_argument("--source", type=Path, help="a cohort's folder; else phantoms are drawn")
    parser.add_argument("--size", type=int, default=500, help="pixels a side of the phantoms")
    parser.add_argument("--n", type=int, default=n, help="phantoms; 20 or more")


def open_source(arguments: argparse.Namespace, scratch: str | Path) -> Cohort:
    """The cohort that the options of `add_source` name; phantoms are drawn into ``scratch``."""
    if arguments.source:
        return Cohort.open(arguments.source)
    return write_phantoms(Path(scratch) / "cohort", arguments.n, arguments.size)


def kind(cohort: Cohort) -> str:
    """What a record says of where the radiographs are from."""
    return "synthetic" if cohort.synthetic else "rsna"


def write_copies(folder: Path, phantoms: Cohort, n: int) -> Cohort:
    """A cohort of ``n`` radiographs with RSNA's splits: phantoms over and over, each with noise.

    For time and memory only: a picture has nothing to do with the age that its label tells. Never
    more than a few radiographs are in memory.
    """
    labels = draw_labels(n, fractions=RSNA_SHARES)

    def fill(writer: CohortWriter) -> Sequence[int]:
        rng = np.random.default_rng(0)
        for start in range(0, n, ROWS):
            rows = np.arange(start, min(start + ROWS, n))
            noise = rng.integers(0, NOISE, (len(rows), *phantoms.images.shape[1:]), np.uint8)
            pictures = np.minimum(phantoms.images[rows % len(phantoms)], 255 - NOISE) + noise
            writer.write(rows.tolist(), pictures)
        return []

    info = {"kind": "synthetic", "split_origin": "stratified", "phantoms": len(phantoms)}
    return write_cohort(folder, labels, phantoms.size, info, {"copies": phantoms.checksum}, fill)
