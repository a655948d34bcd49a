"""What the first page and the discussion say of the kept study and of this run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from boneage_lib.paper.findings import told
from boneage_lib.paper.published import TITLES
from boneage_lib.report import figures
from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run
from boneage_lib.report.studies import study_claims
from boneage_lib.report.theme import save_figure
from boneage_lib.report.wording import (
    LADDER_STUDY,
    NOT_MEASURED,
    REAL_STUDY,
    REDUCED_STUDY,
    as_code,
    as_words,
    data_line,
    study_ladder,
    study_metrics,
    testable,
    with_interval,
    with_limits,
)

CHECK = """:::{{warning}}
This run is a **pipeline check**: it trained on {what}. Its numbers show that every step works;
they say nothing about bone age. What real radiographs gave stands above and in
{{doc}}`../notebooks/10_real_radiographs`.
:::
"""


#: Claims whose verdicts stand on the first page, and what is told of each: the numbers, the reason
#: where numbers say little, or the one difference that decides where the numbers are many.
HEADLINES = {
    "resnet50-best": "measured",
    "p-value-is-r": "reason",
    "ensemble-beats-best": "difference",
    "resampling-helps": "measured",
}
#: Questions of the discussion, and the claims that answer them.
QUESTIONS = {
    "Patches or whole radiographs?": ("resnet50-best", "patches-beat-xception"),
    "Large or small patches?": ("patch-losses", "small-patches-worse"),
    "Does resampling help?": ("resampling-helps",),
    "Is Xception better than InceptionV3?": ("xception-improves",),
    "Is attention to be left out?": ("attention-no-benefit", "attention-deviates"),
    "Does an average help?": (
        "ensemble-beats-best",
        "ensemble-robust",
        "ensemble-less-overfitting",
    ),
}
FIGURE = "front.svg"
#: The ensemble that stands beside the networks, as tables of ensembles name it.
PRINTED_WEIGHTS = "normalized"
#: The ensemble that chooses no weights.
EQUAL_WEIGHTS = "equal"
_HEAD = [
    "| network | mean absolute error on test, first training (months, 95 % interval over "
    "radiographs) | mean over seeds (95 % interval over seeds) | a constant guess |",
    "|---|---|---|---|",
]


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


def save_front_figure(folder: Path) -> None:
    """Draw the kept study's errors as ``front.svg``; nothing where there is no study."""
    study = study_metrics()
    if study is not None:
        scores = {name: found["test"] for name, found in study["networks"].items()}
        guess = next(iter(study["networks"].values()))["constant"]["mae_months"]
        save_figure(figures.errors_bar(scores, {"constant guess": guess}), folder / FIGURE)


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


def answer() -> list[str]:
    """Lines of what the kept study of real radiographs answers; none where there is no study."""
    study = study_metrics()
    if study is None:
        return []
    claims, beside = study_claims(REAL_STUDY).set_index("id"), _reduced()
    rows = [
        f"| {_cell(claims.loc[key, 'statement'])} | {_cell(_told(claims, key, what))} | "
        f"{_verdict(claims, key)} |{_beside(beside, key)}"
        for key, what in HEADLINES.items()
    ]
    leads_to = "its reason" + (", one of the last column to both" if beside is not None else "")
    return [
        "## The answer, from real radiographs",
        "",
        _in_short(study),
        "",
        f"Measured on {data_line(study['data'])} (`results/{REAL_STUDY}`). Base weights: "
        f"{_checkpoints(study)}.",
        "",
        *_also(),
        *_beyond(),
        *_columns("the paper says", "here", "verdict"),
        *rows,
        "",
        "Differences are in mean absolute error, the first named less the second: below zero the "
        "first errs less. In parentheses stand 95 % intervals, over radiographs and, where it says "
        f"so, over seeds. A verdict leads to {leads_to}.",
        "",
        f":::{{figure}} {FIGURE}",
        ":name: fig-front",
        ":alt: A point with its interval gives the mean absolute error, in months, of each network "
        "and of the ensemble on real test radiographs; a line marks a constant guess.",
        "Mean absolute error on real test radiographs of each network's first training, with 95 % "
        "intervals over radiographs.",
        ":::",
        "",
        *_HEAD,
        *_rows(study),
        "",
    ]


