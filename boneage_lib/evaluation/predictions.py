"""The prediction table: what one network says about radiographs whose bone age is known.

One row a radiograph: ``id``, ``split`` (train, validation or test), ``female`` (0 male, 1 female),
``boneage_months`` (reference) and ``predicted_months``. ``split`` and ``female`` may be absent
where nothing asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from boneage_lib.data.plain_tables import read_plain_csv
from boneage_lib.data.resampling import AgeNormalizer, resample_uniformly
from boneage_lib.errors import InputError

REQUIRED = ("id", "boneage_months", "predicted_months")
OLDEST_MONTHS = 240.0
OLDEST_YEARS = 20.0  # the same age
#: Ages of at least this many radiographs, this far apart, all say that the unit is years.
_ENOUGH, _SPREAD = 3, 5.0


def read_predictions(path: str | Path, infants: bool = False) -> pd.DataFrame:
    """Read and check a prediction table from a CSV file; raises InputError naming the file.

    Rows come by ascending id, so that no score or interval depends on the order in the file.

    Args:
        path: a CSV file with the columns that `validate_predictions` asks for.
        infants: see `validate_predictions`.
    """
    # Round-trip parsing, so that a table read back gives the very numbers it was written from.
    table = read_plain_csv(Path(path), float_precision="round_trip")
    try:
        table = validate_predictions(table, infants=infants)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    numbers = pd.api.types.is_numeric_dtype(table["id"])
    # Bootstraps draw rows by their place.
    return table.sort_values(
        "id",
        kind="stable",
        key=None if numbers else lambda ids: ids.astype(str),
        ignore_index=True,
    )


def validate_predictions(
    table: pd.DataFrame, repeats: bool = False, infants: bool = False
) -> pd.DataFrame:
    """A checked copy of a prediction table, with plain types and a fresh row index.

    Args:
        table: columns ``id``, ``boneage_months`` (0 to 240) and ``predicted_months`` (any finite
            number), optionally ``split`` and ``female`` (0 or 1). Other columns are kept.
        repeats: allow an id more than once, as in a resampled table; its rows must then agree.
        infants: reference ages that all are 20 or less are months. Otherwise three or more such
            ages, 5 or more apart, are taken for years and refused.

    Raises:
        InputError: no rows, a missing column, an id twice, ages in years, or a value that is
            missing, not a number or out of range.
    """
    if missing := [name for name in REQUIRED if name not in table]:
        raise InputError(
            f"The prediction table lacks {', '.join(missing)}; found the columns "
            f"{[str(name) for name in table.columns]}."
        )
    if len(table) == 0:
        raise InputError("The prediction table is empty; expected a row for every radiograph.")
    table = table.reset_index(drop=True)
    if table["id"].isna().any():
        raise InputError(
            f"{int(table['id'].isna().sum())} rows of the prediction table lack an id."
        )
    for name in ("boneage_months", "predicted_months"):
        table[name] = _finite(table, name)
    outside = table[~table["boneage_months"].between(0, OLDEST_MONTHS)]
    if len(outside):
        raise InputError(
            f"{len(outside)} values of boneage_months lie outside 0 to {OLDEST_MONTHS:g}, the "
            f"first: id {outside['id'].iloc[0]} with {outside['boneage_months'].iloc[0]:g}; "
            "expected months, not years or z-scores."
        )
    if not infants:
        _check_months(table["boneage_months"])
    if "female" in table:
        if not table["female"].isin([0, 1]).all():
            raise InputError("Column female must hold 0 (male) or 1 (female) in every row.")
        table["female"] = table["female"].astype("int64")
    _check_ids(table, repeats)
    return table


def of_split(table: pd.DataFrame, split: str | None = None) -> tuple[pd.DataFrame, str | None]:
    """Rows of one split, so that no score pools radiographs that trained with others.

    Args:
        table: a checked prediction table.
        split: a value of its column ``split``, or ``"all"`` for every row. None: ``"test"`` where
            the column holds several values, else every row.

    Returns:
        The rows with a fresh index, and the split they are of: None for rows of several splits or
        of a table without the column.

    Raises:
        InputError: a split that the table does not hold, or a table of several without ``"test"``.
    """
    found = sorted(set(table["split"].astype(str))) if "split" in table else []
    only = found[0] if len(found) == 1 else None
    if split is None and len(found) < 2:
        return table, only
    chosen = split or "test"
    if chosen == "all":
        return table, only
    if chosen not in found:
        raise InputError(
            f"Found no rows of split {chosen!r}; found "
            + (f"the splits {', '.join(found)}" if found else "no column split")
            + ". Choose one with split= (--split), or all rows with 'all'."
        )
    return table[table["split"].astype(str) == chosen].reset_index(drop=True), chosen


def _finite(table: pd.DataFrame, name: str) -> pd.Series:
    """One column as floats; raises InputError naming the first id without a finite number."""
    numbers = pd.to_numeric(table[name], errors="coerce").astype("float64")
    bad = ~np.isfinite(numbers.to_numpy())
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{int(bad.sum())} values of {name} are not finite numbers, the first: id "
            f"{table['id'].iloc[first]} with {table[name].iloc[first]!r}."
        )
    return numbers


def _check_months(ages: pd.Series) -> None:
    oldest = float(ages.max())
    if len(ages) >= _ENOUGH and oldest <= OLDEST_YEARS and oldest - float(ages.min()) >= _SPREAD:
        raise InputError(
            f"boneage_months reaches from {ages.min():g} to {oldest:g}, which looks like years; "
            "expected months. Multiply ages and predictions by 12; if these are infants and the "
            "unit is months, pass infants=True (--infants)."
        )


def split_notes(table: pd.DataFrame) -> list[str]:
    """That a table's rows are of several splits, with the number of each, or nothing."""
    if "split" not in table:
        return []
    counts = table["split"].astype(str).value_counts(sort=False)
    if len(counts) < 2:
        return []
    told = ", ".join(f"{split} {n:,}" for split, n in counts.items())
    return [f"Rows of several splits are scored together: {told}."]


