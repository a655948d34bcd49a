"""Writing a cohort so that a command which is killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import COHORT_FILES, FORMAT, Cohort, check_labels
from boneage_lib.data.journal import CohortWriter, array_header
from boneage_lib.data.whole_files import FORBIDDEN, FULL
from boneage_lib.errors import InputError


def write_cohort(
    folder: str | Path,
    labels: pd.DataFrame,
    size: int,
    info: dict[str, Any],
    made_from: Mapping[str, Any],
    fill: Callable[[CohortWriter], Sequence[int]],
    replace: bool = False,
) -> Cohort:
    """Write a cohort, whole or not at all.

    It appears under its name only when every radiograph is there. Until then its parts are kept in
    a hidden neighbor; the same call later goes on with them, whatever ended this one. A cohort that
    is there already, made from the same data by the same code, is left as it is.

    Args:
        folder: where the cohort will be.
        labels: its label table, n rows.
        size: side of the square radiographs, pixels.
        info: what to record; read after ``fill``, which may add to it.
        made_from: what else decides about the pixels, as plain data.
        fill: called with a writer unless nothing is missing; writes the radiographs of its
            ``missing`` rows and returns the row numbers to leave out after all.
        replace: put the new cohort in the place of one that was made from other data.

    Returns:
        The cohort, opened.

    Raises:
        InputError: bad labels, ``folder`` holds other files or a cohort made from other data,
            another command writes to it, no permission, or the disk has too little room.
    """
    folder = Path(folder).resolve()  # "." has no neighbors, and a link cannot be replaced
    labels = check_labels(labels)
    source = _digest({"labels": labels.to_csv(index=False), "size": size, **made_from})
    plan = _digest([source, code_digest()])
    check_target(folder)
    if (earlier := _earlier(folder, source, plan, replace)) is not None:
        return earlier
    partial = folder.with_name(f".{folder.name}.{plan[:12]}.partial")
    ready = partial / "cohort"
    with _explained(folder, partial):
        if not (ready / "images.npy").is_file():
            partial.mkdir(parents=True, exist_ok=True)
            try:
                _check_room(folder, partial, len(labels) * size * size)
                writer = CohortWriter(partial, len(labels), size)
                try:
                    left_out = fill(writer)
                    record = {"source": source, "plan": plan, **info}
                    _assemble(writer, labels, left_out, record)
                finally:
                    writer.close()
            except BaseException:
                # Of a command that got nowhere, nothing is worth keeping.
                journal = partial / "journal.txt"
                if not journal.is_file() or journal.stat().st_size == 0:
                    shutil.rmtree(partial, ignore_errors=True)
                raise
        _put(ready, folder)
        for leftover in folder.parent.glob(f".{folder.name}.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
    return Cohort.open(folder)


def code_digest() -> str:
    """SHA-256 of the code that makes pixels: another version's leftovers are not gone on with."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def check_target(folder: Path) -> None:
    """Refuse to write a cohort over anything that is not a cohort or an empty folder."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a new folder. Choose another --out.")
    # A cohort may be there without its cohort.json, taken away so that it is made again.
    if others := sorted(file.name for file in folder.iterdir() if file.name not in COHORT_FILES):
        raise InputError(
            f"{folder} holds other files ({', '.join(others[:5])}); expected a new or empty "
            "folder, or an earlier cohort. Choose another --out."
        )


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _earlier(folder: Path, source: str, plan: str, replace: bool) -> Cohort | None:
    """The cohort in ``folder`` if it is the one to be made; refuses to replace another."""
    if not (folder / "cohort.json").is_file():
        return None
    try:
        info = json.loads((folder / "cohort.json").read_text())
        info = info if isinstance(info, dict) else {}
    except (OSError, ValueError):
        info = {}
    if info.get("plan") == plan and not info.get("skipped", {}).get("unreadable_images"):
        try:
            return Cohort.open(folder, verify=True)
        except InputError:
            return None  # damaged since: made again
    if info.get("source") != source and not replace:
        kind = "synthetic " if info.get("kind") == "synthetic" else ""
        raise InputError(
            f"{folder} holds a cohort made from other data or with other settings "
            f"({info.get('n', 'some')} {kind}radiographs of {info.get('size', 'unknown')} pixels); "
            "expected a new folder. Choose another --out, or give --replace to put the new cohort "
            "in its place."
        )
    return None


def _check_room(folder: Path, partial: Path, needed: int) -> None:
    images = partial / "images.npy"
    if images.is_file():
        needed -= images.stat().st_blocks * 512
    free = shutil.disk_usage(partial).free
    if needed > free:
        raise InputError(
            f"{folder} needs {needed / 1e9:.1f} GB and its disk has {free / 1e9:.1f} GB free. Make "
            "room, choose another --out or a smaller --size."
        )


def _assemble(
    writer: CohortWriter, labels: pd.DataFrame, left_out: Sequence[int], record: dict[str, Any]
) -> None:
    """Make the finished cohort beside the parts; its images.npy comes last and says that all is."""
    ready = writer.folder / "cohort"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir()
    images = writer.folder / "images.npy"
    kept = np.setdiff1d(np.arange(writer.n), left_out)
    labels = labels.iloc[kept]
    if len(kept) < writer.n:
        images = _rows_of(images, kept)
    if (originals := writer.originals(labels)) is not None:
        originals.to_csv(ready / "originals.csv", index=False)
    labels.to_csv(ready / "labels.csv", index=False)
    full = {
        "format": FORMAT,
        "n": len(labels),
        "size": writer.size,
        **record,
        "checksum": writer.checksum(labels),
    }
    (ready / "cohort.json").write_text(json.dumps(full, indent=1) + "\n")
    with images.open("rb") as file:
        os.fsync(file.fileno())
    images.replace(ready / "images.npy")


def _rows_of(path: Path, kept: np.ndarray) -> Path:
    """Write some rows of an array to a file of their own, never holding more than a few of them."""
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    smaller = path.with_name("kept.npy")
    with smaller.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, array_header(len(kept), images.shape[1]))
        for start in range(0, len(kept), 64):
            file.write(np.ascontiguousarray(images[kept[start : start + 64]]).data)
    return smaller


def _put(ready: Path, folder: Path) -> None:
    """Move the finished cohort to its place; an earlier one goes only once it is there."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    ready.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _explained(folder: Path, partial: Path) -> Iterator[None]:
    """Say in words what a disk or its permissions refuse."""
    try:
        yield
    except OSError as error:
        kept = (
            " What is done is kept; the same command goes on from there."
            if partial.exists()
            else ""
        )
        if error.errno in FULL:
            raise InputError(
                f"The disk of {folder} is full ({error.strerror}). Make room, or choose another "
                f"--out.{kept}"
            ) from error
        if error.errno in FORBIDDEN:
            raise InputError(
                f"{folder} cannot be written: {error.strerror}. Choose another --out, or get the "
                f"permission to write there.{kept}"
            ) from error
        raise
