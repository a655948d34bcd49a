"""Tables of where networks look."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from boneage_lib.report.wording import title, with_limits


def saliency(numbers: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """What the maps of several networks come to, in words.

    Args:
        numbers: by network, what `boneage_lib.evaluation.saliency_summary.saliency_numbers` gives.
    """
    rows = []
    for network, found in numbers.items():
        share = {
            name: "—" if found[key] is None else f"{share_range(found, key, 100, 0)} %"
            for name, key in (("on the hand", "inside_hand"), ("hand's share", "hand_area"))
        }
        rows.append(
            {
                "network": title(network),
                "radiographs": found["n"],
                **share,
                "worst errors": found["cases"],
                "rank correlation": "—"
                if found["rank_correlation"] is None
                else share_range(found, "rank_correlation", 1, 2),
            }
        )
    return pd.DataFrame(rows).set_index("network") if rows else pd.DataFrame()


def share_range(numbers: dict[str, Any], name: str, times: float, decimals: int) -> str:
    """A number of `saliency_numbers` and its interval in words, multiplied by ``times``."""
    value, interval = times * numbers[name], numbers[f"{name}_ci"]
    low, high = interval or (math.nan, math.nan)
    return with_limits(value, times * low, times * high, decimals)
