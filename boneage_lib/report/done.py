"""What the steps of a run have made, told to Snakemake by marks that it may take away.

Snakemake removes what a step makes before the step begins, and again when it fails. Therefore it is
told of marks alone, each with the checksum of a file: the files themselves stay until a step puts
whole new ones in their place, and what hangs on a file that came out the same is not done again.
"""

from __future__ import annotations

from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.plan import NETWORK_OF
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run, checksum_file, sha256_of

COHORT, BOOK = "cohort/cohort.json", "html/index.html"
#: What other steps read of a notebook's results.
RESULTS = {
    **{notebook: f"results/{network}.json" for notebook, network in NETWORK_OF.items()},
    "01_data_inspection": "results/table_1.csv",
    "02_resampling": "results/resampling.json",
    "07_patch_size_study": "results/patch_size_study.csv",
    "08_ensemble_analysis": "results/metrics.json",
    "09_claims": "results/claims.json",
}
MODELS = {notebook: f"models/{network}.keras" for notebook, network in NETWORK_OF.items()}
STEPS = ("cohort", *NOTEBOOKS, "book")


def made_by(step: str) -> list[str]:
    """Files of a run's folder that a step makes; none of a job, which writes its own record."""
    if step in NOTEBOOKS:
        others = (files[step] for files in (RESULTS, MODELS) if step in files)
        return [f"notebooks/{step}.ipynb", *others]
    return {"cohort": [COHORT], "book": [BOOK]}.get(step, [])


def mark(file: str) -> str:
    """The mark of a file, both by their path in the run's folder."""
    return f"done/{file}.sha256"


def mark_done(run: Run, step: str) -> None:
    """Mark what a step has made."""
    for file in made_by(step):
        with written_whole(run.folder / mark(file)) as partial:
            partial.write_text(sha256_of(run.folder / file) + "\n")


def forget_missing(run: Run) -> list[str]:
    """Take the marks of steps of which a file is gone or changed, so that they are done again.

    Returns:
        The files that are there, but not as their marks say, by their path in the run's folder.
    """
    changed = []
    for step in STEPS:
        files = made_by(step)
        other = [file for file in files if _is_other(run, file)]
        if other or not all((run.folder / file).is_file() for file in files):
            for file in files:
                (run.folder / mark(file)).unlink(missing_ok=True)
        changed += other
    return changed


def _is_other(run: Run, file: str) -> bool:
    """Whether a file is there and marked, and not what was marked.

    A notebook that is executed by hand writes the same results; only a network's file holds the
    time of its writing, and has a checksum of its own beside it.
    """
    made, marked = run.folder / file, run.folder / mark(file)
    if not (made.is_file() and marked.is_file()):
        return False
    own = checksum_file(made)
    recorded = own if own.is_file() else marked
    return [sha256_of(made)] != recorded.read_text().split()[:1]  # the name may follow
