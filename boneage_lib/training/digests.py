"""Digests of what a result depends on: the code that made it, and the arrays it was made from."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).parents[1]
#: What trains: what another version left half-trained is not used.
TRAINING_CODE = ("training/*.py", "networks/*.py", "inputs/*.py")
#: What trains a whole network, which takes hours: no other change makes it stale.
FINETUNING_CODE = (
    "inputs/*.py",
    "networks/*.py",
    "data/resampling.py",
    *(
        f"training/{name}.py"
        for name in (
            "adam",
            "datasets",
            "finetune",
            "fitting",
            "processor",
            "schedules",
            "tuning",
            "whole_networks",
        )
    ),
)
#: What draws synthetic radiographs.
PHANTOM_CODE = tuple(
    f"data/{name}.py"
    for name in (
        "anatomy",
        "canvases",
        "exposure",
        "histogram",
        "maturity",
        "phantom",
        "phantom_cohort",
        "projection",
        "skeleton",
        "soft_tissue",
        "solids",
    )
)
#: What a view's features come from: drawing it, and the base that looks at it.
FEATURE_CODE = (
    "inputs/*.py",
    "networks/backbones.py",
    "training/extraction.py",
    "training/runtimes.py",
)


@cache
def digest_of_code(patterns: tuple[str, ...]) -> str:
    """SHA-256 of the library's files that match ``patterns``, relative to the library's folder."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for file in sorted(LIBRARY.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def digest_of_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays, of their shapes and types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
