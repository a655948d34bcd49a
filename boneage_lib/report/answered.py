"""Answers to new radiographs, written down: a table, lines for people, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from boneage_lib.errors import printable

DECIMALS = {"months": 1, "years": 1, "low_months": 1, "high_months": 1, "usual": 3}


def answers_as_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Answers as rows of a CSV file: flags in one column, months to one decimal."""
    table = pd.DataFrame(records)
    table["flags"] = ["; ".join(record["flags"]) for record in records]
    for name, decimals in DECIMALS.items():
        table[name] = table[name].astype(float).round(decimals)
    return table


def told(records: Sequence[Mapping[str, Any]]) -> str:
    """Answers as lines for people; names of files cannot steer the terminal."""
    rows = []
    for record in records:
        age, low, high = (record[name] for name in ("months", "low_months", "high_months"))
        remarks = [*record["flags"], *([record["error"]] if record["error"] else [])]
        rows.append(
            {
                "file": printable(Path(record["file"]).name),
                "sex": record["sex"],
                "months": "—" if age is None else f"{age:.1f}",
                "years": "—" if age is None else f"{age / 12:.1f}",
                f"{record['coverage']:.0%} interval": "—"
                if low is None
                else f"{low:.1f} to {high:.1f}",
                "remarks": "; ".join(remarks),
            }
        )
    lines = pd.DataFrame(rows).to_string(index=False, justify="left").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def answers_as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """Answers as JSON, every number whole."""
    return json.dumps(list(records), indent=1, allow_nan=False)
