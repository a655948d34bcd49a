"""Tables: the paper, the real study and a run side by side, and the same text every time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_run import project, result, training

from boneage_lib.paper.published import TABLE_3, TABLE_6, TITLES
from boneage_lib.paper.signs import signed
from boneage_lib.report.results import over_seeds
from boneage_lib.report.tables import against_constant, parameter_table, show, three_way
from boneage_lib.report.wording import with_limits

MAE = "mean absolute error (months)"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def keep_study(root: Path) -> None:
    found = result("xception", kind="rsna", weights="imagenet")
    folder = root / "results" / "rsna-500px"
    folder.mkdir(parents=True)
    measured = {"data": found["data"], "networks": {"xception": found["metrics"]}}
    (folder / "metrics.json").write_text(json.dumps(measured))


def compared(network: str, found: dict[str, Any] | None = None) -> pd.DataFrame:
    return three_way(network, found or result(network))


def test_three_way_before_any_real_study(root: Path) -> None:
    table = compared("xception")
    assert list(table.index) == [
        "the paper (Table 6)",
        "results/rsna-500px",
        "this run, test set as it is",
        "this run, test set resampled",
    ]
    assert set(table.loc["results/rsna-500px"]) == {"not measured"}
    assert not table.isna().to_numpy().any()


def test_three_way_with_the_real_study(root: Path) -> None:
    keep_study(root)
    table = compared("xception")
    assert list(table.index) == [
        "the paper (Table 6)",
        "rsna-500px, test set as it is",
        "rsna-500px, test set resampled",
        "this run, test set as it is",
        "this run, test set resampled",
    ]
    real, synthetic = table["data"].iloc[1], table["data"].iloc[3]
    assert "real RSNA radiographs" in real and "pipeline check" not in real
    assert "synthetic radiographs" in synthetic and synthetic.endswith("(pipeline check)")
    assert "90 training, 30 validation, 40 test" in synthetic
    assert "256 px" in synthetic and "random" in synthetic
    assert compared("inception_v3")["data"].iloc[1] == "not measured"


@pytest.mark.parametrize(
    ("kind", "weights", "check"),
    [
        ("synthetic", "random", True),
        ("synthetic", "imagenet", True),
        ("rsna", "random", True),
        ("rsna", "imagenet", False),
    ],
)
def test_only_real_radiographs_with_pretrained_bases_are_no_pipeline_check(
    kind: str, weights: str, check: bool, root: Path
) -> None:
    table = compared("xception", result("xception", kind, weights))
    assert table["data"].iloc[-2:].str.contains("pipeline check").eq(check).all()


def test_three_way_numbers(root: Path) -> None:
    found = result("inception_v3")
    table = compared("inception_v3", found)
    printed = TABLE_6["inception_v3"]
    assert list(table.iloc[0])[1:] == [
        f"{printed.mse:.2f}",
        f"{printed.rmse:.2f}",
        f"{printed.p_value:.2f}",
        "not printed",
    ]
    for row, key in ((-2, "test"), (-1, "test_resampled")):
        scores = found["metrics"][key]
        low, high = scores["mae_months_ci"]
        assert table[MAE].iloc[row] == f"{scores['mae_months']:.1f} ({low:.1f} to {high:.1f})"
        assert table["MSE (z²)"].iloc[row] == f"{scores['mse_z']:.2f}"
    assert table[MAE].iloc[-2] != table[MAE].iloc[-1]


def test_the_paper_prints_no_score_with_attention(root: Path) -> None:
    row = compared("xception_attention").loc["the paper (Table 6)"]
    assert set(row.drop("data")) == {"not printed"}


def test_better_than_a_constant_only_if_the_whole_interval_says_so() -> None:
    found = result("xception")
    text = against_constant(found).data
    scores, paired = found["metrics"]["test"], found["against_constant"]
    assert f"On {scores['n']} test radiographs" in text
    assert f"**{scores['mae_months']:.1f} (" in text
    assert f"gives {found['constant']['mae_months']:.1f}." in text
    low, high = paired["difference_months_ci"]
    assert high < 0
    less = f"{paired['difference_months']:.1f} ({low:.1f} to {high:.1f}) months"
    assert less.replace("-", "\N{MINUS SIGN}") in text
    assert "the network is better" in text and "does not show" not in text
    assert "epoch 4 of 7" in text

    found["against_constant"] = {**paired, "difference_months_ci": [low, 0.2]}
    assert "the interval does not show the network is better" in against_constant(found).data


def test_several_seeds_are_told_with_their_interval() -> None:
    found = result("xception")
    assert "trainings" not in against_constant(found).data
    trainings = [training("xception", 3 + k, worse_by_months=k) for k in range(3)]
    found["seeds"] = over_seeds(trainings)  # type: ignore[arg-type]
    first = found["seeds"]["test"]["mae_months"][0]
    assert found["seeds"]["seed"] == [3, 4, 5]
    np.testing.assert_allclose(found["seeds"]["test"]["mae_months"], [first, first + 1, first + 2])
    # Three values a month apart: one standard error is 1 / √3, Student's quantile 4.303.
    assert found["seeds"]["test"]["mean_ci"] == pytest.approx(
        [first + 1 - 4.3027 / np.sqrt(3), first + 1 + 4.3027 / np.sqrt(3)], abs=1e-3
    )
    low, high = found["seeds"]["test"]["mean_ci"]
    said = (
        f"3 trainings with other seeds average **{first + 1:.1f} ({low:.1f} to {high:.1f}) months"
    )
    assert said in against_constant(found).data


def stub(trainable: int, frozen: int) -> SimpleNamespace:
    def weights(count: int) -> list[Any]:
        return [np.zeros((count // 7, 7)), np.zeros(count % 7)]

    return SimpleNamespace(
        trainable_weights=weights(trainable), non_trainable_weights=weights(frozen)
    )


@pytest.mark.parametrize("name", list(TABLE_3))
def test_parameters_agree_with_table_3_or_not(name: str) -> None:
    printed = TABLE_3[name]
    row = parameter_table({name: stub(printed.trainable, printed.frozen)}).iloc[0]
    assert (row["total"], row["trainable"], row["frozen"]) == (
        printed.total,
        printed.trainable,
        printed.frozen,
    )
    assert row["printed in the paper's Table 3"].startswith(f"{printed.total:,} = ")
    assert row["agrees"] == "True"
    for change in ((1, 0), (0, 1), (1, -1)):
        other = stub(printed.trainable + change[0], printed.frozen + change[1])
        assert parameter_table({name: other}).iloc[0]["agrees"] == "False"


def test_table_3_has_no_row_with_attention() -> None:
    table = parameter_table({"xception_attention": stub(10, 20)})
    assert list(table.index) == [TITLES["xception_attention"]]
    assert table.iloc[0]["printed in the paper's Table 3"] == "no row"
    assert table.iloc[0]["agrees"] == "not printed"


def test_show_gives_the_same_text_every_time() -> None:
    table = pd.DataFrame(
        {"n": [12611], "share": [0.4567891], "gone": [np.nan], "name": ["train"]}, index=["row"]
    )
    first, second = (show(table.copy(), "A caption, months.").to_html() for _ in range(2))
    assert first == second
    assert "A caption, months.</caption>" in first
    for text in ("12,611", "0.4568", "—", "train"):
        assert f">{text}</td>" in first
    assert ">0.46</td>" in show(table, "A caption, months.", decimals=2).to_html()
    other = show(table, "Another caption.").to_html()
    assert first.split('id="T_')[1][:8] != other.split('id="T_')[1][:8]


@pytest.mark.parametrize(
    ("value", "text"), [(-0.04, "0.0"), (-0.06, "\N{MINUS SIGN}0.1"), (0.04, "0.0")]
)
def test_what_rounds_to_zero_has_no_sign(value: float, text: str) -> None:
    assert signed(value, 1) == text
    assert with_limits(1.0, value, 2.0) == f"1.0 ({text} to 2.0)"
    assert signed(value, 1, plus=True) == (text if text[0] != "0" else "+0.0")
