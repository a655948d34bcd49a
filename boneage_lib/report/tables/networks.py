"""Tables of networks: the paper, the real study and a run side by side; parameters; scores."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from IPython.display import Markdown

from boneage_lib.paper import published
from boneage_lib.paper.signs import signed
from boneage_lib.report.wording import (
    NOT_MEASURED,
    REAL_STUDY,
    data_line,
    in_percent,
    study_metrics,
    title,
    with_interval,
    with_limits,
)

#: What the paper's results were measured on, as a run records it.
_PAPER: dict[str, Any] = {
    "cohort_kind": "rsna",
    "weights": "imagenet",
    "image_size": int(published.number("image_size")),
    **{f"n_{split}": row.samples for split, row in published.TABLE_1.items()},
}


def paper_row(network: str) -> dict[str, str]:
    """What Table 6 prints for a network; the attention network has no row there."""
    printed = published.TABLE_6.get(network)
    row = {
        "result of": "the paper (Table 6)",
        "data": data_line(_PAPER),
    }
    columns = ("MSE (z²)", "RMSE (z)", "r")
    if printed is None:
        row |= dict.fromkeys(columns, "not printed")
    else:
        values = (printed.mse, printed.rmse, printed.p_value)
        row |= {column: f"{value:.2f}" for column, value in zip(columns, values, strict=True)}
    return row | {"mean absolute error (months)": "not printed"}


def scores_row(label: str, data: dict[str, Any], scores: dict[str, Any]) -> dict[str, str]:
    """One measured row beside the paper's."""
    return {
        "result of": label,
        "data": data_line(data),
        "MSE (z²)": f"{scores['mse_z']:.2f}",
        "RMSE (z)": with_interval(scores, "rmse_z", 2),
        "r": with_interval(scores, "pearson_r", 2),
        "mean absolute error (months)": with_interval(scores, "mae_months"),
    }


def three_way(network: str, result: dict[str, Any]) -> pd.DataFrame:
    """The paper, the real study and this run side by side for one network or the ensemble.

    Each measured result has two rows: the test set as it is (primary), and resampled to uniform
    age and sex as in the paper.

    Args:
        network: a network's name, or ``ensemble``.
        result: of this run: ``data`` and ``metrics`` as `boneage_lib.report.results.keep` returns
            them.
    """
    rows = [paper_row(network)]
    study = study_metrics()
    scores = ("test", "test set as it is"), ("test_resampled", "test set resampled")
    if study is None or network not in study["networks"]:
        rows.append({"result of": f"results/{REAL_STUDY}", "data": NOT_MEASURED})
    else:
        rows += [
            scores_row(f"{REAL_STUDY}, {words}", study["data"], study["networks"][network][key])
            for key, words in scores
        ]
    rows += [
        scores_row(f"this run, {words}", result["data"], result["metrics"][key])
        for key, words in scores
    ]
    return pd.DataFrame(rows).fillna(NOT_MEASURED).set_index("result of")


def parameter_table(models: dict[str, Any]) -> pd.DataFrame:
    """Table 3: parameters of built networks beside the printed ones.

    Args:
        models: Keras models by network name.
    """
    rows = []
    for name, model in models.items():
        trainable, frozen = count_parameters(model)
        row: dict[str, Any] = {"network": published.TITLES[name], "total": trainable + frozen}
        row |= {"trainable": trainable, "frozen": frozen}
        printed = published.TABLE_3.get(name)
        row["printed in the paper's Table 3"] = (
            "no row"
            if printed is None
            else f"{printed.total:,} = {printed.trainable:,} + {printed.frozen:,}"
        )
        row["agrees"] = (
            "not printed"
            if printed is None
            else str((printed.trainable, printed.frozen) == (trainable, frozen))
        )
        rows.append(row)
    return pd.DataFrame(rows).set_index("network")


def count_parameters(model: Any) -> tuple[int, int]:
    """Trainable and frozen parameters of a Keras model."""
    trainable, frozen = (
        sum(math.prod(weight.shape) for weight in weights)
        for weights in (model.trainable_weights, model.non_trainable_weights)
    )
    return trainable, frozen


def configurations(metrics: dict[str, Any]) -> pd.DataFrame:
    """Table 4: what each network of a run looks at."""
    rows = []
    for name, settings in metrics["settings"].items():
        printed, size = published.TABLE_4[name], metrics["data"]["image_size"]
        patches = printed.data == "patches"
        side = settings["patch_size"] if patches else size
        what = f"{settings['patch_count']} patches" if patches else "radiograph"
        rows.append(
            {
                "network": published.TITLES[name],
                "looks at": f"{what} of {side} × {side}",
                "printed": f"{printed.size} × {printed.size} {printed.data}",
                "epochs at most": settings["epochs"],
                "draws an epoch": f"{settings['draws_per_cell']} a cell",
                "base": metrics["bases"][name]["checkpoint"],
            }
        )
    return pd.DataFrame(rows).set_index("network")


