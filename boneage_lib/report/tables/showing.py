"""A table as a notebook shows it."""

from __future__ import annotations

import hashlib
from functools import partial
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from boneage_lib.paper.signs import signed

#: Units that a column's name may end with.
UNITS = ("months", "degrees")


def in_print(name: Any) -> Any:
    """A name of a column or row as a reader wants it: ``mean_months`` is ``mean (months)``."""
    if not isinstance(name, str):
        return name
    stem, _, unit = name.rpartition("_")
    return (f"{stem} ({unit})" if stem and unit in UNITS else name).replace("_", " ")


def show(
    table: pd.DataFrame,
    caption: str,
    decimals: int | None = None,
    absent: str = "",
    of: str = "",
) -> Any:
    """A table with its caption, the same text every time it is made.

    Args:
        table: what to show.
        caption: a sentence with the units.
        decimals: decimals of fractional columns; by default as many as they have, up to four.
        absent: a sentence that stands in place of a table without rows.
        of: name of what the numbers come from, where the run did not measure them: see
            `boneage_lib.report.stamps`.

    Returns:
        A styler whose text is escaped: a label or the name of a file never becomes markup.
    """
    if absent and len(table) == 0:
        return Markdown(absent)
    table = table.rename(columns=in_print, index=in_print)
    table = table.rename_axis(index=in_print, columns=in_print)
    forms: dict[Any, Any] = dict.fromkeys(table.columns, _as_text)
    for name in table.columns:
        if pd.api.types.is_float_dtype(table[name]):
            forms[name] = partial(signed, decimals=4 if decimals is None else decimals)
        elif pd.api.types.is_integer_dtype(table[name]):
            forms[name] = "{:,}"
    style = table.style.format(forms, na_rep="—")
    for axis in (0, 1):
        style = style.format_index(_as_text, axis=axis)
    if of:
        style = style.set_table_attributes(f'data-of="{escape(of)}"')
    digest = hashlib.sha256(caption.encode()).hexdigest()[:8]
    return style.set_caption(_as_text(caption)).set_uuid(digest)


def _as_text(value: Any) -> Any:
    """What pandas would show, without what HTML takes for markup (quotes it does not)."""
    if isinstance(value, float | np.floating):
        return f"{value:.6f}"
    return escape(value, quote=False) if isinstance(value, str) else value
