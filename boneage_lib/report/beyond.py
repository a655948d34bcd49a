"""Climb the ladder from the paper's recipe to a better one, and judge every step on test at last.

Validation radiographs choose: a step that lowers their error is kept, and the next is added to it.
The test radiographs are asked about when all steps are taken, and choose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.bases import describe_weights
from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.evaluation import evaluate, paired_difference
from boneage_lib.evaluation.conformal import conformal_half_width
from boneage_lib.evaluation.correction import Correction
from boneage_lib.evaluation.coverage import coverage_by_group
from boneage_lib.inputs import AS_IT_IS, TURNED
from boneage_lib.networks import network
from boneage_lib.report.provenance import environment
from boneage_lib.report.results import describe_data
from boneage_lib.report.run import Run
from boneage_lib.report.tuned import (
    FOLDER,
    keep_tuned,
    keep_weights,
    kept_of,
    key_of,
    normalizer_of,
    open_tuned,
)
from boneage_lib.training.finetune import answers, tune
from boneage_lib.training.ladder import PAPER, RUNGS, Rung, tried_on
from boneage_lib.training.progress import reporter
from boneage_lib.training.tuning import Tuning

COVERAGE = 0.9
#: Parts that validation radiographs are cut into, so that none is corrected by itself.
FOLDS = 5


@dataclass(frozen=True)
class Step:
    """One step of the ladder, as validation radiographs see it.

    Attributes:
        name: of files.
        title: in print.
        why: it may help.
        added_to: name of the step that it was added to; None for the first.
        tuning: how the network was trained that answers.
        network: name of the step that trained it.
        turned: answers are averaged over `boneage_lib.inputs.TURNED`.
        corrected: by a line through validation radiographs.
        validation_months: answers to the validation radiographs; where corrected, each by a line
            through others.
        mae_months: their mean absolute error.
        seconds: of the training; 0 where nothing was trained.
    """

    name: str
    title: str
    why: str
    added_to: str | None
    tuning: Tuning
    network: str
    turned: bool
    corrected: bool
    validation_months: np.ndarray
    mae_months: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Ladder:
    """All steps, and which of them is the best on validation.

    Attributes:
        steps: in the order in which they were tried.
        best: the one that the last would have been added to.
    """

    steps: list[Step]
    best: Step


def climb(
    run: Run,
    cohort: Cohort,
    first: Tuning,
    rungs: Sequence[Rung],
    weights: str | Path | None,
    pretraining: int = 0,
    longer: int = 0,
    verbose: bool = True,
) -> Ladder:
    """Train every step of the ladder; one that was trained before is found in the run's folder.

    Args:
        run: where weights, histories and validation answers are kept.
        cohort: whose training and validation radiographs are used.
        first: the paper's recipe, with the epochs and radiographs an epoch that all steps get.
        rungs: what is tried after it, in this order.
        weights: that the base begins with, see `boneage_lib.bases.find_weights`.
        pretraining: synthetic radiographs of a step that begins with them; 0: no such step.
        longer: epochs, of all training radiographs, of a last training; 0: no such step.
        verbose: print a line an epoch, and one a step.
    """
    steps = [_trained(run, cohort, RUNGS[PAPER], first, None, weights, verbose)]
    best = steps[0]

    def take(step: Step) -> None:
        nonlocal best
        helps = step.mae_months < best.mae_months
        if verbose:
            print(
                f"{step.title}: validation error {step.mae_months:.2f} months, "
                f"{'kept' if helps else f'no better than {best.mae_months:.2f}'}",
                flush=True,
            )
        steps.append(step)
        best = step if helps else best

    more = [*rungs]
    if pretraining:
        more.append(
            Rung(
                "pretrained",
                f"trained on {pretraining:,} synthetic radiographs first",
                {"pretraining": pretraining},
                "their age, sex and anatomy are known exactly",
            )
        )
    if longer:
        more.append(
            Rung(
                "longer",
                f"{longer} epochs of all training radiographs",
                {"epochs": longer, "epoch_draws": 0},
                "the steps before it saw fewer",
            )
        )
    for rung in more:
        tuning = tried_on(best.tuning, rung)
        take(_trained(run, cohort, rung, tuning, best.name, weights, verbose))
    take(_turned(run, cohort, best))
    take(_corrected(cohort, best))
    return Ladder(steps, best)


def judge(run: Run, cohort: Cohort, ladder: Ladder, weights: str | Path | None) -> dict[str, Any]:
    """Ask every step's network about the test radiographs, now that nothing is left to choose.

    Writes ``predictions/beyond/<step>.csv``, ``results/beyond.json``, and apart from it, as they
    come out otherwise every time, the seconds that the trainings took.

    Returns:
        What the file holds: ``data``, ``best`` (a step's name), ``steps`` (of each: ``name``,
        ``title``, ``why``, ``added_to``, ``kept``, ``tuning``, ``turned``, ``corrected``,
        ``validation_mae_months``, ``test``, see `boneage_lib.evaluation.evaluate`, and
        ``less``, the paired difference to what it was added to), and ``intervals``: ``coverage``
        promised, ``half_width_months`` (None for too few validation radiographs) and ``groups``,
        see `boneage_lib.evaluation.coverage.coverage_by_group`.
    """
    months = {split: _ages(cohort, split) for split in ("validation", "test")}
    corrections: dict[str, Correction | None] = {step.name: None for step in ladder.steps}
    by_name = {step.name: step for step in ladder.steps}
    for step in ladder.steps:
        if step.corrected:
            plain = by_name[str(step.added_to)].validation_months
            corrections[step.name] = Correction.fit(plain, months["validation"])
    tables: dict[str, pd.DataFrame] = {}
    asked: dict[str, np.ndarray] = {}
    normalizer = normalizer_of(run, ladder.steps[0].network)
    for step in ladder.steps:
        if step.network not in asked:
            turned = any(other.turned for other in ladder.steps if other.network == step.network)
            tuned = open_tuned(run, cohort.size, step.network, step.tuning)
            poses = TURNED if turned else AS_IT_IS
            tell = reporter(f"test radiographs shown after {step.network}")
            asked[step.network] = answers(tuned, cohort, cohort.rows("test"), poses, tell)
            keras.utils.clear_session()
        found = asked[step.network]
        test = found.mean(axis=1) if step.turned else found[:, 0]
        correction = corrections[step.name]
        tables[step.name] = _table(cohort, "test", test if correction is None else correction(test))
    for left in (run.predictions / FOLDER).glob("*.csv"):
        left.unlink()  # of an earlier run, perhaps with more steps
    kept = {step.added_to for step in ladder.steps} | {ladder.best.name}
    records = []
    for step in ladder.steps:
        validation = _table(cohort, "validation", step.validation_months)
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
                "kept": step.name in kept,
                "tuning": step.tuning.as_dict(),
                "turned": step.turned,
                "corrected": step.corrected,
                "validation_mae_months": step.mae_months,
                "test": evaluate(tables[step.name], normalizer),
                "less": less,
            }
        )
    half = conformal_half_width(ladder.best.validation_months - months["validation"], COVERAGE)
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
    run.write_json(f"timing/{FOLDER}.json", {"seconds": seconds, **environment()})
    return result


def cross_fitted(answers_months: np.ndarray, boneage_months: np.ndarray) -> np.ndarray:
    """Answers corrected by lines through others: each of `FOLDS` parts by one through the rest."""
    part = np.arange(len(answers_months)) % FOLDS
    corrected = np.empty(len(answers_months))
    for number in range(FOLDS):
        rest = part != number
        line = Correction.fit(answers_months[rest], boneage_months[rest])
        corrected[~rest] = line(answers_months[~rest])
    return corrected


def _trained(
    run: Run,
    cohort: Cohort,
    rung: Rung,
    tuning: Tuning,
    added_to: str | None,
    weights: str | Path | None,
    verbose: bool,
) -> Step:
    """A step that trains a network, or one that was trained with the same settings before."""
    spec = network(tuning.network)
    key = key_of(tuning, cohort, describe_weights(spec.backbone, weights))
    record = kept_of(run, rung.name, key)
    if record is None:
        if verbose:
            print(f"{rung.title}:", flush=True)
        start = _pretrained(run, cohort, tuning, weights, verbose) if tuning.pretraining else None
        tuned = tune(cohort, tuning, weights, run.checkpoints / FOLDER, start, verbose=verbose)
        found = answers(tuned, cohort, cohort.rows("validation"))[:, 0]
        months = _table(cohort, "validation", found)["predicted_months"].to_numpy()
        record = keep_tuned(run, rung.name, key, tuned, months)
        for state in (run.checkpoints / FOLDER).glob("*.npz"):
            state.unlink()  # hundreds of megabytes, of a training that has ended
        keras.utils.clear_session()
    months = np.array(record["validation_months"])
    error = float(np.abs(months - _ages(cohort, "validation")).mean())
    return Step(
        rung.name,
        rung.title,
        rung.why,
        added_to,
        tuning,
        rung.name,
        False,
        False,
        months,
        error,
        record["seconds"],
    )


def _pretrained(
    run: Run, cohort: Cohort, tuning: Tuning, weights: str | Path | None, verbose: bool
) -> Path:
    """Weights of the same network after synthetic radiographs of the same size."""
    folder = run.folder / "phantoms"
    phantoms = write_phantoms(folder, tuning.pretraining, cohort.size, tuning.seed, replace=True)
    own = replace(tuning, pretraining=0)
    tuned = tune(phantoms, own, weights, run.checkpoints / FOLDER, verbose=verbose)
    return keep_weights(run, "phantoms", tuned.model)


def _turned(run: Run, cohort: Cohort, best: Step) -> Step:
    tuned = open_tuned(run, cohort.size, best.network, best.tuning)
    tell = reporter("validation radiographs shown in every pose")
    found = answers(tuned, cohort, cohort.rows("validation"), TURNED, tell)
    keras.utils.clear_session()
    months = found.mean(axis=1)
    return replace(
        best,
        name="turned",
        title=f"answers averaged over {len(TURNED)} flips and turns",
        why="errors that hang on how a hand lies cancel",
        added_to=best.name,
        turned=True,
        validation_months=months,
        mae_months=float(np.abs(months - _ages(cohort, "validation")).mean()),
        seconds=0.0,
    )


def _corrected(cohort: Cohort, best: Step) -> Step:
    ages = _ages(cohort, "validation")
    months = cross_fitted(best.validation_months, ages)
    return replace(
        best,
        name="corrected",
        title="answers corrected by a line through validation radiographs",
        why="networks answer too near the mean",
        added_to=best.name,
        corrected=True,
        validation_months=months,
        mae_months=float(np.abs(months - ages).mean()),
        seconds=0.0,
    )


def _ages(cohort: Cohort, split: str) -> np.ndarray:
    return np.asarray(cohort.labels["boneage_months"].to_numpy()[cohort.rows(split)])


def _table(cohort: Cohort, split: str, months: np.ndarray) -> pd.DataFrame:
    table = cohort.labels.iloc[cohort.rows(split)].reset_index(drop=True)
    return table.assign(predicted_months=np.round(months, 4))