def table_6(metrics: dict[str, Any], scores: str = "test") -> pd.DataFrame:
    """Table 6: measured scores beside the printed ones."""
    rows = []
    for name, found in metrics["networks"].items():
        printed, measured = published.TABLE_6.get(name), found[scores]
        p = measured["pearson_r_p"]
        rows.append(
            {
                "network": title(name),
                "mean absolute error (months)": with_interval(measured, "mae_months"),
                "RMSE (months)": with_interval(measured, "rmse_months"),
                "MSE (z²)": f"{measured['mse_z']:.3f}",
                "RMSE (z)": with_interval(measured, "rmse_z", 2),
                "r": with_interval(measured, "pearson_r", 2),
                "p of r": "—" if p is None else f"{p:.0e}",
                "bias (months)": with_interval(measured, "bias_months"),
                "printed MSE, RMSE, “P-value”": "—"
                if printed is None
                else f"{printed.mse:.2f}, {printed.rmse:.2f}, {printed.p_value:.2f}",
            }
        )
    return pd.DataFrame(rows).set_index("network")


def agreement(metrics: dict[str, Any], scores: str = "test") -> pd.DataFrame:
    """What a reader of radiographs asks of each network: how near, how often, how far at worst."""
    rows = []
    for name, found in metrics["networks"].items():
        measured = found[scores]
        row = {"network": title(name)}
        for months in (6, 12, 24):
            row[f"within {months} months (%)"] = in_percent(measured, f"within_{months}_months")
        row |= {
            "nine of ten within (months)": with_interval(measured, "abs_error_p90_months"),
            "limits of agreement (months)": " to ".join(
                signed(measured[f"loa_{end}_months"], 1, plus=True) for end in ("low", "high")
            ),
            "Lin's concordance": with_interval(measured, "lin_ccc", 2),
        }
        rows.append(row)
    return pd.DataFrame(rows).set_index("network")


def study_table(study: Any, scores: str) -> pd.DataFrame:
    """Table 6 for a kept study, on ``test`` or ``test_resampled``."""
    return table_6(study.metrics, scores)


def study_line(study: Any) -> str:
    """What a kept study was made with, in words."""
    data, record = study.metrics["data"], study.provenance
    bases = {base["checkpoint"] for base in study.metrics["bases"].values()}
    settings = next(iter(study.metrics["settings"].values()))
    return "\n".join(
        [
            f"{study.name}: {data_line(data)}, split {data['split_origin']}",
            (
                f"seed {settings['seed']}, at most {settings['epochs']} epochs, "
                f"{settings['draws_per_cell']} draws a cell, {settings['views']} views a radiograph"
            ),
            *(f"base: {base}" for base in sorted(bases)),
            (
                f"measured on {record['processor']}, keras {record['versions']['keras']}, "
                f"commit {record['commit']}"
            ),
        ]
    )


def pairs(metrics: dict[str, Any]) -> pd.DataFrame:
    """Paired differences between networks on test, months."""
    rows = [
        {
            "first": title(pair["a"]),
            "second": title(pair["b"]),
            "difference": pair["difference_months"],
            "from": pair["difference_months_ci"][0],
            "to": pair["difference_months_ci"][1],
            "p": "< 0.001" if pair["wilcoxon_p_holm"] < 0.001 else f"{pair['wilcoxon_p_holm']:.3f}",
        }
        for pair in metrics["paired"]
    ]
    return pd.DataFrame(rows).set_index(["first", "second"])


def against_constant(result: dict[str, Any]) -> Any:
    """One computed sentence: a network's test error beside a constant guess's."""
    found, guess = result["metrics"]["test"], result["constant"]
    low, high = result["against_constant"]["difference_months_ci"]
    verdict = (
        "the network is better" if high < 0 else "the interval does not show the network is better"
    )
    seeds = result["seeds"]
    often = ""
    if len(seeds["seed"]) > 1:
        least, most = seeds["test"]["mean_ci"]
        often = (
            f" {len(seeds['seed'])} trainings with other seeds average "
            f"**{seeds['test']['mean']:.1f} ({least:.1f} to {most:.1f}) months**; the first of "
            "them is the one shown."
        )
    return Markdown(
        f"On {found['n']} test radiographs the mean absolute error is "
        f"**{with_interval(found, 'mae_months')} months**; the median training age for everyone "
        f"gives {guess['mae_months']:.1f}. The paired difference is "
        f"{with_limits(result['against_constant']['difference_months'], low, high)} months: "
        f"{verdict}. Weights kept: epoch {result['kept_epoch']} of {result['epochs']}.{often}"
    )
