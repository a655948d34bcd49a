"""One step of a run, as the pipeline names it: a job, a notebook, the book."""

from __future__ import annotations

from typing import Any

from boneage_lib.report.clock import inputs_of, no_later_than_now
from boneage_lib.report.done import mark_done
from boneage_lib.report.run import Run, project_root, shown


def do_step(run: Run, settings: dict[str, Any], name: str) -> None:
    """Do a step of a run whose cohort is there, and mark it as done.

    Args:
        run: where what it makes goes.
        settings: of the run, see `boneage_lib.report.pipeline.settle`.
        name: ``book``, a notebook, or a job of `boneage_lib.report.jobs.work`.

    Raises:
        InputError: what the step itself raises.
    """
    _do(run, settings, name)
    end_step(run, name)


def end_step(run: Run, name: str) -> None:
    """Tell Snakemake of what a step has made."""
    mark_done(run, name)
    no_later_than_now(inputs_of(run))  # the clock may have been set back while it was at work


def _do(run: Run, settings: dict[str, Any], name: str) -> None:
    # Each step loads what it needs: a notebook's parent needs no Keras, and a job no notebook.
    if name == "check" or "." in name:
        from boneage_lib.report.jobs import work
        from boneage_lib.report.telling import told_progress

        with told_progress(name, run.folder / f".{name}.progress"):
            work(run, settings, name)
    elif name == "book":
        from boneage_lib.report.book import build_book
        from boneage_lib.report.provenance import write_provenance

        write_provenance(run, settings)
        build_book(run)
    else:
        from boneage_lib.report.execute import execute
        from boneage_lib.report.profile import notebook_parameters

        root = project_root()
        source = root / "notebooks" / f"{name}.py"
        own = {"run_dir": shown(run.folder), **settings["notebooks"][name]}
        if "weights" in notebook_parameters(source):
            own["weights"] = settings["weights"]
        execute(source, run.notebooks / f"{name}.ipynb", own, root, run.outputs / name)
