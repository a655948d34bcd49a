"""Arrays kept as shards: each written whole with its checksum, all read as one."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from boneage_lib.data.pages import LIMIT
from boneage_lib.data.whole_files import written_whole

Pair = tuple[int, int]


#: Files of a bank that are open at once: a full bank has some hundred, and a process may have 256.
OPEN_AT_ONCE = 64


@dataclass(frozen=True)
class ArrayFile:
    """An array in a file.

    Attributes:
        path: of the file.
        offset: where its numbers begin, bytes.
        shape: of the array.
        dtype: of its numbers.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def open(self) -> np.ndarray:
        """The array, memory-mapped to be read; the file stays open as long as anyone has it."""
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.asarray(mapped)  # plain arrays are looked at faster


class Shards:
    """Arrays one after another along their first axis, gathered without being joined.

    Files are opened when they are looked at, `OPEN_AT_ONCE` at most, and closed when much was:
    their pages, which count as this process' memory, are then given back (see
    `boneage_lib.data.pages`).

    Args:
        parts: arrays (n_k, *shape) of one shape and type, usually in files; one or more.
    """

    def __init__(self, parts: Sequence[np.ndarray | ArrayFile]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        self.shape = (int(self.starts[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype
        self._open: dict[int, np.ndarray] = {}
        self._seen = 0  # bytes since all were closed

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, in memory."""
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, places: np.ndarray | slice | int) -> np.ndarray:
        """Rows at ``places``, in that order: (len(places), *shape), in memory; or one row."""
        if not isinstance(places, np.ndarray):
            places = np.arange(len(self))[places]
            if places.ndim == 0:
                return self[places[None]][0]
        which = np.searchsorted(self.starts, places, side="right") - 1
        gathered = np.empty((len(places), *self.shape[1:]), self.dtype)
        # A batch has few rows: a plain loop is faster than sorting them by shard.
        for k, (part, place) in enumerate(zip(which.tolist(), places.tolist(), strict=True)):
            gathered[k] = self._opened(part)[place - int(self.starts[part])]
        self._seen += gathered.nbytes
        if self._seen >= LIMIT:
            self._open, self._seen = {}, 0
        return gathered

    def _opened(self, number: int) -> np.ndarray:
        part = self.parts[number]
        if isinstance(part, np.ndarray):
            return part
        array = self._open.get(number)
        if array is None:
            if len(self._open) >= OPEN_AT_ONCE:
                self._open.pop(next(iter(self._open)))
            array = self._open[number] = part.open()
        return array


def write_shard(folder: Path, pairs: Sequence[Pair], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a shard whole or not at all; its ``.json`` comes last and says that it is there.

    Args:
        folder: of all shards.
        pairs: what its rows are: (row of the cohort, number of the view).
        arrays: by name, each (len(pairs), …).
    """
    name = hashlib.sha256(np.array(pairs, dtype=np.int64).tobytes()).hexdigest()[:16]
    digests = {}
    for kind, array in arrays.items():
        with (
            written_whole(folder / f"{name}.{kind}.npy") as partial,
            partial.open("wb") as file,
        ):
            np.save(file, _as_bits(array), allow_pickle=False)
        digests[kind] = _digest(array)
    record = {"pairs": [list(pair) for pair in pairs], "sha256": digests}
    with written_whole(folder / f"{name}.json") as partial:
        partial.write_text(json.dumps(record))


def read_shards(
    folder: Path, kinds: Sequence[str]
) -> tuple[dict[Pair, int], dict[str, list[ArrayFile]]]:
    """All whole and undamaged shards of a folder, in the order of their first pairs.

    A damaged one is told and forgotten: its rows count as missing and are made again.

    Args:
        folder: of all shards.
        kinds: names of the arrays that each must have.

    Returns:
        The place of every pair along the first axis, and the arrays by name.

    Raises:
        OSError: a file that is there cannot be read.
    """
    shards = []
    for record_file in sorted(folder.glob("*.json")):
        if record_file.name == "bank.json":
            continue
        if found := _read(record_file, kinds):
            shards.append(found)
        else:
            print(
                f"Features in {folder.name}/{record_file.stem} are damaged or missing: they are "
                "computed again."
            )
            record_file.unlink(missing_ok=True)
    shards.sort(key=lambda shard: shard[0])
    index: dict[Pair, int] = {}
    start = 0
    for pairs, _ in shards:
        for place, pair in enumerate(pairs, start):
            index.setdefault(pair, place)
        start += len(pairs)
    arrays = {kind: [parts[kind] for _, parts in shards] for kind in kinds}
    return index, arrays


def pairs_there(folder: Path) -> set[Pair]:
    """Pairs that a folder's shards say they hold; no array is looked at."""
    found: set[Pair] = set()
    for record_file in folder.glob("*.json"):
        if record_file.name != "bank.json":
            with suppress(ValueError, KeyError, TypeError):  # cut off: its rows count as missing
                found.update(_pairs(json.loads(record_file.read_text())))
    return found


def _pairs(record: dict[str, Any]) -> list[Pair]:
    return [(int(row), int(view)) for row, view in record["pairs"]]


def _read(
    record_file: Path, kinds: Sequence[str]
) -> tuple[list[Pair], dict[str, ArrayFile]] | None:
    try:
        record: dict[str, Any] = json.loads(record_file.read_text())
        pairs = _pairs(record)
        parts = {}
        for kind in kinds:
            path = record_file.with_suffix(f".{kind}.npy")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if len(array) != len(pairs) or _digest_of_file(path, array) != record["sha256"][kind]:
                return None
            dtype = np.dtype(ml_dtypes.bfloat16) if array.dtype == np.uint16 else array.dtype
            parts[kind] = ArrayFile(path, array.offset, array.shape, dtype)
    except (FileNotFoundError, EOFError, ValueError, KeyError, TypeError):
        return None  # missing, cut off or of another make; a lack of anything else is raised
    return pairs, parts


def _as_bits(array: np.ndarray) -> np.ndarray:
    """The array, or the bits of one in bfloat16, which NumPy's files cannot name."""
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(_as_bits(array)).data).hexdigest()


def _digest_of_file(path: Path, array: np.ndarray) -> str:
    """The same from the file, whose pages then do not count as this process' memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(path.stat().st_size - math.prod(array.shape) * array.dtype.itemsize)
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
