"""Commands that run the pipeline and hand on what it made: `run`, `pdf`, `publish`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from boneage_lib.errors import InputError


def run(
    profile: Annotated[str, typer.Argument(help="A profile's name, or a .yaml file.")],
    source: Annotated[Path | None, typer.Option(help="Real radiographs: folder or zip.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="imagenet, random, or a folder with Keras' notop weights.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/PROFILE.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="KEY=VALUE; NOTEBOOK.KEY or cohort.KEY for one.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="A notebook, such as 11_beyond: it, with what it needs.")
    ] = None,
    cores: Annotated[
        int, typer.Option(help="Processor cores to use; of one job with --executor.")
    ] = os.cpu_count() or 1,
    executor: Annotated[
        str | None, typer.Option(help="A Snakemake executor plugin, such as slurm.")
    ] = None,
    spread: Annotated[
        bool | None,
        typer.Option(
            "--spread/--no-spread",
            help="Make each bank, seed, arm of an ablation and patch setting a job of its own; by "
            "default with several seeds or GPUs, or an executor.",
        ),
    ] = None,
    parts: Annotated[
        int | None, typer.Option(help="Jobs that fill each bank of features together.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="GPUs to spread jobs over; by default this machine's.")
    ] = None,
) -> None:
    """The pipeline: only what changed runs again; executed notebooks, results and the HTML book."""
    from boneage_lib.report.executors import executor_arguments
    from boneage_lib.report.pipeline import settle, spread_out, start
    from boneage_lib.report.run import Run, shown

    settings = settle(profile, source, weights, parameter or [])
    jobs = spread_out(settings, cores, executor, spread, parts, gpus)
    folder = Run(out.resolve() if out else Path("runs") / settings["profile"])
    extra = executor_arguments(executor, folder.folder, cores)
    code = start(folder, settings, jobs, extra, only)
    if code:
        raise InputError("The run stopped; the messages above name the notebook, cell and cause.")
    print(shown(folder.notebooks / f"{only}.ipynb" if only else folder.html / "index.html"))


def pdf(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")] = Path("runs/demo"),
    out: Annotated[
        Path | None, typer.Option(help="The file; by default book.pdf in the run's folder.")
    ] = None,
) -> None:
    """The whole book of a run as one PDF."""
    from boneage_lib.report.pdf import write_pdf
    from boneage_lib.report.run import Run, shown

    found = Run(folder.resolve())
    print(shown(write_pdf(found, out or found.folder / "book.pdf")))


def publish(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")] = Path("runs/demo"),
    study: Annotated[
        str | None, typer.Option(help="Keep the run's numbers as results/STUDY instead.")
    ] = None,
) -> None:
    """Put a run into the checkout: the demo's executed notebooks, or a study's numbers."""
    from boneage_lib.report.publish import publish_notebooks
    from boneage_lib.report.run import Run, shown
    from boneage_lib.report.studies import keep_study

    found = Run(folder.resolve())
    for path in [keep_study(found, study)] if study else publish_notebooks(found):
        print(shown(path))
