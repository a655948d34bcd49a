"""A claim of the paper, how it is tested here, and the ledger of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError


class Verdict(StrEnum):
    """What a test says of a claim."""

    CONFIRMED = "confirmed"
    APPROXIMATELY = "approximately"
    CONTRADICTED = "contradicted"
    AMBIGUOUS = "ambiguous"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    Attributes:
        id: short name, unique in a ledger.
        statement: what the paper says.
        place: section, table or figure.
        test: what is computed to test it.
        measured: what came out, in words and numbers.
        value: the one number the verdict rests on most, where there is one.
        interval: its interval, (low, high), where there is one.
        verdict: one of `Verdict`, always computed.
        reason: why the verdict follows.
        measured_in: notebook that measures it, and after ``#`` the figure or heading there.
    """

    id: str
    statement: str
    place: str
    test: str
    measured: str
    value: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    reason: str
    measured_in: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))


def ledger(claims: Iterable[Claim]) -> pd.DataFrame:
    """Claims as a table, one row each in the order given; ``low`` and ``high`` for the interval.

    Raises:
        InputError: an id appears twice.
    """
    rows = []
    for claim in claims:
        row = asdict(claim)
        low, high = row.pop("interval") or (None, None)
        rows.append(row | {"low": low, "high": high, "verdict": claim.verdict.value})
    order = ["id", "statement", "place", "test", "measured", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=[*order, "verdict", "reason", "measured_in"])
    if repeated := table.loc[table["id"].duplicated(), "id"].tolist():
        raise InputError(f"Found claims {repeated} more than once; expected every id once.")
    for name in ("value", "low", "high"):
        table[name] = table[name].astype("float64")
    return table


def by_match(matches: Iterable[bool]) -> Verdict:
    """Confirmed if all hold, contradicted if none does, approximately if some do."""
    held = list(matches)
    if held and all(held):
        return Verdict.CONFIRMED
    return Verdict.APPROXIMATELY if any(held) else Verdict.CONTRADICTED


def rounds_to(exact: float, printed: float, decimals: int) -> bool:
    """True when ``printed`` may be ``exact`` rounded to so many decimals (halves go either way)."""
    return bool(np.abs(exact - printed) <= 0.5 * 10.0**-decimals * (1 + 1e-9))