def verdicts() -> str:
    """Markdown for the discussion: its questions, and what the kept studies say to each."""
    if study_metrics() is None:
        return f"What real radiographs say is {NOT_MEASURED}.\n"
    claims, beside = study_claims(REAL_STUDY).set_index("id"), _reduced()
    rows = [
        f"| {question if key == keys[0] else ''} | {_cell(claims.loc[key, 'statement'])} | "
        f"{_verdict(claims, key)} |{_beside(beside, key)}"
        for question, keys in QUESTIONS.items()
        for key in keys
    ]
    head = _columns("question", "the paper says", "verdict")
    return "\n".join([*head, *rows, ""])


def _reduced() -> pd.DataFrame | None:
    """Claims by id as the study of all training radiographs, reduced, has them; None without it."""
    if study_metrics(REDUCED_STUDY) is None:
        return None
    return study_claims(REDUCED_STUDY).set_index("id")


def _columns(*names: str) -> list[str]:
    """Head of a table of verdicts, with a column for the reduced study where there is one."""
    if (study := study_metrics(REDUCED_STUDY)) is not None:
        data = study["data"]
        names += (f"with {data['n_train']:,} at {data['image_size']} px",)
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _beside(claims: pd.DataFrame | None, key: str) -> str:
    """The cell of the reduced study's verdict, which leads to the table of both."""
    if claims is None:
        return ""
    target = "../notebooks/10_real_radiographs.html#all-training-radiographs-reduced"
    return f' <a href="{target}">{claims.loc[key, "verdict"]}</a> |'


def _also() -> list[str]:
    """What the study of all training radiographs, reduced, gave; no line where there is none."""
    study = study_metrics(REDUCED_STUDY)
    if study is None:
        return []
    name, error = _lowest(study)
    found = study["networks"][name]
    return [
        f"Also measured on {data_line(study['data'])} (`results/{REDUCED_STUDY}`): many times the "
        f"radiographs, with less to see on each. The lowest mean error is that of {TITLES[name]}, "
        f"{with_interval(error, 'mean')} months{_over(found)}, on {found['test']['n']:,} held-out "
        f"radiographs; the median age in training, said of everyone, errs by "
        f"{found['constant']['mae_months']:.1f}.",
        "",
    ]


def _beyond() -> list[str]:
    """How far the ladder got from the paper's recipe; no line where none is kept."""
    ladder = study_ladder()
    if ladder is None:
        return []
    steps = {step["name"]: step for step in ladder["steps"]}
    first, best = ladder["steps"][0]["test"], steps[ladder["best"]]["test"]
    return [
        f"Beyond the paper: {TITLES[ladder['network']]}, trained base and all by the best recipe "
        f"that validation found in {len(steps) - 1} steps from the paper's, errs by "
        f"**{with_interval(best, 'mae_months')} months** on {best['n']:,} held-out radiographs of "
        f"{ladder['data']['image_size']} px, where the first step, the paper's recipe shortened, "
        f"errs by {with_interval(first, 'mae_months')}.{_held(ladder)} Every step is in "
        f"{{doc}}`../notebooks/11_beyond` (`results/{LADDER_STUDY}`).",
        "",
    ]


def _held(ladder: dict[str, Any]) -> str:
    """How often the best step's intervals held the reference age; nothing where it has none."""
    groups = ladder["intervals"]["groups"]
    if not groups:
        return ""
    share, low, high = (100 * groups[0][key] for key in ("covered", "low", "high"))
    return (
        f" Intervals that promise {100 * ladder['intervals']['coverage']:.0f} % held the "
        f"reference age of {with_limits(share, low, high)} % of them."
    )


