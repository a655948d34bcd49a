"""Start a run: check everything, write its settings, hand over to Snakemake."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from boneage_lib.bases import (
    BASES,
    KNOWN_CHECKPOINTS,
    check_size,
    describe_weights,
    find_weights,
)
from boneage_lib.data.phantom_cohort import check_phantoms
from boneage_lib.data.splits import check_shares
from boneage_lib.data.whole_files import disk_full, explained, remove_left, written_whole
from boneage_lib.errors import InputError
from boneage_lib.report.clock import inputs_of, no_later_than_now
from boneage_lib.report.devices import count_gpus
from boneage_lib.report.done import forget_missing
from boneage_lib.report.execute import ENVIRONMENT
from boneage_lib.report.guard import OWNER, only_run
from boneage_lib.report.profile import NOTEBOOKS, load_profile, notebook_parameters, resolve
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.stopping import run_stoppable

#: Folders of a run where killed steps leave what they had half written.
MADE_BY_STEPS = (
    "bank",
    "checkpoints",
    "models",
    "histories",
    "predictions",
    "results",
    "jobs",
    "done",
    "notebooks",
    "outputs",
)
#: What Snakemake is asked for, one after another; the check ends the run where it fails.
TARGETS: tuple[str, ...] = ("check", "all")
#: Bytes that a run's notebooks, results, models and book take at least.
LEAST_ROOM = 2**28
#: Steps that go back and forth between a base and one core: so many share a machine's cores.
STEPS_AT_ONCE = 2
#: Time in which Snakemake takes its jobs back from a cluster.
SECONDS_TO_CANCEL = 60.0


def settle(
    profile: str,
    source: Path | None,
    weights: str | None,
    overrides: list[str],
) -> dict[str, Any]:
    """All settings of a run, checked: what ``parameters.yaml`` holds.

    Raises:
        InputError: an unknown profile or parameter, a missing source or weights, an image size
            below a base's minimum.
    """
    root = project_root()
    settings = resolve(load_profile(profile, root), overrides, root)
    if weights is not None:
        settings["weights"] = weights
    if Path(settings["weights"]).is_file():
        raise InputError(
            f"Found the file {settings['weights']} as weights; expected a folder that holds the "
            f"files of {', '.join(BASES)}."
        )
    for name in BASES:
        find_weights(name, settings["weights"])
    if settings["weights"] not in ("random", "imagenet"):
        settings["weights"] = str(Path(settings["weights"]).resolve())
    cohort = settings["cohort"]
    for name in ("inception_v3", "xception"):
        check_size(name, cohort["size"])
    for name, values in settings["notebooks"].items():
        defaults = notebook_parameters(root / "notebooks" / f"{name}.py")
        if size := {**defaults, **values}.get("patch_size"):
            check_size("resnet50", size)
            if size > cohort["size"]:
                raise InputError(
                    f"{name}: found patch_size={size} for radiographs of {cohort['size']} px; "
                    "expected a patch no larger than the radiograph."
                )
    if cohort["source"] == "rsna":
        if source is None:
            raise InputError(
                f"Profile {profile} needs real radiographs: give --source DIR, a folder or zip as "
                "RSNA or Kaggle distributes them."
            )
        if not source.exists():
            raise InputError(f"Found no {source}; expected a folder or zip with radiographs.")
        check_shares(cohort["validation_share"], cohort["test_share"])
        cohort["folder"] = str(source.resolve())
    elif source is None:
        check_phantoms(
            *(cohort[key] for key in ("n", "size", "seed", "variation", "maturity_noise"))
        )
    else:
        raise InputError(
            f"Profile {profile} draws synthetic radiographs and takes no --source; expected a "
            "profile with real ones, such as rsna-500px."
        )
    check_weights(settings["weights"])
    # Other files in the same folder are other weights.
    settings["weights_sha256"] = {
        name: describe_weights(name, settings["weights"])["sha256"] for name in BASES
    }
    return settings


def check_weights(weights: str) -> None:
    """Load weights that are not known by their checksum, before anything starts.

    Keras then downloads its own, or finds them in its cache, and a file that does not fit is
    noticed now and not after hours.

    Raises:
        InputError: they cannot be had, or do not fit; names the file and Keras' reason.
    """
    for name, base in BASES.items():
        described = describe_weights(name, weights)
        if described["kind"] == "random" or described["sha256"] in KNOWN_CHECKPOINTS:
            continue
        from boneage_lib.networks import frozen_backbone  # Keras takes seconds to load.

        frozen_backbone(name, base.minimum_size, weights)


def spread_out(
    settings: dict[str, Any],
    cores: int,
    executor: str | None = None,
    spread: bool | None = None,
    parts: int | None = None,
    gpus: int | None = None,
) -> dict[str, Any]:
    """How a run's work is cut into jobs: what ``jobs.yaml`` holds, of no effect on any result.

    Args:
        settings: of the run.
        cores: of this machine, or of one job on a cluster.
        executor: a Snakemake executor plugin.
        spread: make each bank, seed, arm of an ablation and patch setting a job of its own. By
            default where that pays: with several seeds, on a cluster, or on several GPUs.
        parts: jobs that fill each bank together; by default one a GPU, and four on a cluster.
        gpus: GPUs to spread jobs over, one each; by default those of this machine.

    Raises:
        InputError: fewer than one core or part, or a negative number of GPUs.
    """
    for name, value, least in (("cores", cores, 1), ("parts", parts, 1), ("gpus", gpus, 0)):
        if value is not None and value < least:
            raise InputError(f"Found --{name} {value}; expected {least} or more.")
    if gpus is None:
        gpus = 0 if executor else count_gpus()
    if spread is None:
        seeds = [own.get("seeds", 1) for own in settings["notebooks"].values()]
        spread = executor is not None or gpus > 1 or max(seeds) > 1
    return {
        "spread": spread,
        "parts": parts or (4 if executor else max(gpus, 1)),
        "gpus": gpus,
        "cores": cores,
        "at_once": 1 if executor or gpus else STEPS_AT_ONCE,
    }


def start(
    run: Run,
    settings: dict[str, Any],
    jobs: dict[str, Any],
    extra: list[str],
    only: str | None = None,
) -> int:
    """Write ``parameters.yaml`` and run Snakemake in the run's folder; returns its exit code.

    Args:
        run: where it runs.
        settings: see `settle`.
        jobs: see `spread_out`.
        extra: further arguments of Snakemake.
        only: a notebook: it is made, with what it needs, and nothing else; None makes everything.

    Raises:
        InputError: no such notebook; another run is at work there; the folder cannot be written, or
            its disk is full.
        KeyboardInterrupt: the run was stopped; nothing of it goes on.
    """
    if only is not None and only not in NOTEBOOKS:
        raise InputError(f"Found --only {only}; expected one of {', '.join(NOTEBOOKS)}.")
    with explained(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
        with only_run(run) as lock:
            check_room(run)
            for folder in (run.folder / name for name in MADE_BY_STEPS):
                remove_left(folder)
            _write_yaml(run.parameters_file, settings)
            _write_yaml(run.jobs_file, {"jobs": jobs})
            for file in forget_missing(run):
                print(
                    f"{file} is not what its step made: damaged, or written by somebody else. The "
                    "step is done again.",
                    file=sys.stderr,
                    flush=True,
                )
            no_later_than_now(inputs_of(run))
            for target in (*TARGETS[:-1], only or TARGETS[-1]):
                if code := run_snakemake(run, jobs, target, extra, lock):
                    if shutil.disk_usage(run.folder).free < LEAST_ROOM:
                        raise InputError(disk_full(run.folder))  # Snakemake says it in other words
                    break
            return code


def check_room(run: Run) -> None:
    """Raise InputError where not even notebooks, results and the book would fit.

    Room for banks is looked at by the check that each run begins with, which knows what is there.
    """
    free = shutil.disk_usage(run.folder).free
    if free < LEAST_ROOM:
        raise InputError(
            f"Found {free / 2**20:.0f} MiB free on the disk of {run.folder}; expected "
            f"{LEAST_ROOM // 2**20} MiB or more for notebooks, results and the book. Make room, or "
            "give the run another --out."
        )


def run_snakemake(run: Run, jobs: dict[str, Any], target: str, extra: list[str], lock: int) -> int:
    """Run Snakemake up to a target; returns its exit code.

    Args:
        run: where it runs.
        jobs: see `spread_out`.
        target: a rule of the Snakefile.
        extra: further arguments of Snakemake.
        lock: the descriptor that holds the run's folder.
    """
    resources = ["--resources", f"gpu={jobs['gpus']}"] if jobs["gpus"] else []
    command = [
        sys.executable,
        "-m",
        "snakemake",
        target,
        "--snakefile",
        str(project_root() / "Snakefile"),
        "--directory",
        str(run.folder),
        "--configfile",
        str(run.parameters_file),
        str(run.jobs_file),
        "--cores",
        str(jobs["cores"]),
        "--rerun-incomplete",
        "--nolock",  # its own lock outlives a killed run; `only_run` does not
        "--keep-going",
        "--quiet",
        "rules",
        "host",
        *resources,
        *extra,
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, **ENVIRONMENT, "PATH": path}
    on_cluster = "--executor" in extra
    if not on_cluster:  # a step on another machine knows nobody here
        environment[OWNER] = str(os.getpid())
    grace = SECONDS_TO_CANCEL if on_cluster else 0.0
    return run_stoppable(command, environment, lock, grace)


def _write_yaml(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all; a file that says the same is left alone."""
    text = yaml.safe_dump(content, sort_keys=False)
    if not file.is_file() or file.read_text() != text:
        with written_whole(file) as partial:
            partial.write_text(text)
