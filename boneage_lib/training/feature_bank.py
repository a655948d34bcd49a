"""Features of every view, computed once and kept on disk.

A frozen base on stored batch-norm statistics gives the same features for the same view whatever
head is trained on them (section V). So each view goes through the base once; heads, seeds and
schedules are then trained on the bank at almost no cost.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import Recipe, view_batches
from boneage_lib.training.extraction import Extractor

#: Images a forward pass: large enough to keep two cores busy, small enough for 4 GiB at 500 px.
PIXELS_A_BATCH = 8 * 500 * 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Bank:
    """Features of numbered views.

    Attributes:
        pooled: float32 (n, looks, channels), memory-mapped.
        maps: (n, looks, height, width, channels), memory-mapped, or None when not kept.
        index: from (row, view) to its place along the first axis.
        folder: where it lies.
    """

    pooled: np.ndarray
    maps: np.ndarray | None
    index: dict[tuple[int, int], int]
    folder: Path

    def places(self, rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Places of views, int64 of the shape of ``rows``."""
        pairs = zip(np.ravel(rows).tolist(), np.ravel(views).tolist(), strict=True)
        return np.array([self.index[pair] for pair in pairs], dtype=np.int64).reshape(
            np.shape(rows)
        )


def fill_bank(
    folder: Path,
    cohort: Cohort,
    rows: np.ndarray,
    views: np.ndarray,
    recipe: Recipe,
    extractor: Extractor,
    seed: int = 0,
    maps: bool = False,
    map_dtype: str = "float16",
    progress: Progress | None = None,
) -> Bank:
    """Open the bank of these views, computing what is not there yet.

    A bank's folder is named after a digest of everything its features depend on (cohort, base and
    weights, recipe, views), so that a bank is never used for anything else. An interrupted bank
    goes on from where its state was last written, every sixteen batches.

    Args:
        folder: parent folder of all banks.
        cohort: where the radiographs are.
        rows: (n,) row of each view's radiograph.
        views: (n,) number of each view.
        recipe: augmentation and patches.
        extractor: the frozen base.
        seed: seed of the views.
        maps: keep feature maps too.
        map_dtype: ``"float16"`` or ``"float32"``.
        progress: called with (views done, views in all).

    Raises:
        InputError: not enough room on the disk; says how much it takes.
    """
    pairs = sorted(set(zip(np.ravel(rows).tolist(), np.ravel(views).tolist(), strict=True)))
    index = {pair: place for place, pair in enumerate(pairs)}
    record = {
        **extractor.spec,
        "cohort": cohort.checksum,
        "recipe": recipe.as_dict(),
        "seed": seed,
        "views": hashlib.sha256(np.array(pairs, dtype=np.int64).tobytes()).hexdigest(),
        "maps": map_dtype if maps else None,
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    bank = folder / f"{extractor.spec['backbone']}-{digest[:16]}"
    n, looks, channels = len(pairs), recipe.looks(), extractor.map_shape[-1]
    wanted: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]
    wanted = {"pooled": ((n, looks, channels), np.dtype("float32"))}
    if maps:
        wanted["maps"] = ((n, looks, *extractor.map_shape), np.dtype(map_dtype))
    state = bank / "bank.json"
    if not state.is_file():
        _check_room(folder, wanted)
        bank.mkdir(parents=True, exist_ok=True)
        for name, (shape, dtype) in wanted.items():
            np.lib.format.open_memmap(bank / f"{name}.npy", "w+", dtype, shape).flush()
        _write_state(state, record, 0)
    done = int(json.loads(state.read_text())["done"])
    if done < n:
        arrays = {name: np.load(bank / f"{name}.npy", mmap_mode="r+") for name in wanted}
        batch_size = max(1, round(PIXELS_A_BATCH / recipe.side(cohort.size) ** 2 / looks))
        rest = np.array(pairs[done:], dtype=np.int64)
        batches = view_batches(cohort, rest[:, 0], rest[:, 1], recipe, seed, batch_size)
        for batch in batches:
            pooled, kept = _features(extractor, batch, batch_size, maps)
            arrays["pooled"][done : done + len(batch)] = pooled
            if kept is not None:
                arrays["maps"][done : done + len(batch)] = kept
            done += len(batch)
            if done == n or (done // batch_size) % 16 == 0:
                for array in arrays.values():
                    array.flush()
                _write_state(state, record, done)
            if progress:
                progress(done, n)
    opened = {name: np.load(bank / f"{name}.npy", mmap_mode="r") for name in wanted}
    return Bank(opened["pooled"], opened.get("maps"), index, bank)


def _features(
    extractor: Extractor, batch: np.ndarray, batch_size: int, maps: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Features of a batch (radiographs, looks, side, side), padded to the one compiled shape."""
    looks = batch.shape[1]
    grey = batch.reshape(-1, *batch.shape[2:])
    missing = batch_size * looks - len(grey)
    padded = np.concatenate([grey, np.repeat(grey[-1:], missing, axis=0)]) if missing else grey
    pooled, kept = extractor(padded, maps)
    shape = (len(batch), looks)
    return (
        pooled[: len(grey)].reshape(*shape, -1),
        None if kept is None else kept[: len(grey)].reshape(*shape, *kept.shape[1:]),
    )


def _check_room(folder: Path, wanted: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
    needed = sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in wanted.values())
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > 0.95 * free:
        raise InputError(
            f"The feature bank needs {needed / 2**30:.1f} GiB and {folder} has "
            f"{free / 2**30:.1f} GiB free. Free some, or lower views, draws_per_cell or the "
            "number of patches."
        )


def _write_state(state: Path, record: dict[str, Any], done: int) -> None:
    partial = state.with_suffix(".partial")
    partial.write_text(json.dumps({**record, "done": done}, indent=1))
    partial.replace(state)
