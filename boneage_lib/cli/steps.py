"""The hidden command `step`, as the pipeline calls it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
import yaml

from boneage_lib.cli.cohorts import phantom, prepare
from boneage_lib.cli.shared import console


def step(
    name: Annotated[str, typer.Argument(help="cohort, book, a notebook, or a job of `jobs`.")],
    folder: Annotated[Path, typer.Option(help="The run's folder.")],
    threads: Annotated[int | None, typer.Option(help="Threads of the head's training.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Take one GPU, where there are any.")] = False,
) -> None:
    """One step of a run, as the pipeline calls it."""
    from boneage_lib.report.devices import one_gpu
    from boneage_lib.report.guard import end_with_owner
    from boneage_lib.report.run import Run
    from boneage_lib.report.steps import do_step, end_step

    end_with_owner()
    found = Run(folder.resolve())
    settings = yaml.safe_load(found.parameters_file.read_text())
    if threads == 1:  # read by the backend when it is loaded
        os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    with one_gpu() if gpu else nullcontext():
        if name == "cohort":
            _make_cohort(found.cohort_folder, settings["cohort"])
            end_step(found, name)
        else:
            if name != "book":
                console.print(f"{name} …", highlight=False)
            do_step(found, settings, name)


def _make_cohort(out: Path, cohort: dict[str, object]) -> None:
    """Make a run's own cohort; one of other settings gives way once the new one is whole."""
    if cohort["source"] == "rsna":
        folder, size, seed = (
            Path(str(cohort["folder"])),
            int(str(cohort["size"])),
            int(str(cohort["seed"])),
        )
        validation, test = (float(str(cohort[key])) for key in ("validation_share", "test_share"))
        prepare(folder, out, size, seed, replace=True, validation_share=validation, test_share=test)
    else:
        n, size, seed = (int(str(cohort[key])) for key in ("n", "size", "seed"))
        variation, noise = (float(str(cohort[key])) for key in ("variation", "maturity_noise"))
        phantom(out, n, size, seed, variation, noise, replace=True)
