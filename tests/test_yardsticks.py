"""Published errors: where each comes from, and that no table mixes test sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boneage_lib.data import load_histogram
from boneage_lib.paper.yardsticks import (
    KINDS,
    REMEMBERED,
    TEST_SETS,
    guess_errors,
    reference_errors,
    yardstick_table,
    yardsticks,
)

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "yardstick.md").read_text()


def test_every_row_has_a_set_and_a_source() -> None:
    table = yardsticks()
    keys = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text()))
    assert set(table["test_set"]) == set(TEST_SETS)
    assert set(table["kind"]) == set(KINDS)
    assert set(table["origin"]) == {"printed", "remembered", "computed"}
    assert set(table.query("origin != 'computed'")["source"]) <= keys
    assert (table["low_months"] <= table["high_months"]).all()
    assert not table.duplicated(["test_set", "system"]).any()


def test_guessing_from_the_labels() -> None:
    one, by_sex = guess_errors(load_histogram()).values()
    assert one == pytest.approx(35.7, abs=0.05)
    assert by_sex == pytest.approx(34.8, abs=0.05)


def test_years_are_told_in_months_too() -> None:
    row = yardsticks().set_index("system").loc["network, 12,611 training radiographs"]
    assert row["low_months"] == pytest.approx(8.76)
    assert row["words"] == "0.73 years (8.8 months)"


@pytest.mark.parametrize("test_set", list(TEST_SETS))
def test_the_page_shows_each_set_in_a_table_of_its_own(test_set: str) -> None:
    shown = re.search(rf"% begin {test_set}\n\n(.*?)\n\n% end {test_set}\n", PAGE, re.S)
    assert shown, f"book/yardstick.md has no % begin {test_set}"
    expected = yardstick_table(test_set)
    assert shown[1] == expected, f"Paste yardstick_table({test_set!r}) into book/yardstick.md."
    systems = yardsticks().query("test_set != @test_set")["system"]
    assert not any(f"| {system} |" in shown[1] for system in systems)


def test_what_is_remembered_says_so() -> None:
    remembered = yardsticks().query("origin == 'remembered'")["system"]
    for system in remembered:
        assert re.search(rf"\| {re.escape(system)} \|.*{REMEMBERED}", PAGE)
    assert PAGE.count(REMEMBERED) == len(remembered)


@pytest.mark.parametrize(
    "change", [{"cohort_kind": "synthetic"}, {"split_origin": "stratified"}, {"n_test": 140}]
)
def test_only_the_official_test_set_has_reference_lines(change: dict[str, object]) -> None:
    official = {"cohort_kind": "rsna", "split_origin": "official", "n_test": 200}
    assert list(reference_errors(official).values()) == [(4.2, 4.5), (4.8, 7.0)]
    assert reference_errors(official | change) == {}
