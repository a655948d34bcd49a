"""The page of a run's book that tells what made each of its figures and tables."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import yaml

from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run
from boneage_lib.report.sources import LABELS, Source
from boneage_lib.report.stamps import all_shown, anchor, settings_digest, source_of
from boneage_lib.report.wording import DATA_NAMES, as_code, as_words

INTRODUCTION = """# What made each result

Under every figure and table stands what made it: its notebook and cell, the digest of the
notebook's settings, the checksum of the data and the commit of the code. It leads here. Where it
names a study or RSNA's labels, settings, data and commit are those of what is shown, not of this
run. The same is in the run's `provenance.json` and beside each executed notebook, and
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
    others: dict[str, Source] = {}
    table = 1
    for name in NOTEBOOKS:
        path = run.notebooks / f"{name}.ipynb"
        if made := read_made(path):
            notebook = nbformat.read(path, as_version=4)
            lines += _notebook(name, notebook, made, table)
            for found in all_shown(notebook):
                table += found.kind == "table" and bool(found.caption)
                if other := source_of(found, made):
                    others[other.name] = other
    for other in others.values():
        lines += _other(other)
    return "\n".join(lines) + "\n"


def _other(other: Source) -> list[str]:
    """What is told of label counts or of a kept study."""
    lines = [f"({other.anchor})=", f"## Shown beside the run: {as_words(other.title)}", ""]
    if other.name == LABELS:
        facts = {
            "what": "how many radiographs of RSNA 2017 have which age and sex, by split, counted "
            "from its label files {cite:p}`halabi2019rsna`",
            "file": as_code("boneage_lib/data/rsna_histogram.csv"),
            "checksum (SHA-256)": as_code(other.data),
        }
        return lines + _facts(facts)
    record, cohort = other.record, other.record["cohort"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    facts = {
        "profile": f"{as_code(other.profile['profile'])}: {as_words(other.profile['title'])}",
        "radiographs": f"{cohort['n']:,} {DATA_NAMES[cohort['kind']]}, {cohort['size']} px, split "
        f"{as_words(cohort['split_origin'])}, seed {cohort['seed']}",
        "data checksum (SHA-256)": as_code(other.data),
        "kept": as_words(f"{record['written'][:16].replace('T', ' ')} UTC"),
        "commit": as_code(record["commit"]),
        "device": as_words(record["processor"]),
        "versions": as_words(f"Python {record['python']}, {versions}"),
        f"settings ({settings_digest(other.profile)})": "; ".join(
            f"{notebook[:2]}: "
            + ", ".join(as_code(f"{key} = {value!r}") for key, value in parameters.items())
            for notebook, parameters in other.profile["notebooks"].items()
            if parameters
        ),
        "numbers": f"{as_code(f'results/{other.name}/')}, shown in "
        "{doc}`../notebooks/10_real_radiographs` and {doc}`../notebooks/11_beyond`",
    }
    return lines + _facts(facts)


def _notebook(
    name: str, notebook: nbformat.NotebookNode, made: dict[str, Any], table: int
) -> list[str]:
    """What is told of a notebook, whose first table has the number ``table``."""
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
        other, what = source_of(found, made), found.kind
        if found.kind == "table" and found.caption:
            what, table = f"table {table}", table + 1
        lines += [
            f"({anchor(name, found.cell)})=",
            "",
            f"Cell {found.cell}, {what}, {_seconds(made['cell_seconds'][found.cell - 1])}: "
            f"{caption}" + (f" Shows {{ref}}`{other.title} <{other.anchor}>`." if other else ""),
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
