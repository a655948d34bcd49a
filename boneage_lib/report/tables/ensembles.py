"""Tables of ensembles: weights and errors, overfitting, seeds, changed radiographs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from boneage_lib.evaluation.perturbations import CONDITIONS
from boneage_lib.evaluation.robustness_summary import UNCHANGED
from boneage_lib.report.wording import title, with_interval


def ensembles(study: pd.DataFrame) -> pd.DataFrame:
    """Members and ensembles: weights, errors, and differences to the best members.

    Args:
        study: see `boneage_lib.evaluation.ensemble_study`.
    """
    rows = []
    for found in study.to_dict("records"):
        record = {str(key): value for key, value in found.items()}
        rows.append(
            {
                "name": title(record["name"]),
                "weights": ", ".join(
                    f"{title(name)} {weight:.2f}" for name, weight in record["weights"].items()
                )
                if record["kind"] == "ensemble"
                else "one network",
                "sum": record["weight_sum"],
                "MSE (z²)": record["mse_z"],
                "mean absolute error (months)": with_interval(record, "mae_months"),
                "less the best member on test": _against(
                    record, "difference_months", "best_member"
                ),
                "less the best on validation": _against(
                    record, "validation_best_difference_months", "best_on_validation"
                ),
            }
        )
    return pd.DataFrame(rows).set_index("name")


def gaps(study: pd.DataFrame) -> pd.DataFrame:
    """Errors of members and ensembles on training and validation radiographs, months.

    Args:
        study: see `boneage_lib.evaluation.ensemble_study`.
    """
    rows = [
        {
            "name": title(record["name"]),
            "train": record.get("mae_train_months"),
            "validation": record.get("mae_validation_months"),
            "validation less train": _number(record, "gap_months"),
            "less its members' weighted mean": _number(record, "gap_less_members_months"),
            "less the smallest of its members'": _against(
                record, "gap_less_smallest_months", "smallest_gap_member"
            ),
        }
        for record in _records(study)
    ]
    return _by_name(rows)


def seeds(over_seeds: pd.DataFrame) -> pd.DataFrame:
    """What training again changes, months.

    Args:
        over_seeds: see `boneage_lib.evaluation.seed_study`.
    """
    rows = [
        {
            "name": title(record["name"]),
            "seeds": record["seeds"],
            "mean absolute error": _number(record, "mae_months"),
            "its standard deviation": _number(record, "mae_sd_months", 2),
            "an answer's deviation": _number(record, "deviation_months", 2),
            "less the steadiest member's": _against(
                record, "deviation_difference_months", "steadiest_member", 2
            ),
            "validation less train": _number(record, "gap_months"),
        }
        for record in _records(over_seeds)
    ]
    return _by_name(rows)


def changed_radiographs(robustness: pd.DataFrame) -> pd.DataFrame:
    """Errors on radiographs as they are and changed, months.

    Args:
        robustness: see `boneage_lib.evaluation.ensemble_robustness`, its second table.
    """
    rows = [
        {
            "name": title(record["name"]),
            "n": record["n"],
            "as they are": _number(record, "mae_months"),
            "changed": _number(record, "changed_months"),
            "increase": _number(record, "increase_months"),
            "changed, less the best member's": _against(
                record, "changed_difference_months", "best_member"
            ),
            "increase, less that member's": _number(record, "increase_difference_months"),
        }
        for record in _records(robustness)
    ]
    return _by_name(rows)


def by_condition(changed: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error under each condition, mean over its strengths, months.

    Args:
        changed: see `boneage_lib.evaluation.ensemble_robustness`, its first table.

    Returns:
        Conditions as rows and networks and ensembles as columns, in the order given; empty where
        ``changed`` is.
    """
    if changed.empty:
        return changed
    names, conditions = (list(dict.fromkeys(changed[column])) for column in ("name", "condition"))
    wide = changed.pivot_table(index="condition", columns="name", values="mae_months")
    titles = {condition.name: condition.title for condition in CONDITIONS}
    wide = wide.loc[conditions, names].rename(columns=title, index=titles)
    return wide.rename(index={UNCHANGED: "As they are"}).rename_axis(columns=None)


def _by_name(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows under their names; an empty table where there are none."""
    return pd.DataFrame(rows).set_index("name") if rows else pd.DataFrame()


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in record.items()} for record in table.to_dict("records")]


def _number(record: dict[str, Any], key: str, decimals: int = 1) -> str:
    """A number with its interval where it has one; a dash where a row has no such number."""
    value, interval = record.get(key), record.get(f"{key}_ci")
    if value is None or pd.isna(value):
        return "—"
    if not isinstance(interval, list):
        return f"{value:.{decimals}f}"
    return with_interval(record, key, decimals)


def _against(record: dict[str, Any], key: str, member: str, decimals: int = 1) -> str:
    """A difference with its interval and the name of the member that it is to."""
    number = _number(record, key, decimals)
    return number if number == "—" else f"{number} to {title(record[member])}"
