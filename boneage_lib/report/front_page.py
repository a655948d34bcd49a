"""The part of the first page that says what this run is and how it came out."""

from __future__ import annotations

from typing import Any

import yaml

from boneage_lib.paper.published import TITLES
from boneage_lib.report.run import Run
from boneage_lib.report.wording import (
    REAL_STUDY,
    data_line,
    study_metrics,
    testable,
    with_interval,
)

CHECK = """:::{{warning}}
This run is a **pipeline check**: it trained on {what}. Its numbers show that every step works;
they say nothing about bone age. What real radiographs gave stands below and in
{{doc}}`../notebooks/10_real_radiographs`.
:::
"""


def front_page(run: Run) -> str:
    """Markdown for the first page of a run's book, from its results and settings."""
    settings = yaml.safe_load(run.parameters_file.read_text())
    measured = run.read_json("metrics.json", "08_ensemble_analysis")
    data = measured["data"]
    lines = ["## This run", ""]
    if not testable(data):
        kind = "synthetic" if data["cohort_kind"] == "synthetic" else "real"
        bases = "random" if data["weights"] == "random" else "ImageNet-pretrained"
        lines += [CHECK.format(what=f"**{kind} radiographs** with **{bases} bases**")]
    lines += [
        f"Profile `{settings['profile']}`: {data_line(data)}. Base weights: "
        f"{_checkpoints(measured)}.",
        "",
        "| network | mean absolute error on test (months, 95 % interval) | a constant guess |",
        "|---|---|---|",
        *_rows(measured),
        "",
    ]
    study = study_metrics()
    if study is not None:
        lines += [
            f"## On real radiographs (`results/{REAL_STUDY}`)",
            "",
            f"{data_line(study['data'])}. Base weights: {_checkpoints(study)}.",
            "",
            "| network | mean absolute error on test (months, 95 % interval) | a constant guess |",
            "|---|---|---|",
            *_rows(study),
            "",
        ]
    return "\n".join(lines)


def _rows(measured: dict[str, Any]) -> list[str]:
    rows = []
    for name, title in TITLES.items():
        if name in measured["networks"]:
            found = measured["networks"][name]
            rows.append(
                f"| {title} | {with_interval(found['test'], 'mae_months')} | "
                f"{found['constant']['mae_months']:.1f} |"
            )
    return rows


def _checkpoints(measured: dict[str, Any]) -> str:
    found = {item["checkpoint"] for item in measured["bases"].values()}
    return "; ".join(sorted(found))
