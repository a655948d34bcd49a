"""Features like the known ones are usual, others strange."""

from __future__ import annotations

import numpy as np
import pytest

from boneage_lib.errors import InputError
from boneage_lib.evaluation.familiarity import Familiarity


def features(n: int, seed: int) -> np.ndarray:
    """Near a plane of five dimensions among sixty."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(0).normal(size=(5, 60))
    return 3 + rng.normal(size=(n, 5)) @ plane + 0.1 * rng.normal(size=(n, 60))


@pytest.fixture(scope="module")
def known() -> Familiarity:
    return Familiarity.fit(features(300, 1), features(199, 2))


def test_new_ones_of_the_same_kind_are_as_usual_as_any(known: Familiarity) -> None:
    usual = known.usual(features(2_000, 3))
    assert usual.min() > 0 and usual.max() <= 1
    assert abs(usual.mean() - 0.5) < 0.05
    assert (usual <= known.limit).mean() < 0.03


def test_what_lies_off_the_plane_or_far_along_it_is_strange(known: Familiarity) -> None:
    rng = np.random.default_rng(4)
    off = features(50, 5) + rng.normal(size=(50, 60))
    far = 3 + 4 * (features(50, 5) - 3)
    for odd in (off, far, np.zeros((1, 60)), np.full((1, 60), 1e3)):
        assert (known.usual(odd) <= known.limit).mean() > 0.9


def test_the_limit_is_what_so_few_can_show() -> None:
    few = Familiarity.fit(features(300, 1), features(19, 2))
    assert few.limit == 1 / 20
    assert Familiarity.fit(features(300, 1), features(999, 2)).limit == 0.01


def test_alike_features_divide_by_nothing() -> None:
    found = Familiarity.fit(np.ones((4, 7)), np.ones((2, 7)))
    assert np.isfinite(found.usual(np.ones((1, 7)))).all()
    assert found.usual(np.full((1, 7), 2.0))[0] <= found.limit


def test_too_few_or_other_features_are_refused() -> None:
    with pytest.raises(InputError, match="three training"):
        Familiarity.fit(np.ones((2, 7)), np.ones((2, 7)))
    with pytest.raises(InputError, match="same channels"):
        Familiarity.fit(np.ones((4, 7)), np.ones((2, 8)))
