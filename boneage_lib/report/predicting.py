"""Bone ages of new radiographs.

An answer has an interval, from how far the networks were off on the run's validation radiographs,
and none is given for a picture unlike the radiographs that they know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from boneage_lib.data import flags, inspect_images
from boneage_lib.report.asked import Picture, read_ahead
from boneage_lib.report.systems import Progress, System, ask

#: Flags of `boneage_lib.data.flags` that leave nothing to be read.
UNREADABLE = ("nearly empty",)
STRANGE = "unlike the radiographs it was trained on"


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
