"""The paper's statements, as data: each row of the ledger by its id, with its place."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from boneage_lib.paper.claim import Claim


@dataclass(frozen=True)
class Statement:
    """What the paper says, and where this book measures it.

    Attributes:
        text: the statement.
        place: section, table or figure of the paper.
        measured_in: notebook whose cell measures it, and after ``#`` the figure or heading there.
        in_study: figure or heading of the notebook of kept studies that shows what they measured;
            empty where the ledger's row alone does.
    """

    text: str
    place: str
    measured_in: str
    in_study: str


@cache
def statements() -> dict[str, Statement]:
    """Every statement that is tested, by the id of its row in the ledger."""
    with files("boneage_lib.paper").joinpath("statements.csv").open(encoding="utf-8") as file:
        return {
            row["id"]: Statement(
                row["statement"], row["place"], row["measured_in"], row["in_study"]
            )
            for row in csv.DictReader(file)
        }


def stated(name: str, *finding: Any, **named: Any) -> Claim:
    """The claim of that id: its statement and place, and what was found.

    Args:
        name: id of a row of ``statements.csv``.
        finding: `Claim`'s test, measured, value, interval, verdict and reason, in that order.
        named: the same by name.
    """
    statement = statements()[name]
    fields = ("test", "measured", "value", "interval", "verdict", "reason")
    return Claim(
        id=name,
        statement=statement.text,
        place=statement.place,
        measured_in=statement.measured_in,
        **dict(zip(fields, finding, strict=False)),
        **named,
    )
