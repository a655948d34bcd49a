"""Features of every view, computed once and kept on disk.

A frozen base on stored batch-norm statistics gives the same features for the same view whatever
head is trained on them (section V). So each view goes through the base once; heads, seeds and
schedules are then trained on the bank at almost no cost.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import ml_dtypes
import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.data.threads import n_cores
from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError
from boneage_lib.inputs import Recipe, view_batches
from boneage_lib.training.digests import FEATURE_CODE, digest_of_code
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.shards import ArrayFile, Pair, Shards, read_shards, write_shard

#: Images a forward pass: large enough to keep two cores busy, small enough for 4 GiB at 500 px.
PIXELS_A_BATCH = 8 * 500 * 500
#: The same on a GPU, and batches under way at a time: moved there, computed, moved back.
PIXELS_A_GPU_BATCH = 64 * 500 * 500
UNDER_WAY = 3
#: Batches a shard: what a killed run has to do again at most.
BATCHES_A_SHARD = 16
#: Bytes a shard takes at most, while one is written and the next computed, and bytes under way.
SHARD_BYTES = 2**28

Progress = Callable[[int, int], None]
Shapes = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


@dataclass(frozen=True)
class Bank:
    """Features of numbered views.

    Attributes:
        pooled: float32 (n, looks, channels), memory-mapped.
        maps: (n, looks, height, width, channels), memory-mapped, or None when not kept.
        index: from (row, view) to its place along the first axis.
        folder: where it lies.
    """

    pooled: Shards
    maps: Shards | None
    index: dict[Pair, int]
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
    part: tuple[int, int] = (0, 1),
    to_read: str | None = None,
) -> Bank:
    """Open the bank of these views, computing what is not there yet, shard by shard.

    A bank is never used for anything but what it was made for, see `describe_bank`. It grows with
    what is asked of it: heads of other seeds find what is there and add what they need. An
    interrupted bank goes on from its last shard.

    Args:
        folder: parent folder of all banks.
        cohort: where the radiographs are.
        rows: (n,) row of each view's radiograph.
        views: (n,) number of each view.
        recipe: augmentation and patches.
        extractor: the frozen base.
        seed: seed of the views.
        maps: keep feature maps too.
        map_dtype: ``"bfloat16"``, ``"float16"`` or ``"float32"``.
        progress: called with (views done, views in all).
        part: (k, of) makes only every ``of``-th shard from the ``k``-th on, as one of several jobs
            that fill a bank together.
        to_read: ``"pooled"`` when a bank that is whole is opened for its pooled features alone:
            its gigabytes of maps are then not compared with their checksums.

    Returns:
        The bank: with all the views, or with what is there so far when only a part was made.

    Raises:
        InputError: not enough room on the disk; says how much it takes. A bank in the folder that
            was made from something else; says what differs.
    """
    pairs = sorted(set(zip(np.ravel(rows).tolist(), np.ravel(views).tolist(), strict=True)))
    kept_maps = map_dtype if maps else None
    bank, record = describe_bank(folder, cohort, recipe, extractor, seed, kept_maps)
    kinds = ("pooled", "maps") if maps else ("pooled",)
    _check_record(bank, record)
    if to_read is not None:
        index, arrays = read_shards(bank, [to_read])
        if all(pair in index for pair in pairs):
            return _opened(arrays, index, bank)
    index, arrays = read_shards(bank, kinds)
    missing = [pair for pair in pairs if pair not in index]
    if missing:
        looks = recipe.looks()
        shapes = _shapes(looks, extractor.map_shape, kept_maps)
        bytes_a_view = room_needed(looks, extractor.map_shape, kept_maps)
        check_room(folder, len(missing) * bytes_a_view)
        _write_record(bank, record)
        batch_size, images = batch_shape(extractor.on_gpu, recipe.side(cohort.size), looks)
        count = batch_size * batches_a_shard(batch_size * bytes_a_view)
        # Cut from all that is asked for, so that jobs which start at other times cut alike.
        spans = [pairs[at : at + count] for at in range(0, len(pairs), count)]
        shards = [[pair for pair in span if pair not in index] for span in spans]
        done = len(pairs) - len(missing)
        mine = [shard for shard in shards[part[0] :: part[1]] if shard]
        chosen = np.array([pair for shard in mine for pair in shard], np.int64).reshape(-1, 2)
        batches = view_batches(
            cohort, chosen[:, 0], chosen[:, 1], recipe, seed, batch_size, n_cores()
        )

        def features() -> Iterator[tuple[np.ndarray, ...]]:
            nonlocal done
            for batch in features_of(extractor, batches, images, maps):
                done += len(batch[0])
                if progress:
                    progress(done, len(pairs))
                yield from zip(*batch, strict=True)

        rows_of_features = features()
        # A shard is written while the next one is computed.
        with ThreadPoolExecutor(1) as writer:
            writing: Future[None] | None = None
            for shard in mine:
                kept = {
                    name: np.empty((len(shard), *shape), t) for name, (shape, t) in shapes.items()
                }
                for place, row in enumerate(islice(rows_of_features, len(shard))):
                    for name, array in zip(kept, row, strict=True):
                        kept[name][place] = array
                if writing is not None:
                    writing.result()
                writing = writer.submit(write_shard, bank, shard, kept)
            if writing is not None:
                writing.result()
        index, arrays = read_shards(bank, kinds)
        if not index:  # this part has no shard, and no other part has made one yet
            nothing = {name: [np.empty((0, *shape), t)] for name, (shape, t) in shapes.items()}
            return _opened(nothing, index, bank)
    return _opened(arrays, index, bank)


def _opened(
    arrays: Mapping[str, Sequence[np.ndarray | ArrayFile]], index: dict[Pair, int], bank: Path
) -> Bank:
    kept = {name: Shards(parts) for name, parts in arrays.items()}
    return Bank(kept["pooled"], kept.get("maps"), index, bank)


def describe_bank(
    folder: Path,
    cohort: Cohort,
    recipe: Recipe,
    extractor: Extractor,
    seed: int,
    map_dtype: str | None,
) -> tuple[Path, dict[str, Any]]:
    """A bank's own folder, and the record that its name is a digest of.

    The record holds everything that features depend on: cohort, base and weights, recipe, code.

    Args:
        folder: see `fill_bank`, also for the rest.
        cohort: where the radiographs are.
        recipe: augmentation and patches.
        extractor: the frozen base.
        seed: seed of the views.
        map_dtype: type of the kept maps, or None where pooled features alone are kept.
    """
    record = {
        **extractor.spec,
        "cohort": cohort.checksum,
        "recipe": recipe.as_dict(),
        "seed": seed,
        "maps": map_dtype,
        "code": digest_of_code(FEATURE_CODE),
        "opencv": cv2.__version__,
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    return folder / f"{extractor.spec['backbone']}-{digest[:16]}", record


def _check_record(bank: Path, record: dict[str, Any]) -> None:
    """Refuse a folder of this name that says it was made from something else."""
    if not (bank / "bank.json").is_file():
        return
    try:
        found = json.loads((bank / "bank.json").read_text())
    except ValueError:
        return  # cut off; written again
    expected = json.loads(json.dumps(record))
    differing = [key for key in expected if found.get(key) != expected[key]]
    if differing:
        told = "; ".join(f"{k} {found.get(k)!r}, expected {expected[k]!r}" for k in differing)
        raise InputError(
            f"The feature bank {bank} was made with other settings: found {told}. Take it away, or "
            "give another run folder."
        )


def _write_record(bank: Path, record: dict[str, Any]) -> None:
    with written_whole(bank / "bank.json") as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")


def _shapes(looks: int, map_shape: tuple[int, ...], map_dtype: str | None) -> Shapes:
    """Shape and type of what is kept of one radiograph's view."""
    shapes: Shapes = {"pooled": ((looks, map_shape[-1]), np.dtype("float32"))}
    if map_dtype:
        kept = ml_dtypes.bfloat16 if map_dtype == "bfloat16" else map_dtype
        shapes["maps"] = ((looks, *map_shape), np.dtype(kept))
    return shapes


