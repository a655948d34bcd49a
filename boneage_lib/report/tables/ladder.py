"""Tables of the ladder from the paper's recipe to a better one."""

from __future__ import annotations

from typing import Any

import pandas as pd

from boneage_lib.report.wording import with_interval, with_limits


def ladder(found: dict[str, Any] | None) -> pd.DataFrame:
    """The steps of the ladder in words, in the order in which they were tried.

    Args:
        found: see `boneage_lib.report.ladder.judge.judge`; None gives an empty table.
    """
    if found is None:
        return pd.DataFrame()
    steps = [step for step in found["steps"] if not step["aside"]]
    numbers = {step["name"]: str(number) for number, step in enumerate(steps, start=1)}
    rows = []
    for step in steps:
        rows.append(
            {
                "step": f"{numbers[step['name']]}. {step['title']}",
                "added to": numbers.get(step["added_to"], "—"),
                "validation error": f"{step['validation_mae_months']:.2f}",
                "kept": "yes" if step["kept"] else "no",
                "test error": with_interval(step["test"], "mae_months", 2),
                "less what it was added to": _less(step),
            }
        )
    return pd.DataFrame(rows).set_index("step")


def pretraining(found: dict[str, Any] | None) -> pd.DataFrame:
    """Steps that began with synthetic radiographs beside those that did not.

    Args:
        found: see `boneage_lib.report.ladder.judge.judge`; None, or one without such steps, gives
            an empty table.
    """
    if found is None:
        return pd.DataFrame()
    by_name = {step["name"]: step for step in found["steps"]}
    rows = [
        {
            "training radiographs": f"{step['n_train']:,}",
            "real alone": with_interval(by_name[step["added_to"]]["test"], "mae_months", 2),
            "synthetic first": with_interval(step["test"], "mae_months", 2),
            "difference": _less(step),
        }
        for name, step in by_name.items()
        if name in ("pretrained", "few_pretrained")
    ]
    return pd.DataFrame(rows).set_index("training radiographs") if rows else pd.DataFrame()


def _less(step: dict[str, Any]) -> str:
    """The paired difference of a step to what it was added to, in words."""
    if step["less"] is None:
        return "—"
    return with_interval(step["less"], "difference_months", 2)


def coverage(found: dict[str, Any] | None) -> pd.DataFrame:
    """How often intervals of the best step held the reference age, in percent.

    Args:
        found: see `boneage_lib.report.ladder.judge.judge`; None, or one without intervals, gives
            an empty table.
    """
    if found is None or not found["intervals"]["groups"]:
        return pd.DataFrame()
    rows = []
    for group in found["intervals"]["groups"]:
        covered, low, high = (100 * group[key] for key in ("covered", "low", "high"))
        shares = with_limits(covered, low, high)
        rows.append({"radiographs": group["group"], "n": group["n"], "covered (%)": shares})
    return pd.DataFrame(rows).set_index("radiographs")
