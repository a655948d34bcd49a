"""Radiographs and draws to batches of grey bytes; RGB and scaling happen on the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.pages import Pages
from boneage_lib.data.threads import single_threaded_opencv
from boneage_lib.inputs.augmentation import UNAUGMENTED, Augmentation, sample_warp, warp_windows
from boneage_lib.inputs.contrast import equalized
from boneage_lib.inputs.patches import check_patches, random_corners

_WHOLE = np.zeros((1, 2))  # the one corner of a whole radiograph


@dataclass(frozen=True)
class Recipe:
    """How a radiograph becomes what a network looks at.

    Attributes:
        augmentation: ranges of the random warp; `UNAUGMENTED` for evaluation.
        patch_count: patches a radiograph, or 0 for the whole radiograph.
        patch_size: side of a patch, pixels; unused for whole radiographs.
        equalize: bring the contrast to a common measure first, see `equalized`.
    """

    augmentation: Augmentation = UNAUGMENTED
    patch_count: int = 0
    patch_size: int = 0
    equalize: bool = False

    def side(self, image_size: int) -> int:
        """Side of what the network looks at, pixels."""
        return self.patch_size if self.patch_count else image_size

    def looks(self) -> int:
        """Images that the network sees of one radiograph: 1, or the number of patches."""
        return self.patch_count or 1

    def check(self, image_size: int) -> None:
        """Raise InputError when the patches do not fit."""
        if self.patch_count:
            check_patches(self.patch_count, self.patch_size, image_size)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def draw_view(
    image: np.ndarray,
    image_id: int,
    view: int,
    recipe: Recipe,
    seed: int = 0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """One view of one radiograph, the same for the same (seed, id, view) wherever it is drawn.

    Args:
        image: uint8 (size, size).
        image_id: the radiograph's id.
        view: number of the view, from 0.
        recipe: augmentation and patches.
        seed: seed of all views.
        out: where to draw, contiguous and of the shape returned; by default a new array.

    Returns:
        uint8 (looks, side, side): one whole image, or the patches. All patches of a view are cut
        from the same augmented radiograph, each in a single interpolation.
    """
    size, side = len(image), recipe.side(len(image))
    rng = np.random.default_rng([seed, image_id, view])
    warp = sample_warp(recipe.augmentation, size, rng)
    corners = _WHOLE
    if recipe.patch_count:
        corners = random_corners(recipe.patch_count, side, size, rng)
    if recipe.equalize:
        image = equalized(image)
    if out is None:
        out = np.empty((recipe.looks(), side, side), np.uint8)
    warp_windows(image, warp, corners, out)
    return out


def view_batches(
    cohort: Cohort,
    rows: Sequence[int] | np.ndarray,
    views: Sequence[int] | np.ndarray,
    recipe: Recipe,
    seed: int = 0,
    batch_size: int = 8,
    workers: int = 2,
) -> Iterator[np.ndarray]:
    """Views in order, in batches, drawn ahead by threads.

    Args:
        cohort: where the radiographs are.
        rows: (n,) row of each view's radiograph.
        views: (n,) number of each view.
        recipe: see `Recipe`.
        seed: seed of all views.
        batch_size: radiographs a batch; the last may be shorter.
        workers: threads; OpenCV releases the interpreter lock.

    Yields:
        uint8 (radiographs, looks, side, side).
    """
    recipe.check(cohort.size)
    ids = cohort.labels["id"].to_numpy()

    shape = (recipe.looks(), recipe.side(cohort.size), recipe.side(cohort.size))

    def batch(start: int) -> np.ndarray:
        chosen = range(start, min(start + batch_size, len(rows)))
        drawn = np.empty((len(chosen), *shape), np.uint8)
        for k, out in zip(chosen, drawn, strict=True):
            image, image_id = cohort.images[rows[k]], int(ids[rows[k]])
            draw_view(image, image_id, int(views[k]), recipe, seed, out)
        return drawn

    pages = Pages([cohort.images])
    pending: deque[Future[np.ndarray]] = deque()
    with single_threaded_opencv(), ThreadPoolExecutor(max(workers, 1)) as pool:
        try:
            for start in range(0, len(rows), batch_size):
                pending.append(pool.submit(batch, start))
                pages.saw(batch_size * cohort.size**2)
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # who stops early waits for no further batch


def number_uses(draws: np.ndarray, views: int) -> np.ndarray:
    """The view that each draw of a training uses.

    A radiograph's first use takes view 0, its second view 1, and after ``views`` uses they come
    round again, so that few views already vary every epoch.

    Args:
        draws: row numbers in the order of use, over all epochs, any shape.
        views: distinct views of a radiograph, at least 1.

    Returns:
        int64 of the shape of ``draws``, from 0 to ``views`` - 1.
    """
    flat = np.asarray(draws).ravel()
    order = np.argsort(flat, kind="stable")
    _, starts, counts = np.unique(flat[order], return_index=True, return_counts=True)
    uses = np.empty(len(flat), dtype=np.int64)
    uses[order] = np.arange(len(flat)) - np.repeat(starts, counts)
    return (uses % views).reshape(np.shape(draws))
