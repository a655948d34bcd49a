"""Start a run: check everything, write its settings, hand over to Snakemake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from boneage_lib.bases import BASES, check_size, find_weights
from boneage_lib.data.phantom_cohort import check_phantoms
from boneage_lib.errors import InputError
from boneage_lib.report.execute import ENVIRONMENT
from boneage_lib.report.profile import load_profile, notebook_parameters, resolve
from boneage_lib.report.run import Run, project_root


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
    if settings["weights"] == "imagenet":
        fetch_weights()
    return settings


def fetch_weights() -> None:
    """Let Keras download its ImageNet weights, or find them in its cache, before anything starts.

    Raises:
        InputError: they cannot be had; says how to provide them.
    """
    from boneage_lib.networks import frozen_backbone  # Keras takes seconds to load.

    for base in BASES.values():
        frozen_backbone(base.name, base.minimum_size, "imagenet")


def start(run: Run, settings: dict[str, Any], cores: int, extra: list[str]) -> int:
    """Write ``parameters.yaml`` and run Snakemake in the run's folder; returns its exit code."""
    run.folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(settings, sort_keys=False)
    if not run.parameters_file.is_file() or run.parameters_file.read_text() != text:
        partial = run.parameters_file.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(run.parameters_file)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(project_root() / "Snakefile"),
        "--directory",
        str(run.folder),
        "--configfile",
        str(run.parameters_file),
        "--cores",
        str(cores),
        "--rerun-incomplete",
        "--keep-going",
        "--quiet",
        "rules",
        "host",
        *extra,
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        command, env={**os.environ, **ENVIRONMENT, "PATH": path}, check=False
    ).returncode
