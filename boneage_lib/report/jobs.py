"""Parts of a run that the pipeline may spread over cores, GPUs and machines.

A notebook does all its training by itself. On a larger run the pipeline does the long parts before
it, each as a job of its own: the features of a bank, the training of one seed, one arm of an
ablation, one setting of the patch-size study. What a job makes lies in the run's bank and
checkpoints, where the notebook finds it by its digest; should a job not have run, the notebook does
its work.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from boneage_lib.errors import InputError
from boneage_lib.inputs import table_5_at
from boneage_lib.report.plan import NETWORK_OF, PATCH_STUDY, check, parameters_of, plan_of
from boneage_lib.report.provenance import environment
from boneage_lib.report.run import NOTEBOOK_OF, Run

INPUT_FORMS = ("caffe", "tf")


def features(run: Run, settings: dict[str, Any], notebook: str, part: tuple[int, int]) -> None:
    """Fill one part of the banks behind a notebook's trainings."""
    from boneage_lib.training import fill_banks

    plan = plan_of(notebook, settings)
    fill_banks(
        NETWORK_OF[notebook],
        run.cohort(),
        plan.settings,
        max(plan.seeds, plan.ablation_seeds),
        run.bank,
        plan.weights,
        part=part,
        **plan.more,
    )


def head(run: Run, settings: dict[str, Any], notebook: str, seed: int) -> None:
    """Train one seed of a notebook's network; its last state stays among the checkpoints."""
    from boneage_lib.training import of_seeds, train

    plan = plan_of(notebook, settings)
    train(
        NETWORK_OF[notebook],
        run.cohort(),
        of_seeds(plan.settings, plan.seeds)[seed],
        run.bank,
        plan.weights,
        verbose=False,
        checkpoints=run.checkpoints,
        **plan.more,
    )


def arm(run: Run, settings: dict[str, Any], study: str, name: str) -> None:
    """Train one arm of an ablation with every seed; its notebook finds the states."""
    from boneage_lib.training.ablations import ABLATIONS, arms_of, train_arm

    notebook = NOTEBOOK_OF[ABLATIONS[study].network]
    plan, cohort = plan_of(notebook, settings), run.cohort()
    train_arm(
        study,
        arms_of(study, cohort, plan.settings)[name],
        cohort,
        plan.ablation_seeds,
        run.bank,
        plan.weights,
        run.checkpoints,
        plan.more.get("keep_maps", False),
    )


def patches(run: Run, settings: dict[str, Any], setting: int) -> None:
    """Train one setting of the patch-size study, by its number from 0: as printed, then fairly."""
    from boneage_lib.training import train_patches, train_patches_fairly

    plan, cohort = plan_of(PATCH_STUDY, settings), run.cohort()
    count, size = table_5_at(cohort.size)[setting]
    train_patches(
        cohort, plan.settings, count, size, run.bank, plan.weights, checkpoints=run.checkpoints
    )
    train_patches_fairly(
        cohort,
        plan.settings,
        plan.seeds,
        count,
        size,
        run.bank,
        plan.weights,
        checkpoints=run.checkpoints,
    )


def work(run: Run, settings: dict[str, Any], name: str) -> Path:
    """Do a job by its name and write down what it took, as ``jobs/<name>.json``.

    Names: ``check``, ``NOTEBOOK.features.K-of-N``, ``NOTEBOOK.seed.K``, ``NOTEBOOK.setting.K``,
    ``NOTEBOOK.arm.ABLATION-ARM``; K counts from 0.

    Raises:
        InputError: an unknown job, or what the work itself raises.
    """
    started = time.perf_counter()
    found: dict[str, Any] = {}
    notebook, *kind = name.split(".")
    match kind:
        case []:
            found = check(run, settings)
        case ["features", part]:
            features(run, settings, notebook, _part(part))
        case ["seed", number]:
            head(run, settings, notebook, int(number))
        case ["arm", name_of_arm]:
            arm(run, settings, *name_of_arm.split("-", 1))
        case ["setting", number]:
            patches(run, settings, int(number))
        case _:
            raise InputError(f"Found no job {name!r}; expected one that the Snakefile names.")
    seconds = round(time.perf_counter() - started, 1)
    record = {"job": name, "seconds": seconds, **found, **environment()}
    return run.write_job(name, record)


