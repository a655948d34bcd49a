"""What the kept studies of real radiographs answer: on the first page and in the discussion."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from boneage_lib.paper.findings import told
from boneage_lib.paper.published import TITLES
from boneage_lib.report import figures
from boneage_lib.report.ledger_page import claim_anchor
from boneage_lib.report.network_lines import (
    checkpoints,
    lowest,
    network_table,
    over_how_many,
    over_seeds,
    printed_average,
)
from boneage_lib.report.studies import SHOWN_IN, study_claims
from boneage_lib.report.theme import save_figure
from boneage_lib.report.wording import (
    LADDER_STUDY,
    NOT_MEASURED,
    REAL_STUDY,
    REDUCED_STUDY,
    data_line,
    study_ladder,
    study_metrics,
    with_interval,
    with_limits,
)

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
#: The ensemble that chooses no weights.
EQUAL_WEIGHTS = "equal"


def save_front_figure(folder: Path) -> None:
    """Draw the kept study's errors as ``front.svg``; nothing where there is no study."""
    study = study_metrics()
    if study is not None:
        scores = {name: found["test"] for name, found in study["networks"].items()}
        guess = next(iter(study["networks"].values()))["constant"]["mae_months"]
        save_figure(figures.errors_bar(scores, {"constant guess": guess}), folder / FIGURE)


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
    return [
        "## The answer, from real radiographs",
        "",
        _in_short(study),
        "",
        f"Measured on {data_line(study['data'])} (`results/{REAL_STUDY}`). Base weights: "
        f"{checkpoints(study)}.",
        "",
        *_also(),
        *_beyond(),
        *_columns("the paper says", "here", "verdict"),
        *rows,
        "",
        "Differences are in mean absolute error, the first named less the second: below zero the "
        "first errs less. In parentheses stand 95 % intervals, over radiographs and, where it says "
        "so, over seeds. A verdict leads to its reason.",
        "",
        f":::{{figure}} {FIGURE}",
        ":name: fig-front",
        ":alt: A point with its interval gives the mean absolute error, in months, of each network "
        "and of the ensemble on real test radiographs; a line marks a constant guess.",
        "Mean absolute error on real test radiographs of each network's first training, with 95 % "
        "intervals over radiographs.",
        ":::",
        "",
        *network_table(study),
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
    """The cell of the reduced study's verdict, which leads to its row too."""
    if claims is None:
        return ""
    return f' <a href="{_row_of(key, REDUCED_STUDY)}">{claims.loc[key, "verdict"]}</a> |'


def _also() -> list[str]:
    """What the study of all training radiographs, reduced, gave; no line where there is none."""
    study = study_metrics(REDUCED_STUDY)
    if study is None:
        return []
    name, error = lowest(study)
    found = study["networks"][name]
    return [
        f"Also measured on {data_line(study['data'])} (`results/{REDUCED_STUDY}`): many times the "
        f"radiographs, with less to see on each. The lowest mean error is that of {TITLES[name]}, "
        f"{with_interval(error, 'mean')} months{over_how_many(found)}, on {found['test']['n']:,} "
        f"held-out radiographs; the median age in training, said of everyone, errs by "
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
    return f'<a href="{_row_of(key)}"><strong>{claims.loc[key, "verdict"]}</strong></a>'


def _row_of(key: str, study: str = "") -> str:
    """Where a study's row of a claim stands."""
    return f"../notebooks/{SHOWN_IN}.html#{claim_anchor(key, study)}"


def _in_short(study: dict[str, Any]) -> str:
    """The answer in few sentences."""
    best, error = lowest(study)
    found = study["networks"][best]
    sentences = [
        f"On {found['test']['n']} held-out radiographs the lowest mean error of a network is that "
        f"of **{TITLES[best]}**, **{with_interval(error, 'mean')} months**{over_how_many(found)}; "
        "the median age of the training radiographs, said of everyone, errs by "
        f"{found['constant']['mae_months']:.1f}."
    ]
    if averaged := printed_average(study):
        test, over = averaged
        sentences.append(
            "The networks' average by the printed weights, divided by their sum, errs by "
            f"{with_interval(over or test, 'mae_months')} months."
        )
    equal = over_seeds(study).get(EQUAL_WEIGHTS)
    if equal is not None:
        less = equal["mae_months"] < error["mean"]
        sentences.append(
            f"With equal weights it errs by {with_interval(equal, 'mae_months')} months"
            + (", less than any single network on average." if less else ".")
        )
    sentences.append(
        "Whether one is really better than another, the verdicts say, for networks trained on "
        f"{study['data']['n_train']:,} radiographs."
    )
    return " ".join(sentences)


def _cell(text: Any) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return str(text).replace("|", "&#124;")