def room_needed(looks: int, map_shape: tuple[int, ...], map_dtype: str | None) -> int:
    """Bytes that one radiograph's view takes in a bank.

    Args:
        looks: images that the base sees of it: 1, or the number of patches.
        map_shape: (height, width, channels) of the base's feature maps.
        map_dtype: type of the kept maps, or None where pooled features alone are kept.
    """
    shapes = _shapes(looks, map_shape, map_dtype).values()
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes)


def check_room(folder: Path, needed: int) -> None:
    """Raise InputError when ``folder``'s disk has no room for ``needed`` more bytes of features."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > 0.95 * free:
        raise InputError(
            f"The feature bank needs {needed / 2**30:.1f} GiB and {folder} has "
            f"{free / 2**30:.1f} GiB free. Free some, or lower views, draws_per_cell or the "
            "number of patches."
        )


def batch_shape(on_gpu: bool, side: int, looks: int) -> tuple[int, int]:
    """Radiographs that are drawn at a time, and images in the one compiled shape."""
    images = (PIXELS_A_GPU_BATCH if on_gpu else PIXELS_A_BATCH) / side**2
    if on_gpu:  # where compiling takes long: one shape for any number of patches
        return max(1, int(images / looks)), max(int(images), looks)
    batch_size = max(1, round(images / looks))
    return batch_size, batch_size * looks


def batches_a_shard(bytes_a_batch: int) -> int:
    """`BATCHES_A_SHARD`, or as many as `SHARD_BYTES` hold; one at least."""
    return max(1, min(BATCHES_A_SHARD, SHARD_BYTES // bytes_a_batch))


def features_of(
    extractor: Extractor, batches: Iterable[np.ndarray], images: int, maps: bool
) -> Iterator[tuple[np.ndarray, ...]]:
    """Features of batches (radiographs, looks, side, side), padded to the one compiled shape.

    On a GPU several are under way while the next are drawn; on a CPU it has no use for that.
    """

    def features(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        grey = batch.reshape(-1, *batch.shape[2:])
        missing = images - len(grey)
        padded = np.concatenate([grey, np.repeat(grey[-1:], missing, axis=0)]) if missing else grey
        found = (array for array in extractor(padded, maps) if array is not None)
        return tuple(
            array[: len(grey)].reshape(*batch.shape[:2], *array.shape[1:]) for array in found
        )

    at_once = UNDER_WAY
    if maps:
        bytes_a_batch = 4 * images * math.prod(extractor.map_shape)
        at_once = max(1, min(UNDER_WAY, SHARD_BYTES // bytes_a_batch))
    under_way: deque[Future[tuple[np.ndarray, ...]]] = deque()
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        for number, batch in enumerate(batches):
            if number == 0 or not extractor.on_gpu:  # the first compiles
                yield features(batch)
                continue
            under_way.append(pool.submit(features, batch))
            if len(under_way) > at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
