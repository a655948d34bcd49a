"""CSV files that somebody hands over: taken as they lie, and bounded in size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd

from boneage_lib.errors import InputError

#: Some million rows of predictions; a file of this size is held in memory several times over.
MAX_BYTES = 64 * 2**20
MAX_COLUMNS = 1_000


def read_plain_csv(path: Path, **options: Any) -> pd.DataFrame:
    """A table from a CSV file.

    Nothing is unpacked, whatever the file's name ends with: a few packed bytes may be gigabytes.

    Args:
        path: the file.
        options: further arguments of `pandas.read_csv`.

    Raises:
        InputError: there is no such file, it is no CSV file, or it has more than `MAX_BYTES` or
            `MAX_COLUMNS`.
    """
    try:
        with path.open("rb") as file:  # once, as a pipe can be read only once
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"Found no file {path}; expected a table (CSV).") from None
    except OSError as error:
        raise InputError(f"{path} is not a readable CSV file: {str(error).strip()}.") from None
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{path} has more than {MAX_BYTES:,} bytes, and tables of that size are not read. "
            "Part it into several."
        )
    head = content.partition(b"\n")[0]
    if (n_columns := head.count(b",") + 1) > MAX_COLUMNS:
        raise InputError(
            f"{path} has {n_columns:,} columns; expected at most {MAX_COLUMNS:,}. Take away those "
            "that nothing asks for."
        )
    try:
        return pd.read_csv(io.BytesIO(content), **options)
    except ValueError as error:
        raise InputError(f"{path} is not a readable CSV file: {str(error).strip()}.") from None
