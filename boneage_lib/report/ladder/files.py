"""Where a run keeps the networks of its ladder, and what an earlier ladder left there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from boneage_lib.report.run import Run

#: Within a run's folders for weights, states and tables.
FOLDER = "beyond"
#: In place of steps: none are tried.
NO_RUNGS = "none"
#: The step whose network began with synthetic radiographs.
PRETRAINED = "pretrained"
#: The network that saw synthetic radiographs alone.
PHANTOMS = "phantoms"


def weights_file(run: Run, name: str) -> Path:
    """Where a kept network's weights are."""
    return run.models / FOLDER / f"{name}.weights.h5"


def forget_judgment(run: Run) -> None:
    """Delete answers to test radiographs and what was made of them, which pass for new ones."""
    for left in (run.predictions / FOLDER).glob("*.csv"):
        left.unlink()
    for name in (f"{FOLDER}.json", f"timing/{FOLDER}.json"):
        (run.results / name).unlink(missing_ok=True)


def forget_histories(run: Run, but: Collection[str] = ()) -> None:
    """Delete histories of networks that are no part of the ladder any more."""
    for left in (run.histories / FOLDER).glob("*.csv"):
        if left.stem not in but:
            left.unlink()
