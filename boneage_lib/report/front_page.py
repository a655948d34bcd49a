"""The first page of a run's book: the answer from real radiographs, then what this run is."""

from __future__ import annotations

from pathlib import Path

import yaml

from boneage_lib.report.made import read_made
from boneage_lib.report.network_lines import checkpoints, network_table
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.real_answer import answer, save_front_figure, verdicts
from boneage_lib.report.run import Run
from boneage_lib.report.wording import as_code, as_words, data_line, testable

CHECK = """:::{{warning}}
This run is a **pipeline check**: it trained on {what}. Its numbers show that every step works;
they say nothing about bone age. What real radiographs gave stands above and in
{{doc}}`../notebooks/10_real_radiographs`.
:::
"""


def write_front_page(run: Run, folder: Path) -> list[Path]:
    """Write what prose pages include: ``this_run.md`` with its figure, and ``verdicts.md``.

    Args:
        run: finished.
        folder: of the prose pages.

    Returns:
        Both pages.
    """
    save_front_figure(folder)
    pages = {"this_run.md": front_page(run), "verdicts.md": verdicts()}
    for name, text in pages.items():
        (folder / name).write_text(text)
    return [folder / name for name in pages]


def front_page(run: Run) -> str:
    """Markdown for the first page of a run's book: the answer, then what this run is."""
    settings = yaml.safe_load(run.parameters_file.read_text())
    measured = run.read_json("metrics.json", "08_ensemble_analysis")
    data = measured["data"]
    lines = answer()
    lines += ["## This run", ""]
    if not testable(data):
        kind = "synthetic" if data["cohort_kind"] == "synthetic" else "real"
        bases = "random" if data["weights"] == "random" else "ImageNet-pretrained"
        lines += [CHECK.format(what=f"**{kind} radiographs** with **{bases} bases**")]
    lines += [
        f"Profile {as_code(settings['profile'])}: {as_words(data_line(data))}. Base weights: "
        f"{checkpoints(measured)}. {_made(run)}More stands under {{doc}}`provenance`.",
        "",
        *network_table(measured),
        "",
    ]
    return "\n".join(lines)


def _made(run: Run) -> str:
    """When the run's notebooks were executed last, from which commits and on what."""
    records = [read_made(run.notebooks / f"{name}.ipynb") for name in NOTEBOOKS]
    found = [record for record in records if record is not None]
    if not found:
        return ""
    day = max(str(record["started"])[:10] for record in found)
    commits = dict.fromkeys(str(record["commit"]) for record in found)
    source = f" from commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}"
    devices = ", ".join(dict.fromkeys(str(record["device"]) for record in found))
    return f"Made on {day}{source}, on {as_words(devices)}. "
