"""The part of the first page that says what this run is and how it came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from boneage_lib.paper.published import TITLES
from boneage_lib.report import figures
from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.theme import save_figure
from boneage_lib.report.wording import (
    REAL_STUDY,
    as_code,
    as_words,
    data_line,
    study_metrics,
    testable,
    with_interval,
)

CHECK = """:::{{warning}}
This run is a **pipeline check**: it trained on {what}. Its numbers show that every step works;
they say nothing about bone age. What real radiographs gave stands above and in
{{doc}}`../notebooks/10_real_radiographs`.
:::
"""


#: Claims whose verdicts stand on the first page, and what is told of each: a number where one says
#: it, the reason where the numbers are many.
HEADLINES = {
    "resnet50-best": "measured",
    "p-value-is-r": "reason",
    "ensemble-beats-best": "reason",
    "resampling-helps": "measured",
}
FIGURE = "front.svg"
_HEAD = [
    "| network | mean absolute error on test (months, 95 % interval) | mean over seeds | "
    "a constant guess |",
    "|---|---|---|---|",
]


def write_front_page(run: Run, folder: Path) -> Path:
    """Write the first page's parts for a run's book: ``this_run.md`` and its figure.

    Args:
        run: finished.
        folder: of the prose pages.
    """
    study = study_metrics()
    if study is not None:
        scores = {name: found["test"] for name, found in study["networks"].items()}
        guess = next(iter(study["networks"].values()))["constant"]["mae_months"]
        save_figure(figures.errors_bar(scores, {"constant guess": guess}), folder / FIGURE)
    page = folder / "this_run.md"
    page.write_text(front_page(run))
    return page


def front_page(run: Run) -> str:
    """Markdown for the first page of a run's book: the answer, then what this run is."""
    settings = yaml.safe_load(run.parameters_file.read_text())
    measured = run.read_json("metrics.json", "08_ensemble_analysis")
    data = measured["data"]
    lines = _answer()
    lines += ["## This run", ""]
    if not testable(data):
        kind = "synthetic" if data["cohort_kind"] == "synthetic" else "real"
        bases = "random" if data["weights"] == "random" else "ImageNet-pretrained"
        lines += [CHECK.format(what=f"**{kind} radiographs** with **{bases} bases**")]
    lines += [
        f"Profile {as_code(settings['profile'])}: {as_words(data_line(data))}. Base weights: "
        f"{_checkpoints(measured)}. {_made(run)}More stands under {{doc}}`provenance`.",
        "",
        *_HEAD,
        *_rows(measured),
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


def _answer() -> list[str]:
    """What the kept study of real radiographs answers; nothing where there is none."""
    study = study_metrics()
    if study is None:
        return []
    claims = pd.DataFrame(
        json.loads((project_root() / "results" / REAL_STUDY / "claims.json").read_text())
    ).set_index("id")
    rows = [
        f"| {_cell(claims.loc[key, 'statement'])} | {_cell(claims.loc[key, told])} | "
        f"[**{claims.loc[key, 'verdict']}**](../notebooks/10_real_radiographs.ipynb) |"
        for key, told in HEADLINES.items()
        if key in claims.index
    ]
    return [
        "## The answer, from real radiographs",
        "",
        f"Measured on {data_line(study['data'])} (`results/{REAL_STUDY}`). Base weights: "
        f"{_checkpoints(study)}.",
        "",
        "| the paper says | here | verdict |",
        "|---|---|---|",
        *rows,
        "",
        f":::{{figure}} {FIGURE}",
        ":name: fig-front",
        ":alt: Points with intervals for the mean absolute error in months of each network and of "
        "the ensemble on real test radiographs, beside a constant guess.",
        "Mean absolute error on real test radiographs, with 95 % intervals.",
        ":::",
        "",
        *_HEAD,
        *_rows(study),
        "",
    ]


def _cell(text: Any) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return str(text).replace("|", "&#124;")


def _rows(measured: dict[str, Any]) -> list[str]:
    rows = []
    for name, title in TITLES.items():
        if name in measured["networks"]:
            found = measured["networks"][name]
            rows.append(
                f"| {title} | {with_interval(found['test'], 'mae_months')} | {_seeds(found)} | "
                f"{found['constant']['mae_months']:.1f} |"
            )
    return rows


def _seeds(found: dict[str, Any]) -> str:
    over = found.get("seeds", {"seed": []})
    if len(over["seed"]) < 2:
        return "one seed"
    return with_interval(over["test"], "mean") + f", {len(over['seed'])} seeds"


def _checkpoints(measured: dict[str, Any]) -> str:
    found = {item["checkpoint"] for item in measured["bases"].values()}
    return as_words("; ".join(sorted(found)))
