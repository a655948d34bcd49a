"""Judge every step of the ladder on test, once nothing is left to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.evaluation import evaluate, paired_difference
from boneage_lib.evaluation.conformal import conformal_half_width
from boneage_lib.evaluation.correction import Correction
from boneage_lib.evaluation.coverage import coverage_by_group
from boneage_lib.inputs import AS_IT_IS, TURNED
from boneage_lib.report.devices import describe_device
from boneage_lib.report.ladder.files import FOLDER, PHANTOMS, forget_histories, forget_judgment
from boneage_lib.report.ladder.kept import normalizer_of, open_tuned
from boneage_lib.report.ladder.step import Ladder, Step, ages_of, answered
from boneage_lib.report.provenance import environment
from boneage_lib.report.results import describe_data
from boneage_lib.report.run import Run
from boneage_lib.training.finetune import answers
from boneage_lib.training.progress import reporter

COVERAGE = 0.9


def judge(run: Run, cohort: Cohort, ladder: Ladder, weights: str | Path | None) -> dict[str, Any]:
    """Ask every step's networks about the test radiographs.

    Writes ``predictions/beyond/<step>.csv``, ``results/beyond.json``, and apart from it, as they
    come out otherwise every time, the seconds that the trainings took.

    Returns:
        What the file holds: ``data``, ``network``, ``best`` (a step's name), ``steps`` (of each:
        ``name``, ``title``, ``why``, ``added_to``, ``aside``, ``kept``, ``tuning``, ``networks``
        (how many), ``n_train``, ``turned``, ``corrected``, ``validation_mae_months``, ``test``, see
        `boneage_lib.evaluation.evaluate`, and ``less``, the paired difference to what it was added
        to), and ``intervals``: ``coverage`` promised, ``half_width_months`` (None for too few
        validation radiographs) and ``groups``, see
        `boneage_lib.evaluation.coverage.coverage_by_group`.
    """
    tables = _on_test(run, cohort, ladder)
    forget_judgment(run)
    forget_histories(run, {name for step in ladder.steps for name in step.networks} | {PHANTOMS})
    kept = {step.added_to for step in ladder.steps if not step.aside} | {ladder.best.name}
    normalizer = normalizer_of(run, ladder.steps[0].networks[0])
    records = []
    for step in ladder.steps:
        validation = answered(cohort, "validation", step.validation_months)
        both = pd.concat([validation, tables[step.name]], ignore_index=True)
        run.write_table(f"predictions/{FOLDER}/{step.name}.csv", both)
        less = None
        if step.added_to is not None:
            less = paired_difference(tables[step.name], tables[step.added_to])
        records.append(
            {
                "name": step.name,
                "title": step.title,
                "why": step.why,
                "added_to": step.added_to,
                "aside": step.aside,
                "kept": step.name in kept and not step.aside,
                "tuning": step.tuning.as_dict(),
                "networks": len(step.networks),
                "n_train": step.n_train,
                "turned": step.turned,
                "corrected": step.corrected,
                "validation_mae_months": step.mae_months,
                "test": evaluate(tables[step.name], normalizer),
                "less": less,
            }
        )
    off = ladder.best.validation_months - ages_of(cohort, "validation")
    half = conformal_half_width(off, COVERAGE)
    groups = []
    if half is not None:
        groups = coverage_by_group(tables[ladder.best.name], half).to_dict("records")
    result = {
        "data": describe_data(cohort, weights),
        "network": ladder.best.tuning.network,
        "best": ladder.best.name,
        "steps": records,
        "intervals": {"coverage": COVERAGE, "half_width_months": half, "groups": groups},
    }
    run.write_json(f"{FOLDER}.json", result)
    seconds = {step.name: round(step.seconds, 1) for step in ladder.steps}
    timing = {"seconds": seconds, "device": describe_device(), **environment()}
    run.write_json(f"timing/{FOLDER}.json", timing)
    return result


def _on_test(run: Run, cohort: Cohort, ladder: Ladder) -> dict[str, pd.DataFrame]:
    """Answers to the test radiographs by step; a network that several share is asked once."""
    by_name = {step.name: step for step in ladder.steps}
    turned = {name for step in ladder.steps if step.turned for name in step.networks}
    asked: dict[str, np.ndarray] = {}
    tables = {}
    for step in ladder.steps:
        for name in step.networks:
            if name not in asked:
                tuned = open_tuned(run, cohort.size, name, ladder.tunings[name])
                poses = TURNED if name in turned else AS_IT_IS
                tell = reporter(f"test radiographs shown after {name}")
                asked[name] = answers(tuned, cohort, cohort.rows("test"), poses, tell)
                keras.utils.clear_session()
        months = np.mean([_of_one(asked[name], step) for name in step.networks], axis=0)
        if step.corrected:
            plain = by_name[str(step.added_to)].validation_months
            months = Correction.fit(plain, ages_of(cohort, "validation"))(months)
        tables[step.name] = answered(cohort, "test", months)
    return tables


def _of_one(months: np.ndarray, step: Step) -> np.ndarray:
    """A network's answers (n, poses) as the step takes them, (n,)."""
    return np.asarray(months.mean(axis=1) if step.turned else months[:, 0])
