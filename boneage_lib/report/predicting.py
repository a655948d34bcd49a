"""Bone ages of new radiographs, from the trained networks of a run.

An answer has an interval, from how far the networks were off on the run's validation radiographs,
and none is given for a picture unlike the radiographs that they know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from boneage_lib.data import Cohort, flags, inspect_images
from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError, printable
from boneage_lib.evaluation import AS_PRINTED
from boneage_lib.evaluation.answers import stream
from boneage_lib.evaluation.conformal import conformal_half_width
from boneage_lib.evaluation.familiarity import Familiarity
from boneage_lib.paper.published import TITLES
from boneage_lib.report.asked import CHUNK, Picture, read_ahead
from boneage_lib.report.run import NOTEBOOK_OF, Run, sha256_of

if TYPE_CHECKING:  # Keras takes seconds to load, and bad input is told before.
    from boneage_lib.training import Reader

ENSEMBLE = "ensemble"
#: Training radiographs whose features say what is known, at most.
KNOWN = 1_000
DECIMALS = {"months": 1, "years": 1, "low_months": 1, "high_months": 1, "usual": 3}
#: Flags of `boneage_lib.data.flags` that leave nothing to be read.
UNREADABLE = ("nearly empty",)
STRANGE = "unlike the radiographs it was trained on"

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
    except (ValueError, KeyError, OSError, EOFError):
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


def predict(
    system: System,
    asked: Sequence[Picture],
    anyway: bool = False,
    progress: Progress | None = None,
    seen: Callable[[str, np.ndarray, bool], Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer to pictures, in their order.

    Args:
        system: see `open_system`.
        asked: see `pictures`.
        anyway: give an age for strange pictures, too.
        progress: called with (done, in all).
        seen: called with name (its file's, without ending), the radiograph as it was read, and
            whether it was taken for a girl's, of each that gets an age.

    Yields:
        For each: ``file``, ``sex``, ``months``, ``years``, ``low_months`` and ``high_months`` (the
        interval), ``coverage``, ``usual`` (see `Familiarity.usual`), ``flags`` (words) and
        ``error`` (why it cannot be read, or None). ``months`` and what follows from it are None for
        files that cannot be read and for strange pictures; the limits also where the run has too
        few validation radiographs to give any. Of an unknown sex the mean of both answers stands,
        and an interval that holds those of both.
    """
    done = 0
    for chunk, images, reasons in read_ahead(asked, system.size):
        readable = [k for k, reason in enumerate(reasons) if reason is None]
        answered = iter(_answer(system, [chunk[k] for k in readable], images, anyway))
        for picture, reason in zip(chunk, reasons, strict=True):
            done += 1
            if reason is not None:
                yield _record(picture, system, error=reason)
                continue
            image, record = next(answered)
            if seen is not None and record["months"] is not None:
                seen(picture.path.stem, image, picture.sex != "male")
            yield record
        if progress is not None:
            progress(done, len(asked))


def _record(picture: Picture, system: System, **found: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ("months", "years", "low_months", "high_months", "usual", "error")
    )
    return {
        "file": str(picture.path),
        "sex": picture.sex,
        **empty,
        "coverage": system.coverage,
        "flags": [],
        **found,
    }


def _answer(
    system: System, asked: Sequence[Picture], images: np.ndarray, anyway: bool
) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Radiographs and what is said of them."""
    if not asked:
        return []
    keys = np.array([key_of(image) for image in images])
    as_girl, as_boy = (np.zeros(len(images)) for _ in range(2))
    features: np.ndarray | None = None
    for name, weight in system.weights.items():
        reader = system.readers[name]
        *z, pooled = ask(reader, images, keys)
        girl, boy = (np.asarray(reader.normalizer.to_months(own)) for own in z)
        as_girl, as_boy = as_girl + weight * girl, as_boy + weight * boy
        features = pooled if name == system.judge else features
    assert features is not None
    usual = system.familiar.usual(features)
    looks = flags(inspect_images(images).measures)
    answers = []
    for k, picture in enumerate(asked):
        strange = usual[k] <= system.familiar.limit
        words = [str(name) for name in looks.columns if looks[name].iloc[k]]
        record = _record(
            picture,
            system,
            usual=float(usual[k]),
            flags=[STRANGE, *words] if strange else words,
        )
        if anyway or not (strange or set(words) & set(UNREADABLE)):
            record |= _age(picture.sex, float(as_girl[k]), float(as_boy[k]), system.half_width)
        answers.append((images[k], record))
    return answers


def _age(sex: str, as_girl: float, as_boy: float, half: float | None) -> dict[str, Any]:
    """An age and its interval; no age is below zero."""
    of_sex = {"female": [as_girl], "male": [as_boy], "unknown": [as_girl, as_boy]}[sex]
    months = max(0.0, float(np.mean(of_sex)))
    limits = (
        {"low_months": None, "high_months": None}
        if half is None
        else {
            "low_months": max(0.0, min(of_sex) - half),
            "high_months": max(0.0, max(of_sex) + half),
        }
    )
    return {"months": months, "years": months / 12, **limits}


def key_of(image: np.ndarray) -> int:
    """A number that depends on a radiograph's pixels alone, so that its patches always do."""
    return int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:4], "big") >> 1


def answers_as_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Answers as rows of a CSV file: flags in one column, months to one decimal."""
    table = pd.DataFrame(records)
    table["flags"] = ["; ".join(record["flags"]) for record in records]
    for name, decimals in DECIMALS.items():
        table[name] = table[name].astype(float).round(decimals)
    return table


def told(records: Sequence[Mapping[str, Any]]) -> str:
    """Answers as lines for people; names of files cannot steer the terminal."""
    rows = []
    for record in records:
        age, low, high = (record[name] for name in ("months", "low_months", "high_months"))
        remarks = [*record["flags"], *([record["error"]] if record["error"] else [])]
        rows.append(
            {
                "file": printable(Path(record["file"]).name),
                "sex": record["sex"],
                "months": "—" if age is None else f"{age:.1f}",
                "years": "—" if age is None else f"{age / 12:.1f}",
                f"{record['coverage']:.0%} interval": "—"
                if low is None
                else f"{low:.1f} to {high:.1f}",
                "remarks": "; ".join(remarks),
            }
        )
    lines = pd.DataFrame(rows).to_string(index=False, justify="left").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def answers_as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """Answers as JSON, every number whole."""
    return json.dumps(list(records), indent=1, allow_nan=False)
