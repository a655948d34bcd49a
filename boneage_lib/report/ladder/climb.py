"""Climb the ladder from the paper's recipe to a better one; validation radiographs choose.

A step that lowers their error is kept, and the next is added to it. The test radiographs are not
asked about here: see `boneage_lib.report.ladder.judge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from boneage_lib.bases import describe_weights
from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.data.phantom_cohort import phantoms_for
from boneage_lib.errors import Diverged
from boneage_lib.evaluation.correction import cross_fitted
from boneage_lib.inputs import TURNED
from boneage_lib.networks import network
from boneage_lib.report.ladder.files import FOLDER, PHANTOMS, PRETRAINED, weights_file
from boneage_lib.report.ladder.kept import keep_tuned, kept_of, key_of, open_tuned
from boneage_lib.report.ladder.step import Ladder, Step, ages_of, answered, error_of
from boneage_lib.report.run import Run
from boneage_lib.training.data_size import some_of_train
from boneage_lib.training.finetune import answers, tune
from boneage_lib.training.ladder import (
    PAPER,
    RUNGS,
    Rung,
    check_together,
    larger_name,
    made_larger,
    tried_on,
)
from boneage_lib.training.progress import reporter
from boneage_lib.training.tuning import Tuning


def climb(
    run: Run,
    cohort: Cohort,
    first: Tuning,
    rungs: Sequence[Rung],
    weights: str | Path | None,
    pretraining: int = 0,
    few: int = 0,
    longer: int = 0,
    larger: int = 0,
    rounds: int = 1,
    members: int = 1,
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
        few: training radiographs that the best recipe is also trained on, beside the ladder, with
            and without these synthetic ones first; 0: not.
        longer: epochs, of all training radiographs, of a last training; 0: no such step.
        larger: epochs, of all training radiographs, that the best network goes on for at
            `boneage_lib.training.ladder.LARGER` times the size; a step after that averages its
            answers before and after. 0: no such steps.
        rounds: how often it does so, each time from where the last round ended.
        members: trainings of the best recipe, with a seed each, whose answers a last step averages;
            1: no such step.
        verbose: print a line an epoch, and one a step.

    Raises:
        InputError: what cannot work.
        Diverged: a training did, and says of what step.
    """
    check_together(larger, members)
    climber = _Climber(run, cohort, weights, verbose)
    climber.take(climber.train(RUNGS[PAPER], first, None))
    synthetic = Rung(
        PRETRAINED,
        f"begun with as many epochs on {pretraining:,} synthetic radiographs",
        {"pretraining": pretraining},
        "their age, sex and anatomy are known exactly",
    )
    more = [*rungs]
    if pretraining:
        more.append(synthetic)
    for rung in more:
        climber.take(climber.train(rung, tried_on(climber.best.tuning, rung), climber.best.name))
    recipe = climber.best.tuning
    if longer:
        rung = Rung(
            "longer",
            f"{longer} epochs of all training radiographs",
            {"epochs": longer, "epoch_draws": 0},
            "the steps before it saw fewer",
        )
        climber.take(climber.train(rung, tried_on(recipe, rung), climber.best.name))
    before = climber.best.networks
    if larger:
        climber.take(climber.larger(larger, rounds))
    climber.take(climber.turned())
    if larger:
        climber.take(climber.snapshots(before, rounds))
    if members > 1:
        climber.take(climber.averaged(members))
    climber.take(climber.corrected())
    if few and pretraining:
        # As many updates as everywhere else, however few the radiographs.
        draws = first.epoch_draws or len(cohort.rows("train"))
        own = {"pretraining": 0, "epoch_draws": draws}
        alone = Rung("few", f"the recipe on {few:,} radiographs", own, "few are had")
        begun = replace(synthetic, name="few_pretrained", change=own | synthetic.change)
        climber.steps.append(climber.train(alone, tried_on(recipe, alone), None, few))
        climber.steps.append(climber.train(begun, tried_on(recipe, begun), "few", few))
    return Ladder(climber.steps, climber.best, climber.tunings)


