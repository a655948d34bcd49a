"""Ablations: arms that differ in one thing, over the same seeds, read by the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.paper import measured_claims
from boneage_lib.training import Settings, draw_epochs, extraction
from boneage_lib.training.ablations import (
    ablations,
    input_form_arms,
    resampling_arms,
    schedule_arms,
)

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SETTINGS = Settings(
    epochs=2, draws_per_cell=4, views=1, learning_rate=0.02, patch_count=1, patch_size=32
)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=71)


def test_arms_differ_in_one_thing(cohort: Cohort) -> None:
    schedules = schedule_arms(SETTINGS)
    assert list(schedules) == ["plateau", "sawtooth", "exponential", "constant"]
    assert all(own.schedule == name and form is None for name, (own, form) in schedules.items())
    assert [form for _, form in input_form_arms(SETTINGS).values()] == ["tf", "caffe"]
    arms = resampling_arms(cohort, SETTINGS)
    draws = {name: draw_epochs(cohort, own).shape[1] for name, (own, _) in arms.items()}
    assert draws == {"resampled": 40, "as_it_is": 40}


def test_every_arm_is_trained_with_the_same_seeds(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    found: dict[str, Any] = ablations(cohort, SETTINGS, 2, tmp_path)
    found = json.loads(json.dumps(found, allow_nan=False))
    assert set(found) == {"schedules", "resampling", "input_form"}
    for study in found.values():
        assert all(arm["seed"] == [0, 1] for arm in study["arms"].values())
        assert all(len(arm["mae_months"]) == 2 for arm in study["arms"].values())
    steps = {name: set(study["updates"].values()) for name, study in found.items()}
    assert steps == {"schedules": {20}, "resampling": {10}, "input_form": {20}}
    claims = {claim.id: claim for claim in measured_claims({"ablations": found})}
    for name in ("schedule-ablation", "resampling-helps", "input-form"):
        assert claims[name].value is not None and claims[name].interval is not None
