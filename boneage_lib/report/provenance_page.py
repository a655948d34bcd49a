"""The page of a run's book that tells what made each of its figures and tables."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import yaml

from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run
from boneage_lib.report.stamps import all_shown, anchor, settings_digest
from boneage_lib.report.wording import as_code, as_words

INTRODUCTION = """# What made each result

Under every figure and table stands what made it: its notebook and cell, the digest of the
notebook's settings, the checksum of the data and the commit of the code. It leads here. The same
is in the run's `provenance.json` and beside each executed notebook, and
`boneage compare RUN RUN` tells where two runs differ.
"""


def provenance_page(run: Run) -> str:
    """Markdown of the page, from the records beside the run's notebooks.

    Args:
        run: whose notebooks were all executed.
    """
    cohort = json.loads((run.cohort_folder / "cohort.json").read_text())
    settings = yaml.safe_load(run.parameters_file.read_text())
    lines = [
        INTRODUCTION,
        "## The run",
        "",
        *_facts(
            {
                "profile": f"{as_code(settings['profile'])}: {as_words(settings['title'])}",
                "radiographs": f"{cohort['n']:,} {as_words(cohort['kind'])}, {cohort['size']} px",
                "data checksum (SHA-256)": as_code(cohort["checksum"]),
                "weights of the bases": as_code(_weights(settings["weights"])),
            }
        ),
    ]
    for name in NOTEBOOKS:
        path = run.notebooks / f"{name}.ipynb"
        if made := read_made(path):
            notebook = nbformat.read(path, as_version=4)
            lines += _notebook(name, notebook, made)
    return "\n".join(lines) + "\n"


def _notebook(name: str, notebook: nbformat.NotebookNode, made: dict[str, Any]) -> list[str]:
    parameters = {
        key: _weights(value) if key == "weights" else value
        for key, value in made["parameters"].items()
    }
    versions = ", ".join(f"{package} {version}" for package, version in made["versions"].items())
    lines = [
        f"({anchor(name)})=",
        f"## {name[:2]}: {_title(notebook)}",
        "",
        *_facts(
            {
                "notebook": f"{{doc}}`../notebooks/{name}`",
                "started": as_words(f"{made['started'][:16].replace('T', ' ')} UTC"),
                "duration": _seconds(made["seconds"]),
                "seed": as_words(made["parameters"].get("seed", "none")),
                "commit": as_code(made["commit"]),
                "device": as_words(f"{made['device']}; {made['processor']}"),
                "versions": as_words(f"Python {made['python']}, {versions}"),
                f"settings ({settings_digest(made['parameters'])})": ", ".join(
                    as_code(f"{key} = {value!r}") for key, value in parameters.items()
                ),
            }
        ),
    ]
    for found in all_shown(notebook):
        # A figure's caption is Markdown of the notebook's own text, a table's is from its output.
        caption = found.caption if found.kind == "figure" else as_words(found.caption)
        lines += [
            f"({anchor(name, found.cell)})=",
            "",
            f"Cell {found.cell}, {found.kind}, {_seconds(made['cell_seconds'][found.cell - 1])}: "
            f"{caption}",
            "",
        ]
    return lines


def _title(notebook: nbformat.NotebookNode) -> str:
    return str(notebook.cells[0].source.splitlines()[0].removeprefix("# "))


def _facts(facts: dict[str, str]) -> list[str]:
    rows = ((key, value.replace("|", r"\|")) for key, value in facts.items())
    return ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows), ""]


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min"


def _weights(weights: str) -> str:
    """The folder's name alone: where it lies on this machine is nobody's business."""
    return weights.rstrip("/").rpartition("/")[2]
