"""Parts of a run that the pipeline may spread over cores, GPUs and machines.

A notebook does all its training by itself. On a larger run the pipeline does the long parts before
it, each as a job of its own: the features of a bank, the training of one seed, one setting of the
patch-size study. What a job makes lies in the run's bank and checkpoints, where the notebook finds
it by its digest; should a job not have run, the notebook does its work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boneage_lib.errors import InputError
from boneage_lib.inputs import TABLE_5, table_5_at
from boneage_lib.report.profile import notebook_parameters
from boneage_lib.report.provenance import environment
from boneage_lib.report.run import NOTEBOOK_OF, Run, project_root

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.training import Settings

#: The notebooks that train, and the network of each.
NETWORK_OF = {notebook: network for network, notebook in NOTEBOOK_OF.items()}
PATCH_STUDY = "07_patch_size_study"
#: Arms of ablations that no other arm or training of the run equals, by notebook.
OWN_ARMS = {
    "04_xception": (
        *(f"schedules-{name}" for name in ("plateau", "sawtooth", "exponential", "constant")),
        "resampling-as_it_is",
    ),
    "06_resnet50_patches": ("input_form-tf",),
}
#: Arms that need features no other training of the run needs.
OWN_FEATURES = (".arm.input_form-tf",)
#: Parameters of a notebook that go to `boneage_lib.training.train` beside the settings.
_PASSED_ON = ("keep_maps", "input_form")


@dataclass(frozen=True)
class Plan:
    """What a notebook trains, from its parameters.

    Attributes:
        settings: of the first training.
        seeds: how many trainings.
        weights: of the bases.
        more: further arguments of `boneage_lib.training.train`.
    """

    settings: Settings
    seeds: int
    weights: str
    more: dict[str, Any]


def plan_of(notebook: str, settings: dict[str, Any]) -> Plan:
    """A notebook's trainings under the settings of a run (see `boneage_lib.report.profile`)."""
    from boneage_lib.training import Settings

    parameters = _parameters(notebook, settings)
    return Plan(
        Settings.named_in(parameters),
        parameters.get("seeds", 1),
        settings["weights"],
        {name: parameters[name] for name in _PASSED_ON if name in parameters},
    )


def check(run: Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Refuse before anything long what would fail later: settings, weights, room for all banks."""
    from boneage_lib.networks import network
    from boneage_lib.training import bank_room, check_trainable
    from boneage_lib.training.feature_bank import check_room

    cohort = run.cohort()
    needed = {}
    for notebook, name in NETWORK_OF.items():
        plan = plan_of(notebook, settings)
        check_trainable(network(name), cohort, plan.settings, plan.weights)
        if plan.settings.engine == "bank":
            keep_maps = plan.more.get("keep_maps", False)
            needed[name] = bank_room(
                name, cohort, plan.settings, plan.seeds, plan.weights, keep_maps
            )
    if plan_of("04_xception", settings).more["keep_maps"]:
        needed.pop("xception", None)  # the attention network's bank is the same
    present = sum(file.stat().st_size for file in run.bank.rglob("*.npy"))
    check_room(run.bank, sum(needed.values()) - present)
    return {"bank_bytes": needed}


def features(run: Run, settings: dict[str, Any], notebook: str, part: tuple[int, int]) -> None:
    """Fill one part of the banks behind a notebook's trainings."""
    from boneage_lib.training import fill_banks

    plan = plan_of(notebook, settings)
    fill_banks(
        NETWORK_OF[notebook],
        run.cohort(),
        plan.settings,
        plan.seeds,
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
        _parameters(notebook, settings)["ablation_seeds"],
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


def _parameters(notebook: str, settings: dict[str, Any]) -> dict[str, Any]:
    defaults = notebook_parameters(project_root() / "notebooks" / f"{notebook}.py")
    return {**defaults, **settings["notebooks"][notebook]}


def _part(text: str) -> tuple[int, int]:
    k, _, of = text.partition("-of-")
    return int(k), int(of)


def trains_only_a_head(name: str) -> bool:
    """True for a job whose features are there already: one core is enough for it."""
    return (".seed." in name or ".arm." in name) and not name.endswith(OWN_FEATURES)


def job_names(settings: dict[str, Any], parts: int) -> dict[str, list[str]]:
    """All jobs of a run, and for each the jobs that must have ended before it.

    Args:
        settings: of the run.
        parts: jobs that fill each bank together.
    """
    jobs: dict[str, list[str]] = {"check": []}
    for notebook in NETWORK_OF:
        parameters = _parameters(notebook, settings)
        needed = ["check"]
        if parameters["engine"] == "bank":
            # The attention network's bank is that of Xception's maps, where those are kept.
            before = [job for job in jobs if job.startswith("04_xception.features.")]
            for k in range(parts):
                name = f"{notebook}.features.{k}-of-{parts}"
                jobs[name] = before if before and "attention" in notebook else ["check"]
            needed = [job for job in jobs if job.startswith(f"{notebook}.features.")]
        jobs |= {f"{notebook}.seed.{k}": needed for k in range(parameters["seeds"])}
        if parameters.get("ablation_seeds"):
            jobs |= {f"{notebook}.arm.{own}": needed for own in OWN_ARMS.get(notebook, ())}
    return jobs | {f"{PATCH_STUDY}.setting.{k}": ["check"] for k in range(len(TABLE_5))}
