"""Jobs of the pipeline do what the notebooks then find done."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort, without_steps

from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.report import jobs
from boneage_lib.report.ablation import show_ablation
from boneage_lib.report.jobs import job_names, urgency, work
from boneage_lib.report.ledger import read_ablations
from boneage_lib.report.plan import NETWORK_OF, PATCH_STUDY, plan_of
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import NOTEBOOK_OF, Run
from boneage_lib.training import (
    Extractor,
    Trained,
    draw_epochs,
    extraction,
    feature_bank,
    train_patches,
    train_patches_fairly,
    train_seeds,
)
from boneage_lib.training.ablations import ABLATIONS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

OWN = {"epochs": 2, "draws_per_cell": 6, "views": 2, "seeds": 2}
SETTINGS: dict[str, Any] = {
    "cohort": {"size": 80},
    "weights": "random",
    "notebooks": {
        **{name: {} for name in NOTEBOOKS},
        **{name: dict(OWN) for name in NETWORK_OF},
        "07_patch_size_study": {"draws_per_cell": 6, "seeds": 2},
    },
}
SETTINGS["notebooks"]["06_resnet50_patches"] |= {"patch_size": 40}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with a cohort in memory and bases of a few weights."""
    cohort = tiny_cohort(size=80)
    monkeypatch.setattr(Run, "cohort", lambda self: cohort)
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)
    monkeypatch.setattr(feature_bank, "BATCHES_A_SHARD", 1)
    monkeypatch.setattr(feature_bank, "PIXELS_A_BATCH", 8 * 80 * 80)
    return Run(tmp_path / "run")


def as_the_notebook(run: Run, notebook: str) -> list[Trained]:
    plan = plan_of(notebook, SETTINGS)
    return train_seeds(
        NETWORK_OF[notebook],
        run.cohort(),
        plan.settings,
        plan.seeds,
        run.bank,
        plan.weights,
        verbose=False,
        checkpoints=run.checkpoints,
        **plan.more,
    )