class _Climber:
    """What all steps of a ladder share, and the best of those taken so far."""

    def __init__(self, run: Run, cohort: Cohort, weights: str | Path | None, verbose: bool) -> None:
        self.run, self.cohort, self.weights, self.verbose = run, cohort, weights, verbose
        self.steps: list[Step] = []
        self.tunings: dict[str, Tuning] = {}
        self.in_poses: dict[str, np.ndarray] = {}

    @property
    def best(self) -> Step:
        """The step with the least error on validation, the earliest of equals."""
        return min((step for step in self.steps if not step.aside), key=lambda s: s.mae_months)

    def take(self, step: Step) -> None:
        """Hold a step against the best before it."""
        before = self.best.mae_months if self.steps else np.inf
        self.steps.append(step)
        if self.verbose:
            verdict = "kept" if step.mae_months < before else f"no better than {before:.2f}"
            print(f"{step.title}: validation error {step.mae_months:.2f} months, {verdict}")

    def train(self, rung: Rung, tuning: Tuning, added_to: str | None, few: int = 0) -> Step:
        """A step that trains a network, beside the ladder where it is on a ``few`` radiographs."""
        own = some_of_train(self.cohort, few) if few else self.cohort
        months, seconds = self._network(own, rung.name, rung.title, tuning)
        return Step(
            name=rung.name,
            title=rung.title,
            why=rung.why,
            added_to=added_to,
            tuning=tuning,
            networks=(rung.name,),
            turned=False,
            corrected=False,
            validation_months=months,
            mae_months=error_of(self.cohort, months),
            n_train=len(own.rows("train")),
            aside=bool(few),
            seconds=seconds,
        )

    def larger(self, epochs: int, rounds: int) -> Step:
        """The best step's network after one round or more at a larger size."""
        best, seconds = self.best, 0.0
        rung = made_larger(best.tuning, epochs, rounds)
        (start,) = best.networks
        for number in range(1, rounds + 1):
            tuning = replace(tried_on(best.tuning, rung), seed=best.tuning.seed + number)
            name = larger_name(number)
            title = f"round {number} of {rung.title}" if rounds > 1 else rung.title
            months, own = self._network(self.cohort, name, title, tuning, start)
            start, seconds = name, seconds + own
        return replace(
            best,
            name=rung.name,
            title=rung.title,
            why=rung.why,
            added_to=best.name,
            tuning=tuning,
            networks=(start,),
            validation_months=months,
            mae_months=error_of(self.cohort, months),
            n_train=len(self.cohort.rows("train")),
            seconds=seconds,
        )

    def turned(self) -> Step:
        """The best step's networks asked in several poses."""
        return self._asked_otherwise(
            "turned",
            f"answers averaged over {len(TURNED)} flips and turns",
            "errors that hang on how a hand lies cancel",
            turned=True,
        )

    def snapshots(self, before: tuple[str, ...], rounds: int) -> Step:
        """A network's answers before it saw larger radiographs, and after each round."""
        after = [larger_name(number) for number in range(1, rounds + 1)]
        return self._asked_otherwise(
            "snapshots",
            "answers averaged over the network before and after "
            f"{'each round' if rounds > 1 else 'it saw larger ones'}",
            "what one size gets wrong another may not, and every round ends elsewhere",
            networks=(*before, *after),
        )

    def averaged(self, members: int) -> Step:
        """The best step's recipe trained with other seeds too."""
        names, seconds = list(self.best.networks), 0.0
        for number in range(1, members):
            tuning = replace(self.best.tuning, seed=self.best.tuning.seed + number)
            names.append(f"member_{number}")
            title = f"the same recipe with seed {tuning.seed}"
            seconds += self._network(self.cohort, names[-1], title, tuning)[1]
        step = self._asked_otherwise(
            "averaged",
            f"answers averaged over {members} trainings",
            "what one draw of seeds gets wrong another may not",
            networks=tuple(names),
        )
        return replace(step, seconds=seconds)

    def corrected(self) -> Step:
        """The best step's answers after a line through validation radiographs."""
        months = cross_fitted(self.best.validation_months, ages_of(self.cohort, "validation"))
        return replace(
            self.best,
            name="corrected",
            title="answers corrected by a line through validation radiographs",
            why="networks answer too near the mean",
            added_to=self.best.name,
            corrected=True,
            validation_months=months,
            mae_months=error_of(self.cohort, months),
            seconds=0.0,
        )

    def _asked_otherwise(
        self,
        name: str,
        title: str,
        why: str,
        networks: tuple[str, ...] = (),
        turned: bool | None = None,
    ) -> Step:
        """A step after the best that trains nothing of its own."""
        best = self.best
        networks = networks or best.networks
        turned = best.turned if turned is None else turned
        found = [self._in_poses(one) if turned else self._in_poses(one)[:, :1] for one in networks]
        together = np.mean([months.mean(axis=1) for months in found], axis=0)
        return replace(
            best,
            name=name,
            title=title,
            why=why,
            added_to=best.name,
            networks=networks,
            turned=turned,
            validation_months=together,
            mae_months=error_of(self.cohort, together),
            seconds=0.0,
        )

    def _in_poses(self, network: str) -> np.ndarray:
        """A network's answers to the validation radiographs in several poses, months (n, poses)."""
        if network not in self.in_poses:
            tuned = open_tuned(self.run, self.cohort.size, network, self.tunings[network])
            tell = reporter(f"validation radiographs shown after {network}")
            rows = self.cohort.rows("validation")
            self.in_poses[network] = answers(tuned, self.cohort, rows, TURNED, tell)
            keras.utils.clear_session()
        return self.in_poses[network]

    def _network(
        self, cohort: Cohort, name: str, title: str, tuning: Tuning, start: str | None = None
    ) -> tuple[np.ndarray, float]:
        """Validation answers of a network, months, and the seconds of its training.

        One that was trained before in the same way is found again.
        """
        run = self.run
        self.tunings[name] = tuning
        weights = describe_weights(network(tuning.network).backbone, self.weights)
        begun = weights_file(run, start) if start else None
        key = key_of(tuning, cohort, weights, begun)
        record = kept_of(run, name, key)
        if record is None:
            if self.verbose:
                print(f"{title}:", flush=True)
            before = 0.0
            if tuning.pretraining and begun is None:
                begun, before = self._pretrained(tuning)
            states = run.checkpoints / FOLDER
            try:
                tuned = tune(cohort, tuning, self.weights, states, begun, verbose=self.verbose)
            except Diverged as error:
                raise Diverged(f"{error} This was the step {name!r} of the ladder.") from None
            found = answers(tuned, cohort, cohort.rows("validation"))[:, 0]
            months = answered(cohort, "validation", found)["predicted_months"].to_numpy()
            tuned = replace(tuned, seconds=tuned.seconds + before)
            record = keep_tuned(run, name, key, tuned, months)
            for state in states.glob("*.npz"):
                state.unlink()  # hundreds of megabytes, of a training that has ended
            keras.utils.clear_session()
        return np.array(record["validation_months"]), record["seconds"]

    def _pretrained(self, tuning: Tuning) -> tuple[Path, float]:
        """Weights of the same network after synthetic radiographs of the same size, and seconds."""
        draws = tuning.epoch_draws or len(self.cohort.rows("train"))
        own = replace(tuning, pretraining=0, epoch_draws=draws)
        n = phantoms_for(tuning.pretraining)
        folder = self.run.folder / PHANTOMS
        phantoms = write_phantoms(folder, n, self.cohort.size, tuning.seed, replace=True)
        _, seconds = self._network(phantoms, PHANTOMS, f"{n:,} synthetic radiographs first", own)
        return weights_file(self.run, PHANTOMS), seconds
