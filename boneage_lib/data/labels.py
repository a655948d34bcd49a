"""The label tables of RSNA 2017, told apart by their columns whatever the files are called."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from boneage_lib.data.sources import TABLE_SUFFIXES, Entry, read_member
from boneage_lib.errors import InputError, printable

OLDEST_MONTHS = 240.0
# RSNA's largest label table has 12,611 rows of three columns in 180 kB. A file of a few megabytes
# can have millions of columns, and a workbook of a few bytes a cell in row 999,999,999.
MAX_TABLE_BYTES = 8 * 2**20
MAX_ROWS = 50_000
MAX_COLUMNS = 100
# A workbook is a zip: its unpacked size is bounded before anything parses it.
MAX_WORKBOOK_BYTES = 4 * 2**20
MAX_NAME = 80  # letters of a column's name that are told
FEMALE = {"f": 1, "female": 1, "m": 0, "male": 0}
MALE_COLUMN = {"true": 0, "1": 0, "false": 1, "0": 1}


@dataclass(frozen=True)
class LabelForm:
    """Column names of one label table, in lower case; ``age`` is None where no ages are given."""

    split: str
    id: str
    sex: str
    age: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the table must have."""
        return (self.id, self.age, self.sex) if self.age else (self.id, self.sex)


# The last form is Kaggle's copy of the test set, which comes without ages.
FORMS = (
    LabelForm("train", "id", "male", "boneage"),
    LabelForm("validation", "image id", "male", "bone age (months)"),
    LabelForm("test", "case id", "sex", "ground truth bone age (months)"),
    LabelForm("test", "case id", "sex", None),
)
OFFICIAL_NAMES = (
    "train.csv",
    "boneage-training-dataset.csv",
    "validation dataset.csv",
    "bone age ground truth.xlsx",
    "test.xlsx",
    "boneage-test-dataset.csv",
)


@dataclass(frozen=True)
class LabelTables:
    """What the label tables of a source say.

    Attributes:
        labels: ``id`` (int64), ``official_split``, ``female`` (0 or 1) and ``boneage_months``
            (float64), sorted by id; ids are unique.
        ids_without_age: ids that a table lists without an age (Kaggle's test set).
    """

    labels: pd.DataFrame
    ids_without_age: frozenset[int]


def read_label_tables(entries: list[Entry]) -> LabelTables:
    """Read every label table among ``entries``; tables of other things are passed over.

    Byte order marks, semicolons, tabs, decimal commas (with semicolons or tabs) and Windows line
    ends are accepted.

    Raises:
        InputError: no table with ages, an official table without one of its columns, two tables of
            one set that disagree, an id twice, an unknown sex, or an age that is not a number from
            0 to 240 months.
    """
    found: dict[str, tuple[str, pd.DataFrame]] = {}
    ids_without_age: set[int] = set()
    others = []
    for entry in entries:
        if entry.suffix not in TABLE_SUFFIXES:
            continue
        official = entry.name.lower() in OFFICIAL_NAMES
        try:
            table = _read_cells(entry)
        except InputError:
            if official:
                raise
            continue
        form = next((form for form in FORMS if set(form.columns) <= set(table)), None)
        name = entry.path
        if form is None:
            others.append(f"{name} with columns {', '.join(map(str, table))}")
            if official:
                raise InputError(f"Found {others[-1]}; expected {_expected_columns()}.")
        elif form.age is None:
            ids_without_age.update(_ids(table[form.id], name))
        else:
            labels = _parse(table, form, name)
            earlier = found.setdefault(form.split, (name, labels))
            if not earlier[1].equals(labels):
                raise InputError(
                    f"Found two {form.split} label tables that disagree, {earlier[0]} and {name}; "
                    "expected one. Take the other away."
                )
    if not any(len(labels) for _, labels in found.values()):
        listing = f" (only {'; '.join(others[:5])})" if others else ""
        raise InputError(
            f"Found no labels{listing}; expected a table with the columns {_expected_columns()}. "
            "Give the folder or zip that holds the images and RSNA's train.csv or Kaggle's "
            "boneage-training-dataset.csv."
        )
    labels = pd.concat([labels for _, labels in found.values()]).sort_values("id")
    _refuse_repeated(labels["id"], " and ".join(name for name, _ in found.values()))
    return LabelTables(
        labels.reset_index(drop=True), frozenset(ids_without_age - set(labels["id"]))
    )


def _expected_columns() -> str:
    return " or ".join(",".join(form.columns) for form in FORMS if form.age)