def unit_notes(table: pd.DataFrame) -> list[str]:
    """What a checked table's predictions look like if not months: years, z-scores, or nothing.

    A note and no error: a network may be as wrong as that.
    """
    predicted, oldest = table["predicted_months"], float(table["boneage_months"].max())
    low, high = float(predicted.min()), float(predicted.max())
    if len(table) < _ENOUGH or oldest <= 3 * OLDEST_YEARS or high == low:
        return []
    if low < 0 and max(-low, high) <= 6:
        unit, advice = "z-scores", "turn them into months with the mean and std of training"
    elif low >= 0 and high <= 1.25 * OLDEST_YEARS:
        unit, advice = "years", "multiply them by 12"
    else:
        return []
    return [
        f"Predictions reach from {low:g} to {high:g} and reference ages to {oldest:g} months: the "
        f"predictions look like {unit}. If they are, {advice}."
    ]


def _check_ids(table: pd.DataFrame, repeats: bool) -> None:
    repeated = table.loc[table["id"].duplicated(), "id"].unique().tolist()
    if repeated and not repeats:
        raise InputError(
            f"{len(repeated)} ids appear more than once, the first: {repeated[:5]}. For a table "
            "resampled on purpose pass repeats=True."
        )
    if repeated:
        values = table.groupby("id")[["boneage_months", "predicted_months"]].nunique()
        if differing := values.index[(values > 1).any(axis=1)].tolist():
            raise InputError(
                f"{len(differing)} ids repeat with different ages or predictions, the first: "
                f"{differing[:5]}; expected identical rows."
            )


def strata_of(table: pd.DataFrame) -> np.ndarray | None:
    """What a bootstrap of a table's rows is stratified by: sex, where known."""
    return table["female"].to_numpy() if "female" in table else None


def normalizer_of(table: pd.DataFrame) -> AgeNormalizer | None:
    """Mean and standard deviation of a table's reference ages; None where all are equal."""
    ages = table["boneage_months"].to_numpy()
    return AgeNormalizer.fit(ages) if np.ptp(ages) > 0 else None


def distinct(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """One row a radiograph, and how often each appears: (m rows, float counts of shape (m,))."""
    counts = table.groupby("id", sort=False).size()
    first = table.drop_duplicates("id").reset_index(drop=True)
    return first, counts.loc[first["id"]].to_numpy(dtype=float)


def resampled(table: pd.DataFrame, draws_per_cell: int = 10, seed: int = 0) -> pd.DataFrame:
    """Rows drawn to make age and sex uniform, as the paper does to every split (section IV).

    The paper prints no number of draws for the test set; the default gives 200 on a full grid of
    10 age bins × 2 sexes, the size of the test set itself. Rows repeat: `evaluate` takes such a
    table with ``repeats=True``.

    Args:
        table: predictions with ``female``, one row a radiograph.
        draws_per_cell: draws with replacement from each occupied cell.
        seed: seed of the draw.

    Raises:
        InputError: a table that `validate_predictions` refuses or that has no ``female``.
    """
    table = validate_predictions(table)
    if "female" not in table:
        raise InputError("Resampling over age and sex needs the column female in the table.")
    drawn = resample_uniformly(
        table["boneage_months"].to_numpy(),
        table["female"].to_numpy(),
        draws_per_cell=draws_per_cell,
        seed=seed,
    )
    return table.iloc[drawn].reset_index(drop=True)


def align(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tables of several networks with their rows in the order of the first.

    Raises:
        InputError: no table, ids that are not the same in all, or reference ages that disagree.
    """
    if not tables:
        raise InputError("Found no prediction table; expected at least one.")
    checked = {name: validate_predictions(table) for name, table in tables.items()}
    first, *others = checked
    ids = pd.Index(checked[first]["id"])
    for name in others:
        unmatched = ids.symmetric_difference(pd.Index(checked[name]["id"]), sort=False)
        if len(unmatched):
            raise InputError(
                f"{len(unmatched)} ids are in only one of {first} and {name}, the first: "
                f"{unmatched[:5].tolist()}; expected predictions of the same radiographs."
            )
        checked[name] = checked[name].set_index("id").loc[ids].reset_index()
        apart = checked[name]["boneage_months"] != checked[first]["boneage_months"]
        if apart.any():
            raise InputError(
                f"{first} and {name} disagree on boneage_months of {int(apart.sum())} "
                f"radiographs, the first: id {ids[int(np.argmax(apart.to_numpy()))]}."
            )
    return checked
