"""Tables of the ladder from the paper's recipe to a better one."""

from __future__ import annotations

from typing import Any

import pandas as pd

from boneage_lib.report.theme import signed
from boneage_lib.report.wording import with_interval, with_limits


def ladder(found: dict[str, Any] | None) -> pd.DataFrame:
    """The steps of the ladder in words, in the order in which they were tried.

    Args:
        found: see `boneage_lib.report.beyond.judge`; None gives an empty table.
    """
    if found is None:
        return pd.DataFrame()
    titles = {step["name"]: step["title"] for step in found["steps"]}
    rows = []
    for step in found["steps"]:
        less = "—"
        if step["less"] is not None:
            less = signed(step["less"]["difference_months"], 2)
            if step["less"]["difference_months_ci"] is not None:
                low, high = (signed(x, 2) for x in step["less"]["difference_months_ci"])
                less += f" ({low} to {high})"
        rows.append(
            {
                "step": step["title"],
                "added to": titles.get(step["added_to"], "—"),
                "validation error": f"{step['validation_mae_months']:.2f}",
                "kept": "yes" if step["kept"] else "no",
                "test error": with_interval(step["test"], "mae_months", 2),
                "less what it was added to": less,
            }
        )
    return pd.DataFrame(rows).set_index("step")


def coverage(found: dict[str, Any] | None) -> pd.DataFrame:
    """How often intervals of the best step held the reference age, in percent.

    Args:
        found: see `boneage_lib.report.beyond.judge`; None, or one without intervals, gives an empty
            table.
    """
    if found is None or not found["intervals"]["groups"]:
        return pd.DataFrame()
    rows = []
    for group in found["intervals"]["groups"]:
        covered, low, high = (100 * group[key] for key in ("covered", "low", "high"))
        shares = with_limits(covered, low, high)
        rows.append({"radiographs": group["group"], "n": group["n"], "covered (%)": shares})
    return pd.DataFrame(rows).set_index("radiographs")