def _told(claims: pd.DataFrame, key: str, what: str) -> str:
    """What the first page says of a claim."""
    if what != "difference":
        return str(claims.loc[key, what])
    value, low, high = claims.loc[[key], ["value", "low", "high"]].to_numpy(float)[0]
    if math.isnan(low):
        return str(claims.loc[key, "reason"])
    return f"{told((value, low, high))} against its best member"


def _verdict(claims: pd.DataFrame, key: str) -> str:
    """A claim's verdict, which leads to its row."""
    target = f"../notebooks/10_real_radiographs.html#claim-{key}"
    return f'<a href="{target}"><strong>{claims.loc[key, "verdict"]}</strong></a>'


def _in_short(study: dict[str, Any]) -> str:
    """The answer in few sentences."""
    best, lowest = _lowest(study)
    found = study["networks"][best]
    sentences = [
        f"On {found['test']['n']} held-out radiographs the lowest mean error of a network is that "
        f"of **{TITLES[best]}**, **{with_interval(lowest, 'mean')} months**{_over(found)}; the "
        "median age of the training radiographs, said of everyone, errs by "
        f"{found['constant']['mae_months']:.1f}."
    ]
    if averaged := _ensemble(study):
        test, over = averaged
        sentences.append(
            "The networks' average by the printed weights, divided by their sum, errs by "
            f"{with_interval(over or test, 'mae_months')} months."
        )
    equal = _over_seeds(study).get(EQUAL_WEIGHTS)
    if equal is not None:
        less = equal["mae_months"] < lowest["mean"]
        sentences.append(
            f"With equal weights it errs by {with_interval(equal, 'mae_months')} months"
            + (", less than any single network on average." if less else ".")
        )
    sentences.append(
        "Whether one is really better than another, the verdicts say, for networks trained on "
        f"{study['data']['n_train']:,} radiographs."
    )
    return " ".join(sentences)


def _lowest(measured: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The network whose mean error is lowest, and that error."""
    errors = {name: _mean_error(found) for name, found in _networks(measured).items()}
    best = min(errors, key=lambda name: errors[name]["mean"])
    return best, errors[best]


def _over(found: dict[str, Any]) -> str:
    """Over how many seeds a network's error is a mean; nothing to say after one."""
    seeds = len(found.get("seeds", {"seed": [0]})["seed"])
    return f" over {seeds} seeds" if seeds > 1 else ""


def _ensemble(measured: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """Scores on test of the average by the printed weights, and over seeds if there are several."""
    if "ensemble" not in measured["networks"]:
        return None
    return measured["networks"]["ensemble"]["test"], _over_seeds(measured).get(PRINTED_WEIGHTS)


def _over_seeds(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Errors of networks and ensembles over seeds by name; empty after one training each."""
    return {row["name"]: row for row in measured.get("ensemble_over_seeds") or ()}


def _networks(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was measured of each network, in the paper's order."""
    return {name: measured["networks"][name] for name in TITLES if name in measured["networks"]}


def _mean_error(found: dict[str, Any]) -> dict[str, Any]:
    """A network's mean error on test over its seeds, or of its one training, as ``mean``."""
    over, test = found.get("seeds", {"seed": []}), found["test"]
    if len(over["seed"]) < 2:
        return {"mean": test["mae_months"], "mean_ci": test["mae_months_ci"]}
    return dict(over["test"])


def _cell(text: Any) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return str(text).replace("|", "&#124;")


def _rows(measured: dict[str, Any]) -> list[str]:
    rows = [
        f"| {TITLES[name]} | {with_interval(found['test'], 'mae_months')} | {_seeds(found)} | "
        f"{found['constant']['mae_months']:.1f} |"
        for name, found in _networks(measured).items()
    ]
    if averaged := _ensemble(measured):
        test, over = averaged
        seeds = (
            "one seed"
            if over is None
            else f"{with_interval(over, 'mae_months')}, {over['seeds']} seeds"
        )
        rows.append(
            "| their average by the printed weights, divided by their sum | "
            f"{with_interval(test, 'mae_months')} | {seeds} | "
            f"{measured['networks']['ensemble']['constant']['mae_months']:.1f} |"
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
