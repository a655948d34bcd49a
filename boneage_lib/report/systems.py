"""What answers to new radiographs: the trained networks of a run, and what pictures they know."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError
from boneage_lib.evaluation import AS_PRINTED
from boneage_lib.evaluation.answers import stream
from boneage_lib.evaluation.conformal import conformal_half_width
from boneage_lib.evaluation.familiarity import Familiarity
from boneage_lib.paper.published import TITLES
from boneage_lib.report.asked import CHUNK
from boneage_lib.report.run import NOTEBOOK_OF, Run, sha256_of

if TYPE_CHECKING:  # Keras takes seconds to load, and bad input is told before.
    from boneage_lib.training import Reader

ENSEMBLE = "ensemble"
#: Training radiographs whose features say what is known, at most.
KNOWN = 1_000

Progress = Callable[[int, int], None]


def members_of(system: str) -> dict[str, float]:
    """Weights, of sum 1, by network: one network, or the average by the printed weights.

    Raises:
        InputError: an unknown name.
    """
    if system == ENSEMBLE:
        total = sum(AS_PRINTED.values())
        return {name: weight / total for name, weight in AS_PRINTED.items()}
    if system not in TITLES:
        raise InputError(
            f"Found network {system!r}; expected one of {', '.join([*TITLES, ENSEMBLE])}."
        )
    return {system: 1.0}


@dataclass(frozen=True)
class System:
    """What answers: one network, or a weighted average of several.

    Attributes:
        weights: of sum 1, by network.
        readers: the networks.
        judge: which of them tells strange pictures apart.
        familiar: what pictures that one knows.
        half_width: of an answer's interval, months; None where the run has too few validation
            radiographs.
        size: side at which radiographs are read, pixels.
        coverage: of the interval.
    """

    weights: Mapping[str, float]
    readers: Mapping[str, Reader]
    judge: str
    familiar: Familiarity
    half_width: float | None
    size: int
    coverage: float


def open_system(
    run: Run, system: str, coverage: float = 0.9, progress: Progress | None = None
) -> System:
    """Open a run's trained networks; the first time, look through its radiographs.

    Args:
        run: whose notebooks 03 to 06, for an ensemble 08 too, were executed.
        system: a network's key, or ``ensemble``.
        coverage: of the intervals, above 0 and below 1.
        progress: called with (done, in all) while the run's radiographs are looked through.

    Raises:
        InputError: an unknown system, or one that the run does not hold.
    """
    weights = members_of(system)
    errors = validation_errors(run, system)
    half = conformal_half_width(errors, coverage)
    first = next(iter(weights))
    size = run.read_json(f"{first}.json", NOTEBOOK_OF[first])["data"]["image_size"]
    for name in weights:
        run.model_file(name)  # a damaged one is told before Keras is loaded
    from boneage_lib.report.saved import open_reader

    readers = {name: open_reader(run, name) for name in weights}
    # One that sees whole pictures sees more of what is odd about them than one that sees patches.
    judge = next((name for name in weights if not readers[name].spec.patches), first)
    familiar = familiarity(run, readers[judge], progress)
    return System(weights, readers, judge, familiar, half, size, coverage)


def validation_errors(run: Run, system: str) -> np.ndarray:
    """Signed errors of a run's network or ensemble on its validation radiographs, months."""
    notebook = NOTEBOOK_OF.get(system, "08_ensemble_analysis")
    table = run.read_table(f"predictions/{system}.csv", notebook).query("split == 'validation'")
    return (table["predicted_months"] - table["boneage_months"]).to_numpy(dtype=float)


def familiarity(run: Run, reader: Reader, progress: Progress | None = None) -> Familiarity:
    """What pictures a network knows; kept beside it, since it takes a pass over radiographs.

    Args:
        run: with its cohort, where nothing was kept yet.
        reader: the network.
        progress: called with (done, in all).

    Raises:
        InputError: the cohort is needed and not there.
    """
    name = reader.spec.name
    file = run.models / f"{name}.known.npz"
    model = sha256_of(run.models / f"{name}.keras")
    kept = _kept(file, model)
    if kept is not None:
        return kept
    cohort = run.cohort()
    train, held_out = (_spread(cohort, split) for split in ("train", "validation"))
    rows = np.concatenate([train, held_out])
    features = []
    for start in range(0, len(rows), CHUNK):
        own = rows[start : start + CHUNK]
        images = np.stack([cohort.images[row] for row in own])
        features.append(ask(reader, images, cohort.labels["id"].to_numpy()[own])[2])
        if progress is not None:
            progress(min(start + CHUNK, len(rows)), len(rows))
    pooled = np.concatenate(features)
    found = Familiarity.fit(pooled[: len(train)], pooled[len(train) :])
    with written_whole(file) as partial, partial.open("wb") as opened:
        np.savez(opened, model=np.array(model), **vars(found))
    return found


def _kept(file: Path, model: str) -> Familiarity | None:
    """What was kept for this very model; None where nothing was."""
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if str(arrays["model"]) != model:
                return None
            return Familiarity(
                arrays["mean"],
                arrays["axes"],
                arrays["variances"],
                float(arrays["off_plane"]),
                arrays["distances"],
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None  # made again


def _spread(cohort: Cohort, split: str) -> np.ndarray:
    """Rows of a split, evenly spread where there are more than are needed."""
    rows = cohort.rows(split)
    if len(rows) <= KNOWN:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, KNOWN).round().astype(int)])


def ask(
    reader: Reader, images: np.ndarray, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A network's answers to radiographs as of a girl and as of a boy, in one pass of its base.

    Args:
        reader: the network.
        images: uint8 (n, size, size).
        keys: (n,) whole numbers, which decide where patches lie.

    Returns:
        Z-scores as of girls and as of boys, float64 (n,), and pooled features, float32
        (n, channels); of a radiograph's patches the means.
    """
    looks = reader.recipe.looks()
    seen = (
        look
        for image, key in zip(images, keys, strict=True)
        for look in reader.looks_at(image[None], np.array([key]))[0]
    )
    girls, boys, pooled = [], [], []
    for found in stream(reader, seen, maps=not reader.spec.pooled):
        features, ones = found[-1][:, None], np.ones(len(found[-1]))
        girls.append(reader.answers_z(features, ones)[:, 0])
        boys.append(reader.answers_z(features, 1 - ones)[:, 0])
        pooled.append(found[0])
    z = [np.concatenate(part).reshape(len(images), looks).mean(axis=1) for part in (girls, boys)]
    means = np.concatenate(pooled).reshape(len(images), looks, -1).mean(axis=1)
    return np.asarray(z[0], dtype=float), np.asarray(z[1], dtype=float), means
