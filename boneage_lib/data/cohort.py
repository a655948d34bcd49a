"""A cohort: a table of labels and its radiographs as one memory-mapped array."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError

FORMAT = 2
SPLITS = ("train", "validation", "test")
COHORT_FILES = ("cohort.json", "labels.csv", "images.npy", "originals.csv")
COLUMNS = ["id", "split", "female", "boneage_months"]


@dataclass(frozen=True)
class Cohort:
    """Labels and radiographs that belong together, row by row.

    Attributes:
        labels: one row a radiograph: ``id`` (int), ``split`` (train, validation or test),
            ``female`` (0 male, 1 female) and ``boneage_months`` (float, months).
        images: uint8 array of shape (n, size, size), grey, 0 dark to 255 bright. Memory-mapped
            read-only when opened from disk, so that a cohort larger than memory costs nothing.
        info: where the cohort came from: ``kind`` (``"synthetic"`` or ``"rsna"``), ``split_origin``
            (``"official"`` or ``"stratified"``), ``checksum`` and whatever its maker recorded.
        originals: ``id``, ``width``, ``height``, ``bits`` and ``mode`` of the files that the
            radiographs were read from, row by row; None for synthetic ones.
    """

    labels: pd.DataFrame
    images: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)
    originals: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Side of the square radiographs, pixels."""
        return int(self.images.shape[1])

    @property
    def synthetic(self) -> bool:
        """True when no radiograph of the cohort shows a real hand."""
        return self.info.get("kind") == "synthetic"

    @property
    def checksum(self) -> str:
        """SHA-256 over labels and pixels, as recorded when the cohort was made."""
        return str(self.info["checksum"])

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one split, ascending, int64."""
        if split not in SPLITS:
            raise InputError(f"Found split={split!r}; expected one of {', '.join(SPLITS)}.")
        return np.flatnonzero(self.labels["split"].to_numpy() == split)

    @classmethod
    def open(cls, folder: str | Path, verify: bool = False) -> Cohort:
        """Open a cohort folder; with ``verify`` also recompute the checksum (reads every pixel).

        Raises:
            InputError: no cohort in ``folder``, another format, or a checksum that does not match.
        """
        folder = Path(folder)
        if not (folder / "cohort.json").is_file():
            raise InputError(
                f"Found no cohort in {folder} (no cohort.json). Make one with "
                f"`boneage phantom --out {folder}` or `boneage prepare SOURCE --out {folder}`."
            )
        try:
            info = json.loads((folder / "cohort.json").read_text())
        except ValueError as error:
            raise InputError(f"{folder} is damaged: {error}. Prepare it again.") from error
        if not isinstance(info, dict) or info.get("format") != FORMAT:
            raise InputError(
                f"{folder} holds a cohort of another format; this version reads format "
                f"{FORMAT}. Prepare it again."
            )
        try:
            # Ages come back bit by bit, or the checksum would not match.
            labels = pd.read_csv(folder / "labels.csv", float_precision="round_trip")
            images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
            path = folder / "originals.csv"
            originals = pd.read_csv(path) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} is damaged: {error}. Prepare it again.") from error
        if images.dtype != np.uint8 or images.ndim != 3 or len(images) != len(labels):
            raise InputError(
                f"{folder} is damaged: {len(labels)} labels but images {images.dtype} "
                f"{images.shape}. Prepare it again."
            )
        if verify and (found := checksum(labels, images)) != info["checksum"]:
            raise InputError(
                f"{folder} is damaged: checksum {found[:12]}…, recorded {info['checksum'][:12]}…. "
                "Prepare it again."
            )
        return cls(labels, images, info, originals)


def checksum(labels: pd.DataFrame, images: np.ndarray) -> str:
    """What a cohort is known by, hexadecimal; see `checksum_of`.

    Args:
        labels: its label table, n rows.
        images: (n, size, size) uint8.
    """
    if isinstance(images, np.memmap) and (path := Path(str(images.filename))).is_file():
        start: int = images.offset
        if path.stat().st_size == start + images.nbytes:  # the whole file's array
            # Pages of a map that were looked at count as memory of this process; a file's do not.
            with path.open("rb") as file:
                file.seek(start)
                n_bytes = images.shape[1] * images.shape[2]
                return checksum_of(
                    labels, (pixel_digest(file.read(n_bytes)) for _ in range(len(images)))
                )
    return checksum_of(labels, (pixel_digest(np.ascontiguousarray(row).data) for row in images))


def checksum_of(labels: pd.DataFrame, digests: Iterable[bytes]) -> str:
    """SHA-256 over the label table (as CSV) and the digest of each radiograph in row order."""
    total = hashlib.sha256(labels[COLUMNS].to_csv(index=False).encode())
    for digest in digests:
        total.update(digest)
    return total.hexdigest()


def pixel_digest(pixels: bytes | memoryview) -> bytes:
    """SHA-256 of one radiograph's pixels."""
    return hashlib.sha256(pixels).digest()


def check_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """The label table in canonical columns and types.

    Raises:
        InputError: a missing column, an id twice, an unknown split, a ``female`` other than 0 or 1,
            or an age that is missing or outside 0 to 240 months.
    """
    missing = [name for name in COLUMNS if name not in labels]
    if missing:
        raise InputError(f"The label table lacks {', '.join(missing)}; found {list(labels)}.")
    labels = labels[COLUMNS].reset_index(drop=True)
    try:
        labels = labels.astype({"id": "int64", "boneage_months": "float64"})
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Ids must be whole numbers and bone ages numbers of months: {error}."
        ) from error
    repeated = labels.loc[labels["id"].duplicated(), "id"].tolist()
    if repeated:
        raise InputError(f"{len(repeated)} ids appear more than once, the first: {repeated[:5]}.")
    if (labels["id"] < 0).any():
        raise InputError(f"Found the id {labels['id'].min()}; expected ids from 0.")
    if unknown := sorted(set(labels["split"]) - set(SPLITS)):
        raise InputError(f"Found splits {unknown}; expected {', '.join(SPLITS)}.")
    if not labels["female"].isin([0, 1]).all():
        raise InputError("Column female must hold 0 (male) or 1 (female) in every row.")
    labels["female"] = labels["female"].astype("int64")
    outside = labels[~labels["boneage_months"].between(0, 240)]
    if len(outside):
        raise InputError(
            f"{len(outside)} bone ages are missing or outside 0 to 240 months, the first: id "
            f"{outside['id'].iloc[0]} with {outside['boneage_months'].iloc[0]} months."
        )
    return labels
