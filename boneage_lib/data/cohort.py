"""A cohort: a table of labels and its radiographs as one memory-mapped array."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError

FORMAT = 1
SPLITS = ("train", "validation", "test")
FILES = ("cohort.json", "labels.csv", "images.npy")
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
    """

    labels: pd.DataFrame
    images: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)

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
        return cls(labels, images, info)


def checksum(labels: pd.DataFrame, images: np.ndarray) -> str:
    """SHA-256 over the label table (as CSV) and the pixels in row order, hexadecimal."""
    digest = hashlib.sha256(labels[COLUMNS].to_csv(index=False).encode())
    for start in range(0, len(images), 256):
        digest.update(np.ascontiguousarray(images[start : start + 256]).data)
    return digest.hexdigest()


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


@contextmanager
def writing(
    folder: str | Path,
    labels: pd.DataFrame,
    size: int,
    info: dict[str, Any],
    dropped: list[int] | None = None,
) -> Iterator[np.memmap]:
    """Write a cohort: yields the (n, size, size) uint8 array to fill in row order of ``labels``.

    The folder appears under its name only when the block ends without an error; until then it is
    a hidden neighbor, so that an interrupted command leaves nothing half-written behind.

    Args:
        folder: where the cohort will be.
        labels: its label table, n rows.
        size: side of the square radiographs, pixels.
        info: what to record; read when the block ends, so the block may add to it.
        dropped: row numbers to leave out after all, filled by the block: radiographs that turned
            out to be unreadable.

    Raises:
        InputError: bad labels, ``folder`` exists and is not an empty folder or a cohort, or the
            disk has too little room.
    """
    folder = Path(folder).resolve()  # "." has no neighbors, and a link cannot be replaced
    labels = check_labels(labels)
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A memory map that meets a full disk ends the process with a bus error, not an exception.
    needed, free = len(labels) * size * size, shutil.disk_usage(folder.parent).free
    if needed > free:
        raise InputError(
            f"{folder} needs {needed / 1e9:.1f} GB and its disk has {free / 1e9:.1f} GB free. Make "
            "room, choose another --out or a smaller --size."
        )
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        images = np.lib.format.open_memmap(
            partial / "images.npy", mode="w+", dtype=np.uint8, shape=(len(labels), size, size)
        )
        yield images
        if dropped:
            kept = np.setdiff1d(np.arange(len(labels)), dropped)
            labels = labels.iloc[kept].reset_index(drop=True)
            images = _without_other_rows(partial / "images.npy", images, kept)
        images.flush()
        labels.to_csv(partial / "labels.csv", index=False)
        record = {
            "format": FORMAT,
            "n": len(labels),
            "size": size,
            **info,
            "checksum": checksum(labels, images),
        }
        (partial / "cohort.json").write_text(json.dumps(record, indent=1) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _without_other_rows(path: Path, images: np.memmap, kept: np.ndarray) -> np.memmap:
    """Replace the array in ``path`` by its rows ``kept``, never holding more than a few of them."""
    smaller = path.with_name("kept.npy")
    result = np.lib.format.open_memmap(
        smaller, mode="w+", dtype=images.dtype, shape=(len(kept), *images.shape[1:])
    )
    for start in range(0, len(kept), 256):
        result[start : start + 256] = images[kept[start : start + 256]]
    smaller.replace(path)
    return result


def check_target(folder: Path) -> None:
    """Refuse to write a cohort over anything that is not a cohort or an empty folder."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a new folder. Choose another --out.")
    # A cohort may be there without its cohort.json: the pipeline removes that before a new start.
    if others := sorted(file.name for file in folder.iterdir() if file.name not in FILES):
        raise InputError(
            f"{folder} holds other files ({', '.join(others[:5])}); expected a new or empty "
            "folder, or an earlier cohort. Choose another --out."
        )