def _read_cells(entry: Entry) -> pd.DataFrame:
    """Every cell as text without surrounding blanks, blank rows dropped, header in lower case."""
    if entry.n_bytes > MAX_TABLE_BYTES:
        raise InputError(
            f"{entry.path} has {entry.n_bytes:,} bytes; expected at most {MAX_TABLE_BYTES:,} of a "
            "label table. Take it away if it is none."
        )
    content = entry.read()
    try:
        read = _rows_of_workbook if entry.suffix == ".xlsx" else _rows_of_text
        rows = _bounded(read(content))
    except Exception as error:  # openpyxl raises whatever a damaged workbook leads it into
        raise InputError(
            f"{entry.path} cannot be read as a table ({printable(str(error))}). Download it again, "
            "or take it away."
        ) from error
    names = [" ".join(name.lower().split())[:MAX_NAME] for name in rows[0]]
    names = [printable(name) or f"unnamed {number}" for number, name in enumerate(names, start=1)]
    if len(set(names)) < len(names):
        raise InputError(
            f"{entry.path} has a column twice: {', '.join(names)}. Remove the one too many."
        )
    if longer := next((row for row in rows if len(row) > len(names)), None):
        raise InputError(
            f"{entry.path} has a row with more cells than columns, which begins with "
            f"{longer[0]!r}. Correct or remove the row."
        )
    filled = [row + [""] * (len(names) - len(row)) for row in rows[1:]]
    return pd.DataFrame(filled, columns=names, dtype=str)


def _bounded(rows: Iterator[list[str]]) -> list[list[str]]:
    """Rows that hold anything, without surrounding blanks or empty cells at the end.

    Raises:
        ValueError: nothing in any row, or more rows or columns than a label table has.
    """
    kept: list[list[str]] = []
    for row in rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        kept.append(cells)
        if len(kept) > MAX_ROWS or len(cells) > MAX_COLUMNS:
            raise ValueError(
                f"more than {MAX_ROWS:,} rows or {MAX_COLUMNS} columns, as no label table has"
            )
    if not kept:
        raise ValueError("it is empty")
    return kept


def _rows_of_text(content: bytes) -> Iterator[list[str]]:
    # Universal line ends, as spreadsheets of all systems write them.
    text = content.decode("utf-8-sig")
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    for number, row in enumerate(rows):
        decimal_comma = number and separator != ","
        yield [cell.replace(",", ".") for cell in row] if decimal_comma else row


def _rows_of_workbook(content: bytes) -> Iterator[list[str]]:
    """Rows of the first sheet, as far as a label table reaches."""
    # openpyxl takes a while to load, and few have workbooks.
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and forms, of no effect on cells
        workbook = load_workbook(_repacked(content), read_only=True, data_only=True)
        try:
            yield from (
                [_text_of(value) for value in row]
                for row in workbook.worksheets[0].iter_rows(
                    max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS + 1, values_only=True
                )
                if row.count(None) < len(row)
            )
        finally:
            workbook.close()


def _repacked(content: bytes) -> io.BytesIO:
    """The same workbook, each part as large as it says: openpyxl takes whatever is packed there."""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_WORKBOOK_BYTES:
            raise ValueError(f"more than {MAX_WORKBOOK_BYTES:,} bytes when unpacked")
        for member in members:
            part = parts[member.filename] = read_member(archive, member)
            # Where entities could be defined that stand for more text than there is; in UTF-16,
            # every other byte is zero. No spreadsheet writes any.
            if b"<!DOCTYPE" in part.replace(b"\0", b""):
                raise ValueError("a document type in a workbook")
    repacked = io.BytesIO()
    with zipfile.ZipFile(repacked, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return repacked


def _text_of(value: Any) -> str:
    """A cell as spreadsheets show it: 201.0 is 201."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _ids(cells: pd.Series, name: str) -> list[int]:
    # Spreadsheets turn 1377 into 1377.0; some lists give the file name.
    matches = [re.fullmatch(r"([0-9]{1,18})(?:\.0*|\.png)?", cell.lower()) for cell in cells]
    if wrong := [cell for cell, match in zip(cells, matches, strict=True) if match is None]:
        raise InputError(f"{name} has the id {wrong[0]!r}; expected a whole number such as 1377.")
    return [int(match[1]) for match in matches if match]


def _parse(table: pd.DataFrame, form: LabelForm, name: str) -> pd.DataFrame:
    assert form.age is not None
    ids = pd.Series(_ids(table[form.id], name), dtype="int64")
    _refuse_repeated(ids, name)
    meaning = MALE_COLUMN if form.sex == "male" else FEMALE
    sex = table[form.sex].str.lower().reset_index(drop=True)
    female = sex.map(meaning)
    if female.isna().any():
        row = int(female.isna().to_numpy().argmax())
        raise InputError(
            f"{name} gives id {ids[row]} {form.sex}={sex[row]!r}; expected one of "
            f"{', '.join(meaning)} in every row. Correct or remove the row."
        )
    ages = table[form.age].reset_index(drop=True)
    months = pd.to_numeric(ages, errors="coerce")
    wrong = ~months.between(0, OLDEST_MONTHS)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(
            f"{name} gives id {ids[row]} {form.age}={ages[row]!r}; expected 0 to "
            f"{OLDEST_MONTHS:g} months. {int(wrong.sum())} rows are like that; correct or remove "
            "them."
        )
    labels = pd.DataFrame(
        {
            "id": ids,
            "official_split": form.split,
            "female": female.astype("int64"),
            "boneage_months": months.astype("float64"),
        }
    )
    return labels.sort_values("id").reset_index(drop=True)


def _refuse_repeated(ids: pd.Series, name: str) -> None:
    repeated = sorted(set(ids[ids.duplicated()].tolist()))
    if repeated:
        raise InputError(
            f"{name}: {len(repeated)} ids appear more than once, the first: {repeated[:10]}; "
            "expected one row a radiograph. Remove the repeats."
        )
