"""What made an executed notebook: parameters, commit, versions, device, times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.dependencies import drawing_digest
from boneage_lib.report.devices import describe_device
from boneage_lib.report.provenance import commit, environment
from boneage_lib.report.run import project_root


def made_file(notebook: Path) -> Path:
    """Where the record of an executed notebook lies: beside it."""
    return notebook.with_suffix(".made.json")


def write_made(out: Path, executed: NotebookNode, parameters: dict[str, Any], source: Path) -> Path:
    """Write the record of a notebook that papermill has just executed.

    Args:
        out: where the notebook goes.
        executed: with papermill's times in its metadata.
        parameters: all of them, by name.
        source: its text.

    Returns:
        The file: ``notebook``, ``parameters``, ``started`` (ISO 8601, UTC), ``seconds``,
        ``cell_seconds`` (of the code cells in order), ``commit``, ``device``, ``drawn_by`` (see
        `drawing_digest`), and what `boneage_lib.report.provenance.environment` gives.
    """
    took = executed.metadata["papermill"]
    record = {
        "notebook": out.stem,
        "parameters": parameters,
        "started": took["start_time"],
        "seconds": _seconds(took["duration"]),
        "cell_seconds": [
            _seconds(cell.metadata["papermill"]["duration"])
            for cell in executed.cells
            if cell.cell_type == "code"
        ],
        "commit": commit(),
        "device": describe_device(),
        "drawn_by": drawing_digest(source, project_root()),
        **environment(),
    }
    file = made_file(out)
    with written_whole(file) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")
    return file


def _seconds(duration: float | None) -> float:
    """As papermill took it from the clock, which may have been set back meanwhile."""
    return max(0.0, round(duration or 0.0, 1))


def read_made(notebook: Path) -> dict[str, Any] | None:
    """The record of an executed notebook; None where there is none, as of committed ones."""
    file = made_file(notebook)
    return json.loads(file.read_text()) if file.is_file() else None