def _part(text: str) -> tuple[int, int]:
    k, _, of = text.partition("-of-")
    return int(k), int(of)


def trains_only_a_head(name: str, settings: dict[str, Any]) -> bool:
    """True for a job whose features are there already: one core is enough for it.

    Args:
        name: of the job, see `work`.
        settings: of the run.
    """
    notebook, *kind = name.split(".")
    parameters = parameters_of(notebook, settings)
    match kind:
        case ["seed", _]:
            own_features = False
        case ["arm", arm]:
            # The other form of the input is another bank; without resampling some radiographs are
            # looked at that resampling leaves out.
            own = f"input_form-{parameters.get('input_form')}"
            other_form = arm.startswith("input_form-") and arm != own
            own_features = other_form or arm == "resampling-as_it_is"
        case _:
            return False
    return parameters["engine"] == "bank" and not own_features


def keeps_all_cores_busy(name: str, settings: dict[str, Any]) -> bool:
    """True for a job that leaves no core idle: base and head in one step, from first to last.

    What fills a bank waits for views and for the disk; another job fills those gaps.

    Args:
        name: of the job, see `work`.
        settings: of the run.
    """
    return parameters_of(name.split(".")[0], settings).get("engine") == "streaming"


def urgency(name: str) -> int:
    """The higher, the earlier: features first, then what takes longest and what waits for it.

    Else the longest trainings would begin last, and a core would stand idle while they end.

    Args:
        name: of a job, see `work`, or of a notebook that trains.
    """
    notebook, kind, *_ = [*name.split("."), ""]
    if kind == "features":
        return 10
    if notebook == "05_xception_attention":  # its head runs on maps
        return 8
    if notebook == "04_xception" and not kind:  # the attention network's waits for it
        return 7
    if notebook in ("03_inception_v3", PATCH_STUDY):  # three million weights; features of its own
        return 6
    return 4 if kind == "arm" or not kind else 2


def own_arms(notebook: str, parameters: dict[str, Any]) -> list[str]:
    """Arms of a notebook's ablations that no other arm or training of the run equals."""
    if not parameters.get("ablation_seeds"):
        return []
    # Arms go without early stopping. Where the network does, too, its seeds are one of them.
    seeds_are_an_arm = (
        parameters["stop_patience"] == 0 and parameters["ablation_seeds"] <= parameters["seeds"]
    )
    if notebook == "06_resnet50_patches":
        return [
            f"input_form-{form}"
            for form in INPUT_FORMS
            if not (seeds_are_an_arm and form == parameters["input_form"])
        ]
    schedules = [
        f"schedules-{name}"
        for name in ("plateau", "sawtooth", "exponential", "constant")
        if not (seeds_are_an_arm and name == parameters["schedule"])
    ]
    return [*schedules, "resampling-as_it_is"]


def job_names(settings: dict[str, Any], parts: int) -> dict[str, list[str]]:
    """All jobs of a run, and for each the jobs that must have ended before it.

    Args:
        settings: of the run.
        parts: jobs that fill each bank together.
    """
    jobs: dict[str, list[str]] = {}
    for notebook in NETWORK_OF:
        parameters = parameters_of(notebook, settings)
        needed: list[str] = []
        if parameters["engine"] == "bank":
            # The attention network's bank is that of Xception's maps, where those are kept.
            before = [job for job in jobs if job.startswith("04_xception.features.")]
            for k in range(parts):
                name = f"{notebook}.features.{k}-of-{parts}"
                jobs[name] = before if "attention" in notebook else []
            needed = [job for job in jobs if job.startswith(f"{notebook}.features.")]
        jobs |= {f"{notebook}.seed.{k}": needed for k in range(parameters["seeds"])}
        jobs |= {f"{notebook}.arm.{own}": needed for own in own_arms(notebook, parameters)}
    sizes = table_5_at(settings["cohort"]["size"])
    return jobs | {f"{PATCH_STUDY}.setting.{k}": [] for k in range(len(sizes))}
