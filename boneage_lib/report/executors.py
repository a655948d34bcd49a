"""What Snakemake needs to know to hand a run's steps to a cluster."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from boneage_lib.errors import InputError

PLUGIN = "snakemake_executor_plugin_"
BUILT_IN = ("local", "dryrun", "touch")

#: Jobs that wait or run on a cluster at once.
JOBS = 100
#: Seconds in which a file that a job wrote may stay unseen here, as on a network file system.
LATENCY_SECONDS = 60
#: What each job asks for, so that a node of 8 GB takes one; how much each step needs at 500 px has
#: not been measured.
MEMORY_MB = 6000
#: A job that is ended at its limit goes on from its last epoch or shard when the run starts again.
RUNTIME_MINUTES = 12 * 60
#: Steps take minutes; Snakemake's 40 would let many of them end unseen.
SECONDS_TO_FIRST_LOOK = 10
#: Within this time a SLURM that is there has answered.
SECONDS_TO_ANSWER = 60


def executor_arguments(
    executor: str | None,
    folder: Path,
    cores: int,
    jobs: int = JOBS,
) -> list[str]:
    """Arguments for Snakemake that let its executor plugin run the steps; they come last.

    Args:
        executor: a plugin's name, such as ``slurm``; None or a built-in one stays on this machine.
        folder: of the run; names its jobs.
        cores: of one job at most, where the executor is a cluster's.
        jobs: at once at most.

    Raises:
        InputError: the plugin is not installed; SLURM is not there, does not answer, or still runs
            jobs of this folder.
    """
    if executor is None:
        return []
    if executor in BUILT_IN:
        return ["--executor", executor]
    _check_installed(executor)
    arguments = [
        *("--executor", executor),
        *("--jobs", str(jobs)),
        # --cores counts those of all jobs together, and a step may take all that it counts.
        *("--cores", str(jobs * cores)),
        *("--max-threads", str(cores)),
        *("--latency-wait", str(LATENCY_SECONDS)),
        # What a job says goes to its log; quiet about rules, Snakemake would hide errors, too.
        *("--quiet", "host", "reason", "--show-failed-logs"),
    ]
    return arguments + (_slurm_arguments(folder) if executor == "slurm" else [])


def _check_installed(executor: str) -> None:
    plain = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", executor)
    if plain and importlib.util.find_spec(PLUGIN + executor.replace("-", "_")):
        return
    found = sorted(
        module.name.removeprefix(PLUGIN).replace("_", "-")
        for module in pkgutil.iter_modules()
        if module.name.startswith(PLUGIN) and not module.name.endswith("_jobstep")
    )
    raise InputError(
        f"Found no executor plugin {executor!r} for Snakemake; installed: "
        f"{', '.join(found) or 'none'}. "
        + (
            f"Install it with: pip install snakemake-executor-plugin-{executor}"
            if plain
            else "Expected a name such as slurm."
        )
    )


def _slurm_arguments(folder: Path) -> list[str]:
    if shutil.which("sbatch") is None:
        raise InputError(
            "Found no sbatch on PATH; expected a machine that hands jobs to SLURM, such as a "
            "cluster's login node. tests/cluster/start_slurm.sh starts a SLURM on this one."
        )
    prefix = job_prefix(folder)
    _check_queue(prefix)
    accounting = _accounting_works()
    arguments = [
        *("--slurm-jobname-prefix", prefix),
        *("--slurm-init-seconds-before-status-checks", str(SECONDS_TO_FIRST_LOOK)),
    ]
    if not accounting:
        arguments += ["--slurm-status-command", "squeue", "--slurm-no-account"]
    # Snakemake takes defaults from here or from its own profile, and does not join the two.
    if os.environ.get("SNAKEMAKE_PROFILE", "none") in ("", "none"):
        resources = [f"mem_mb={MEMORY_MB}", f"runtime={RUNTIME_MINUTES}"]
        # The plugin passes a partition, and with accounting an account, which hide SLURM's own
        # variables from sbatch.
        if partition := os.environ.get("SBATCH_PARTITION"):
            resources.append(f"slurm_partition={partition}")
        if accounting and (account := os.environ.get("SBATCH_ACCOUNT")):
            resources.append(f"slurm_account={account}")
        arguments += ["--default-resources", *resources]
    return arguments


def job_prefix(folder: Path) -> str:
    """How the names of a run's SLURM jobs begin: for people, and different for every folder."""
    whole = str(folder.resolve())
    name = re.sub(r"[^A-Za-z0-9-]+", "-", folder.resolve().name)[:24]
    return f"boneage-{name}-{sha256(whole.encode()).hexdigest()[:8]}"


def _check_queue(prefix: str) -> None:
    queue = ["squeue", "--me", "--noheader", "--states", "PD,R,S,CF", "--format", "%A %j"]
    code, out, error = _ask(queue)
    if code:
        raise InputError(
            f"Found a SLURM that does not answer: {error or f'squeue ended with {code}'}. Expected "
            "its queue; try squeue by hand, or run without --executor."
        )
    rows = [line.split(maxsplit=1) for line in out.splitlines() if line.strip()]
    if left := [row[0] for row in rows if row[-1].startswith(prefix)]:
        raise InputError(
            f"Found jobs of this run in SLURM's queue: {', '.join(left)}. Expected none, since two "
            "jobs would write the same files: wait until they have ended, or end them with "
            f"scancel {' '.join(left)}"
        )


def _accounting_works() -> bool:
    """Whether SLURM keeps accounts: ``sacct`` is there without them too, but fails."""
    code, _, _ = _ask(["sacct", "--allocations", "--noheader", "--starttime", "now"])
    return code == 0


def _ask(command: list[str]) -> tuple[int, str, str]:
    """Exit code, output and last error line of a SLURM command; never waits for long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False
        )
    except FileNotFoundError:
        return 127, "", f"there is no {command[0]} on PATH"
    except subprocess.TimeoutExpired:
        return 124, "", f"{command[0]} gave no answer in {SECONDS_TO_ANSWER} s"
    errors = done.stderr.strip().splitlines()
    return done.returncode, done.stdout, errors[-1].strip() if errors else ""
