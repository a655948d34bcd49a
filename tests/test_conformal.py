"""Intervals that hold what they promise, and errors that are too few to promise it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boneage_lib.errors import InputError
from boneage_lib.evaluation.conformal import conformal_half_width


def test_the_half_width_is_an_error_of_the_right_rank() -> None:
    errors = np.arange(1, 20)  # (19 + 1) × 0.9 = 18
    assert conformal_half_width(errors, 0.9) == 18
    assert conformal_half_width(-errors[::-1], 0.9) == 18, "signs and order do not matter"
    assert conformal_half_width(errors, 0.5) == 10


def test_too_few_errors_promise_nothing() -> None:
    assert conformal_half_width(np.arange(8), 0.9) is None
    assert conformal_half_width(np.arange(9), 0.9) == 8
    assert conformal_half_width(np.zeros(0)) is None


@given(st.integers(20, 200), st.sampled_from([0.5, 0.8, 0.9]), st.integers(0, 2**31))
def test_as_many_of_the_errors_lie_within_as_asked(n: int, coverage: float, seed: int) -> None:
    errors = np.random.default_rng(seed).standard_cauchy(n)  # heavy tails
    half = conformal_half_width(errors, coverage)
    if half is not None:
        assert (np.abs(errors) <= half).mean() >= coverage


def test_new_errors_are_covered_as_promised() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(2_000):
        *known, new = rng.exponential(10, 31)
        half = conformal_half_width(np.array(known), 0.9)
        assert half is not None
        held.append(new <= half)
    assert 0.9 - 0.02 < np.mean(held) < 0.9 + 1 / 31 + 0.02


@pytest.mark.parametrize("coverage", [0, 1, -1, 90])
def test_a_coverage_is_a_share(coverage: float) -> None:
    with pytest.raises(InputError, match="coverage"):
        conformal_half_width(np.arange(9), coverage)


def test_errors_are_numbers() -> None:
    with pytest.raises(InputError, match="finite"):
        conformal_half_width(np.array([1, np.nan]))
