"""A closer look at one trained network, in words: its robustness, and where it looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from boneage_lib.evaluation.perturbations import CONDITIONS
from boneage_lib.evaluation.robustness_summary import UNCHANGED, robustness_summary
from boneage_lib.report.theme import signed


def robustness_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Errors under every change, and how far answers move, in words.

    Args:
        table: what `boneage_lib.evaluation.robustness.robustness` gives.
        seed: seed of the bootstraps.
    """
    known = {condition.name: condition for condition in CONDITIONS}
    rows = []
    for found in robustness_summary(table, seed).to_dict("records"):
        name, strength = str(found["condition"]), float(found["strength"])
        own, same = known.get(name), name == UNCHANGED
        on = own is None or len(own.strengths) == 1
        rows.append(
            {
                "change": "none" if same else (own.title.lower() if own else name),
                "strength": "—"
                if same or on
                else f"{strength:g} {own.unit if own else ''}".replace("-", "\N{MINUS SIGN}"),
                "mean absolute error": _interval(found, "mae"),
                "more than without": "—" if same else _interval(found, "change"),
                "answers move by": "—" if same else f"{found['moved_months']:.1f}",
            }
        )
    return pd.DataFrame(rows).set_index(["change", "strength"])


def saliency_sentence(numbers: dict[str, Any]) -> Any:
    """Two computed sentences: how much of the saliency lies on hands, and what occlusion says.

    Args:
        numbers: what `boneage_lib.evaluation.saliency_summary.saliency_numbers` gives.
    """
    sentences = ["No radiograph shows a hand's silhouette."]
    if numbers["n"]:
        inside, area = (_range(numbers, name, 100, 0) for name in ("inside_hand", "hand_area"))
        sentences = [
            f"On {numbers['n']} test radiographs **{inside} %** of the saliency lies on the hand, "
            f"which takes up {area} % of the picture."
        ]
    if numbers["cases"]:
        correlation = _range(numbers, "rank_correlation", 1, 2)
        sentences.append(
            f"On the {numbers['cases']} radiographs shown, Grad-CAM and occlusion rank places "
            f"alike with a correlation of **{correlation}**."
        )
    return Markdown(" ".join(sentences))


def _interval(found: dict[Any, Any], name: str) -> str:
    value, low, high = (float(found[f"{name}_{part}"]) for part in ("months", "low", "high"))
    if np.isnan(low):
        return signed(value, 1)
    return f"{signed(value, 1)} ({signed(low, 1)} to {signed(high, 1)})"


def _range(numbers: dict[str, Any], name: str, times: float, decimals: int) -> str:
    value, interval = times * numbers[name], numbers[f"{name}_ci"]
    if interval is None:
        return signed(value, decimals)
    low, high = (signed(times * limit, decimals) for limit in interval)
    return f"{signed(value, decimals)} ({low} to {high})"
