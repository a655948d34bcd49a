"""How far a network's answers move when its radiographs are turned, dimmed, inverted or covered.

Real radiographs come turned, mirrored, inverted, too dark or too bright, with lead markers and at
any resolution. Here each of these is done to test radiographs on purpose, one at a time, and the
trained network answers again. Nothing is learned from it: a network that does badly under a change
that training never showed it (Table 2) is not thereby a bad one, but its users should know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError
from boneage_lib.evaluation.answers import answers_z
from boneage_lib.evaluation.perturbations import CONDITIONS, Condition
from boneage_lib.evaluation.robustness_summary import UNCHANGED
from boneage_lib.evaluation.subset import LABELS, check_radiographs

if TYPE_CHECKING:  # Keras takes seconds to load, and whoever reads a table needs none of it.
    from boneage_lib.training import Reader


def robustness(
    reader: Reader,
    images: np.ndarray,
    labels: pd.DataFrame,
    conditions: Sequence[Condition] = CONDITIONS,
) -> pd.DataFrame:
    """A network's answers to radiographs as they are and under every condition.

    The base runs once for each look at each changed radiograph, 21 times under `CONDITIONS`; the
    swapped sex takes no further run. A network on patches looks at the same places every time.

    Args:
        reader: a trained network.
        images: uint8 (n, size, size), at the size it was trained on.
        labels: n rows of ``id``, ``female`` and ``boneage_months``.
        conditions: what is tried, each by itself.

    Returns:
        One row a radiograph and condition: ``id``, ``female``, ``boneage_months``, ``condition``
        (`UNCHANGED` for the radiograph as it is), ``strength`` (0 for that) and
        ``predicted_months``. ``female`` is the true sex, also where the other was given.

    Raises:
        InputError: not such images or labels, or a condition twice.
    """
    check_radiographs(images, labels)
    names = [UNCHANGED, *(condition.name for condition in conditions)]
    if len(set(names)) < len(names):
        raise InputError(f"Found the conditions {names}; expected each once.")
    changed = [(own, s) for own in conditions if own.change for s in own.strengths]
    ids, female = (labels[name].to_numpy() for name in ("id", "female"))

    def looks() -> Iterator[np.ndarray]:
        for image, own in zip(images, ids, strict=True):
            pictures = [image, *(c.change(image, s) for c, s in changed if c.change)]
            for picture in pictures:
                yield from reader.looks_at(picture[None], np.array([own]))[0]

    count, passes = reader.recipe.looks(), 1 + len(changed)
    own_z, other_z = answers_z(reader, looks(), np.repeat(female, passes * count))
    months, swapped = (
        reader.normalizer.to_months(z.reshape(len(images), passes, count).mean(axis=2))
        for z in (own_z, other_z)
    )
    columns = [(UNCHANGED, 0.0, months[:, 0])]
    columns += [(c.name, float(s), months[:, k]) for k, (c, s) in enumerate(changed, start=1)]
    columns += [
        (c.name, float(s), swapped[:, 0]) for c in conditions if not c.change for s in c.strengths
    ]
    plain = labels[LABELS].reset_index(drop=True)
    return pd.concat(
        [
            plain.assign(condition=name, strength=strength, predicted_months=answers)
            for name, strength, answers in columns
        ],
        ignore_index=True,
    )
