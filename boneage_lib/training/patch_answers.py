"""Answers of one patch network to many patches of a radiograph, at random places and on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import draw_view, grid_corners
from boneage_lib.training.feature_bank import batch_shape, features_of
from boneage_lib.training.progress import reporter
from boneage_lib.training.reader import Reader


@dataclass(frozen=True)
class PatchAnswers:
    """What a network says of every patch of some test radiographs.

    Attributes:
        boneage_months: (n,) reference.
        random_months: (n, draws, patches) answers to random patches; those of the first draw begin
            with the patches that a training scores.
        grid_months: (n, grid²) answers to the patches of a grid, row by row.
    """

    boneage_months: np.ndarray
    random_months: np.ndarray
    grid_months: np.ndarray


def patch_answers(
    reader: Reader,
    cohort: Cohort,
    draws: int,
    patches: int = 9,
    grid: int = 7,
    at_most: int = 0,
) -> PatchAnswers:
    """Ask a patch network about random patches and about a grid of them, on test radiographs.

    The paper cuts three random patches from a radiograph and does not say how their answers become
    one (section V-D); the challenge's second place cut 7 × 7 that overlap (section II). Each patch
    goes through the base once, whatever its answers are then combined to.

    Args:
        reader: of a patch network.
        cohort: what it was trained on.
        draws: sets of random patches, each at places of its own; 1 or more.
        patches: random patches a set.
        grid: patches along each side of a radiograph; see `boneage_lib.inputs.grid_corners`.
        at_most: test radiographs looked at, evenly spread over their sorted ages; 0: all.

    Raises:
        InputError: a network without patches, no draw, or patches that do not fit.
    """
    if not reader.spec.patches or draws < 1:
        raise InputError(
            f"Found {draws} draws for {reader.spec.backbone}; expected 1 or more, of a network "
            "that looks at patches."
        )
    side = reader.recipe.patch_size
    recipe = replace(reader.recipe, patch_count=patches)
    recipe.check(cohort.size)
    corners = grid_corners(cohort.size, side, grid)
    rows = cohort.rows("test")
    if 0 < at_most < len(rows):
        ages = cohort.labels["boneage_months"].to_numpy()[rows]
        middles = (np.arange(at_most) + 0.5) * len(rows) / at_most
        rows = rows[np.argsort(ages, kind="stable")][middles.astype(int)]
    labels = cohort.labels.iloc[rows]
    each = draws * patches + len(corners)
    female = np.repeat(labels["female"].to_numpy(), each)

    def looks() -> Iterator[np.ndarray]:
        for row, own in zip(rows.tolist(), labels["id"].tolist(), strict=True):
            image = cohort.images[row]
            for draw in range(draws):
                yield draw_view(image, own, draw, recipe, reader.views_seed)
            yield np.stack([image[r : r + side, c : c + side] for r, c in corners.tolist()])

    # One shape for random patches and grids: the base is compiled once.
    _, images = batch_shape(reader.extractor.on_gpu, side, 1)
    tell = reporter(f"patches of {reader.spec.backbone}")
    answers: list[np.ndarray] = []
    done = 0
    batches = (block[:, None] for block in _blocks(looks(), images))
    for pooled, *_ in features_of(reader.extractor, batches, images, maps=False):
        answers.append(reader.answers_z(pooled, female[done : done + len(pooled)])[:, 0])
        done += len(pooled)
        if tell:
            tell(done, len(female))
    months = reader.normalizer.to_months(np.concatenate(answers).astype(float))
    months = months.reshape(len(rows), each)
    return PatchAnswers(
        labels["boneage_months"].to_numpy(float),
        months[:, : draws * patches].reshape(len(rows), draws, patches),
        months[:, draws * patches :],
    )


def _blocks(looks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same images one after another, in arrays of ``size``; the last may hold fewer."""
    kept: list[np.ndarray] = []
    n = 0
    for some in looks:
        kept.append(some)
        n += len(some)
        if n >= size:
            joined = np.concatenate(kept)
            whole = n - n % size
            yield from joined[:whole].reshape(-1, size, *joined.shape[1:])
            kept, n = [joined[whole:]], n - whole
    if n:
        yield np.concatenate(kept)