@pytest.mark.parametrize("notebook", NETWORK_OF)
def test_a_notebook_finds_what_its_jobs_did(
    notebook: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = as_the_notebook(Run(tmp_path / "alone"), notebook)
    for name in ("check", *(job for job in job_names(SETTINGS, 3) if job.startswith(notebook))):
        record = json.loads(work(run, SETTINGS, name).read_text())
        assert record["job"] == name and record["seconds"] >= 0

    def computed(*_: Any, **__: Any) -> None:
        raise AssertionError("the base ran again")

    monkeypatch.setattr(Extractor, "__call__", computed)
    monkeypatch.setattr("keras.Model.train_on_batch", computed)
    epochs: list[int] = []
    monkeypatch.setattr(
        "boneage_lib.training.fitting.NextDraws.on_epoch_begin",
        lambda self, epoch, logs=None: epochs.append(epoch),
    )
    for own, other in zip(as_the_notebook(run, notebook), alone, strict=True):
        pd.testing.assert_frame_equal(own.history, other.history)
        assert own.predictions.equals(other.predictions)
    assert epochs == [], "no epoch was trained again"


def test_ablations_find_the_arms_that_jobs_trained(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = {"04_xception": 1, "06_resnet50_patches": 2}
    notebooks = {
        notebook: {**own, "ablation_seeds": seeds[notebook]} if notebook in seeds else own
        for notebook, own in SETTINGS["notebooks"].items()
    }
    settings = {**SETTINGS, "notebooks": notebooks}
    arms = [name for name in job_names(settings, 1) if ".arm." in name]
    assert len(arms) == 7
    assert [name for name in arms if not jobs.trains_only_a_head(name, settings)] == [
        "04_xception.arm.resampling-as_it_is",
        "06_resnet50_patches.arm.input_form-tf",
    ]
    for name in arms:
        work(run, settings, name)
    monkeypatch.setattr(Extractor, "__call__", _refused)
    monkeypatch.setattr("boneage_lib.training.fitting.NextDraws.on_epoch_begin", _refused)
    for study, ablation in ABLATIONS.items():
        notebook = NOTEBOOK_OF[ablation.network]
        plan, own = plan_of(notebook, settings), seeds[notebook]
        keep_maps = plan.more.get("keep_maps", False)
        show_ablation(run, study, run.cohort(), plan.settings, own, plan.weights, keep_maps)
    assert set(read_ablations(run)) == set(ABLATIONS)


def with_own(notebook: str, **own: Any) -> dict[str, Any]:
    """The settings with some of a notebook's own."""
    changed = {**SETTINGS["notebooks"], notebook: {**SETTINGS["notebooks"][notebook], **own}}
    return {**SETTINGS, "notebooks": changed}


def test_an_arm_that_is_the_run_s_own_training_is_no_job() -> None:
    def arms(notebook: str, **own: Any) -> set[str]:
        found = job_names(with_own(notebook, **own), 1)
        return {name.rpartition(".")[2] for name in found if ".arm." in name}

    every = arms("04_xception", ablation_seeds=2)
    own = {"stop_patience": 0, "schedule": "sawtooth"}
    assert every - arms("04_xception", ablation_seeds=2, **own) == {"schedules-sawtooth"}
    assert arms("04_xception", ablation_seeds=3, **own) == every, "the network has two seeds"
    patches = "06_resnet50_patches"
    both = {"input_form-caffe", "input_form-tf"}
    assert arms(patches, ablation_seeds=2) == both, "the network stops early, arms do not"
    for form in ("tf", "caffe"):
        found = arms(patches, ablation_seeds=2, input_form=form, stop_patience=0)
        assert both - found == {f"input_form-{form}"}


def test_features_of_all_arms_seeds_are_there_before_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_own("04_xception", seeds=1, ablation_seeds=2, views=0)
    work(run, settings, "04_xception.features.0-of-1")
    monkeypatch.setattr(Extractor, "__call__", _refused)
    work(run, settings, "04_xception.arm.schedules-sawtooth")


def test_where_every_seed_streams_each_takes_all_cores() -> None:
    settings = with_own("05_xception_attention", engine="streaming")
    assert not jobs.trains_only_a_head("05_xception_attention.seed.0", settings)
    assert jobs.trains_only_a_head("05_xception_attention.seed.0", SETTINGS)
    assert not jobs.trains_only_a_head("05_xception_attention.features.0-of-1", SETTINGS)


def _refused(*_: Any, **__: Any) -> None:
    raise AssertionError("what a job had done was done again")


def test_parts_of_a_bank_are_filled_by_different_jobs(run: Run) -> None:
    notebook = "03_inception_v3"
    shards = []
    for k in range(3):
        work(run, SETTINGS, f"{notebook}.features.{k}-of-3")
        shards.append({file.name for file in run.bank.rglob("*.pooled.npy")})
    assert len(shards[0]) < len(shards[1]) < len(shards[2])


def test_a_setting_of_the_patch_study_is_trained_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(run, SETTINGS, "07_patch_size_study.setting.1")
    plan = plan_of(PATCH_STUDY, SETTINGS)
    count, size = jobs.table_5_at(80)[1]

    def again(checkpoints: Path | None) -> tuple[np.ndarray, Trained]:
        return train_patches(
            run.cohort(), plan.settings, count, size, run.bank, "random", checkpoints=checkpoints
        )

    found, trained = again(run.checkpoints)
    anew, other = again(None)
    np.testing.assert_array_equal(found, anew)
    draws = draw_epochs(run.cohort(), trained.settings).shape[1]
    assert len(found) == math.ceil(draws / trained.settings.batch_size)
    assert trained.predictions.equals(other.predictions)
    assert len(list(run.checkpoints.iterdir())) == 3, "as printed, and fairly with two seeds"
    epochs: list[int] = []
    monkeypatch.setattr(
        "boneage_lib.training.fitting.NextDraws.on_epoch_begin",
        lambda self, epoch, logs=None: epochs.append(epoch),
    )
    fair = train_patches_fairly(
        run.cohort(), plan.settings, 2, count, size, run.bank, "random", checkpoints=run.checkpoints
    )
    assert [one.settings.seed for one in fair] == [0, 1]
    assert epochs == [], "no epoch was trained again"


def kept_bytes(run: Run) -> int:
    """Size of what the run's banks hold, without the headers of their files."""
    files = list(run.bank.rglob("*.npy"))
    return sum(np.load(file, mmap_mode="r").nbytes for file in files)


def test_the_check_knows_how_large_every_bank_of_a_run_becomes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks, arms and the patch study; views that a bank holds are not needed again."""
    without_steps(monkeypatch)
    settings = with_own("04_xception", ablation_seeds=2, views=0, seeds=1, epochs=1)
    names = [name for name in job_names(settings, 1) if name != "check"]
    needed = json.loads(work(run, settings, "check").read_text())["bank_bytes"]
    for name in names:
        if ".seed." not in name:
            work(run, settings, name)
    assert {folder.name for folder in run.bank.iterdir()} == set(needed)
    assert sum(needed.values()) == kept_bytes(run)


def test_too_little_room_for_all_banks_is_noticed_first(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(feature_bank, "check_room", lambda folder, needed: asked.append(needed))
    work(run, SETTINGS, "check")
    stale = run.bank / "xception-of-another-version"
    stale.mkdir(parents=True)
    np.save(stale / "a.pooled.npy", np.zeros(10_000))
    work(run, SETTINGS, "check")
    assert asked[0] == asked[1], "what another version left helps nobody"
    work(run, SETTINGS, "03_inception_v3.features.0-of-1")
    work(run, SETTINGS, "check")
    assert asked[-1] == asked[0] - (kept_bytes(run) - 80_000)


@pytest.mark.parametrize(
    ("notebook", "own", "message"),
    [
        (PATCH_STUDY, {"batch_size": 16}, "patches_a_step=24"),
        ("04_xception", {"draws_per_cell": 0, "ablation_seeds": 1}, "ablation of resampling"),
        ("06_resnet50_patches", {"patch_size": 81}, "patch"),
        ("11_beyond", {"rungs": "unfreeze"}, "steps unfreeze"),
        ("11_beyond", {"rungs": "all", "step_epochs": 0}, "epochs=0"),
        ("11_beyond", {"rungs": "all", "network": "resnet50_patches"}, "looks at patches"),
        ("11_beyond", {"rungs": "all", "pretraining": 5}, "pretraining=5; expected 0, or 12"),
        ("11_beyond", {"rungs": "all", "few": 900}, "900 training radiographs"),
        ("11_beyond", {"rungs": "all", "few": 30}, "few=30 with pretraining=0; expected 32"),
        ("11_beyond", {"rungs": "all", "members": 0}, "members=0"),
        ("11_beyond", {"rungs": "all", "larger": -1}, "larger=-1"),
        ("11_beyond", {"rungs": "all", "rounds": 0}, "rounds=0"),
        ("11_beyond", {"rungs": "all", "larger": 2, "members": 2}, "larger=2 with members=2"),
        ("11_beyond", {"sizes": "many"}, "many among numbers"),
    ],
)
def test_what_would_fail_late_is_noticed_by_the_check(
    run: Run, notebook: str, own: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        work(run, with_own(notebook, **own), "check")


def test_jobs_wait_for_what_they_need() -> None:
    needed = job_names(SETTINGS, 2)
    assert needed["05_xception_attention.features.0-of-2"] == [
        "04_xception.features.0-of-2",
        "04_xception.features.1-of-2",
    ], "they fill the same bank"
    assert needed["03_inception_v3.seed.1"] == [
        "03_inception_v3.features.0-of-2",
        "03_inception_v3.features.1-of-2",
    ]
    for before in needed.values():
        assert set(before) <= set(needed)


def test_long_trainings_begin_before_short_ones() -> None:
    order = sorted(job_names(SETTINGS, 1), key=urgency, reverse=True)
    kinds = [name.split(".")[1] for name in order]
    assert "features" not in kinds[kinds.count("features") :], "all heads wait for some"
    heads = [name for name in order if ".features." not in name]
    assert {name.split(".")[0] for name in heads[:2]} == {"05_xception_attention"}
    assert urgency("05_xception_attention") > urgency("04_xception") > urgency("04_xception.seed.0")
    assert urgency("04_xception") > urgency("03_inception_v3"), "the attention network waits for it"


def test_an_unknown_job_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match="11_more.magic.1"):
        work(run, SETTINGS, "11_more.magic.1")
