"""Ablations: arms that differ in one thing, over the same seeds, read by the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort, without_steps

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.notebook import Run
from boneage_lib.paper import measured_claims
from boneage_lib.report import tables
from boneage_lib.report.ablation import keep_ablation, show_ablation
from boneage_lib.report.ledger import read_ablations
from boneage_lib.training import Settings, draw_epochs, extraction
from boneage_lib.training.ablations import ABLATIONS, Arm, arms_of

# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SETTINGS = Settings(
    epochs=2, draws_per_cell=4, views=1, learning_rate=0.02, patch_count=1, patch_size=32
)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=71)


def test_arms_differ_in_one_thing(cohort: Cohort) -> None:
    schedules = arms_of("schedules", cohort, SETTINGS)
    assert list(schedules) == ["plateau", "sawtooth", "exponential", "constant"]
    for name, arm in schedules.items():
        assert arm == Arm(replace(SETTINGS, schedule=name, stop_patience=0))
    assert arms_of("input_form", cohort, SETTINGS) == {
        form: Arm(replace(SETTINGS, stop_patience=0), form) for form in ("caffe", "tf")
    }
    arms = arms_of("resampling", cohort, SETTINGS)
    draws = {name: draw_epochs(cohort, arm.settings).shape[1] for name, arm in arms.items()}
    assert draws == {"resampled": 80, "as_it_is": 80}


def test_without_resampling_every_radiograph_is_used_equally_often(cohort: Cohort) -> None:
    as_it_is = arms_of("resampling", cohort, replace(SETTINGS, draws_per_cell=50))["as_it_is"]
    drawn = draw_epochs(cohort, as_it_is.settings)
    train = cohort.rows("train")
    for epoch in drawn:
        uses = np.bincount(epoch, minlength=len(cohort.labels))[train]
        assert uses.sum() == 1000
        assert uses.max() - uses.min() <= 1


def test_bad_ablations_are_refused(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="expected one of schedules, resampling, input_form"):
        arms_of("dropout", cohort, SETTINGS)
    with pytest.raises(InputError, match="expected 1 or more draws"):
        arms_of("resampling", cohort, replace(SETTINGS, draws_per_cell=0))
    with pytest.raises(InputError, match="one of the two to be 0"):
        replace(SETTINGS, epoch_draws=3)


def test_every_arm_is_trained_with_the_same_seeds(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    without_steps(monkeypatch)
    run = Run(tmp_path / "run")
    for study in ABLATIONS:
        show_ablation(run, study, cohort, SETTINGS, 2, "random")
    found = read_ablations(run)
    assert set(found) == {"schedules", "resampling", "input_form"}
    validation = len(cohort.rows("validation"))
    for study in found.values():
        assert study["n"] == validation
        reference, *others = study["arms"].values()
        assert study["reference"] == next(iter(study["arms"]))
        assert "difference_months" not in reference
        for arm in study["arms"].values():
            assert arm["seed"] == [0, 1]
            assert arm["updates"] == [20, 20]
        for arm in others:
            assert arm["mae_months"] != reference["mae_months"]
            apart = np.mean(arm["mae_months"]) - np.mean(reference["mae_months"])
            assert arm["difference_months"] == pytest.approx(apart)
            low, high = arm["interval"]
            for own in (arm["over_seeds"], arm["over_radiographs"]):
                assert low <= own[0] <= own[1] <= high
    # The reference of two ablations is the same training, made once.
    plateau, resampled = (
        found["schedules"]["arms"]["plateau"],
        found["resampling"]["arms"]["resampled"],
    )
    assert plateau == resampled
    claims = {claim.id: claim for claim in measured_claims({"ablations": found})}
    for name in ("schedule-ablation", "resampling-helps", "input-form"):
        assert claims[name].value is not None and claims[name].interval is not None


def test_an_ablation_in_words(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "network": "xception",
            "arm": ["plateau", "plateau", "sawtooth", "sawtooth"],
            "seed": [0, 1, 0, 1],
            "updates": 40,
            "mae_months": [10.0, 12.0, 11.0, 14.0],
            "errors_months": [np.array(e) for e in ([8.0, 12], [10.0, 14], [9.0, 13], [10.0, 18])],
        }
    )
    words = tables.ablation(keep_ablation(Run(tmp_path / "run"), "schedules", table))
    assert words["mean absolute error"].tolist()[0].startswith("11.0 (")
    assert words["less the first"].tolist()[0] == "—"
    assert words["less the first"].tolist()[1].startswith("1.50 (")


def test_without_seeds_nothing_is_trained(cohort: Cohort, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    show_ablation(run, "schedules", cohort, SETTINGS, 0, "random")
    assert not run.bank.exists() and read_ablations(run) == {}


def test_without_seeds_an_earlier_runs_ablation_does_not_enter_the_ledger(
    cohort: Cohort, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run")
    for study in ("schedules", "resampling"):
        run.write_json(f"ablations/{study}.json", {"n": 70})
    show_ablation(run, "schedules", cohort, SETTINGS, 0, "random")
    assert set(read_ablations(run)) == {"resampling"}
