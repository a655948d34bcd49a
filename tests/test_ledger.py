"""The ledger of a run: what is read for it, the page it becomes, and what is kept."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_run import NORMALIZER, ROOT, predictions, project, strict_json, write_networks

from boneage_lib.data import AgeNormalizer
from boneage_lib.notebook import (
    Run,
    claim_inputs,
    collect,
    keep_claims,
    show_ledger,
    verdict_counts,
)
from boneage_lib.paper import built_claims, exact_claims, ledger, measured_claims
from boneage_lib.paper.statements import statements
from boneage_lib.report.ledger import at_500, base_speeds, by_region, frequent_less_rare, rulers
from boneage_lib.report.ledger_page import HEADINGS, claim_anchor, ledger_html, parts_of
from boneage_lib.report.results import seed_history
from boneage_lib.report.run import NOTEBOOK_OF
from boneage_lib.report.studies import SHOWN_IN, SHOWN_REDUCED, study_claims
from boneage_lib.report.wording import REAL_STUDY, REDUCED_STUDY


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(project(tmp_path))
    run = Run("runs/mine")
    write_networks(run, kind="rsna", weights="imagenet")
    collect(run)
    study = pd.DataFrame({"patch_count": [3, 9], "patch_size": [224, 128]})
    study = study.assign(loss=[0.1, 0.2], mae_months=[16.0, 23.0], low=[13.0, 19.0], high=25.0)
    run.write_table("results/patch_size_study.csv", study)
    return run


def test_what_a_run_holds_comes_before_the_claims(run: Run) -> None:
    inputs = json.loads(json.dumps(claim_inputs(run), allow_nan=False))
    assert inputs["patches_at_test"] == inputs["patch_size_fair"] == []
    assert inputs["ablations"] == {}
    assert {record["region"] for record in inputs["regions"]} == {"center", "old"}
    assert inputs["image_size"] == 256
    measured = {claim.id: claim for claim in measured_claims(inputs)}
    told = {name for name, claim in measured.items() if claim.measured != "not measured"}
    assert {"patches-beat-xception", "center-resnet50", "resampled-score"} <= told
    assert {"p-value-is-r", "normalization-ablation", "patch-losses"} <= told
    for file, content in (
        ("patches_at_test.csv", "places,patches,combined,mae_months,lowest\nrandom,1,mean,9,\n"),
        ("patch_size_fair.csv", "patch_size,patch_count,seed,mae_months\n224,3,0,9\n128,9,0,10\n"),
        ("ablations/schedules.json", '{"n": 70}'),
    ):
        (run.results / file).parent.mkdir(exist_ok=True)
        (run.results / file).write_text(content)
    inputs = claim_inputs(run)
    assert inputs["patches_at_test"][0]["lowest"] is None
    assert [row["patch_size"] for row in inputs["patch_size_fair"]] == [224, 128]
    assert inputs["ablations"] == {"schedules": {"n": 70}}


def test_regions_are_compared_on_their_own_radiographs() -> None:
    tables = {n: predictions(n).query("split == 'test'") for n in ("xception", "inception_v3")}
    age_z = NORMALIZER.to_z(tables["xception"]["boneage_months"].to_numpy())
    records = by_region(tables, NORMALIZER)
    assert (np.abs(age_z + 1.5) <= 0.25).sum() < 10, "too few to be compared"
    assert {r["region"]: r["n"] for r in records} == {
        "old": (np.abs(age_z - 1.5) <= 0.25).sum(),
        "center": (np.abs(age_z) < 1.25).sum(),
    }
    assert all(record["over_seeds"] is None for record in records)
    few = {name: table.iloc[:9] for name, table in tables.items()}
    assert by_region(few, NORMALIZER) == []


def test_regions_are_compared_over_seeds() -> None:
    seeds = {n: {k: predictions(n, k) for k in (0, 1, 2)} for n in ("xception", "inception_v3")}
    tables = {n: of_seeds[0].query("split == 'test'") for n, of_seeds in seeds.items()}
    *_, record = by_region(tables, NORMALIZER, seeds)
    assert record["region"] == "center"
    age_z = NORMALIZER.to_z(tables["xception"]["boneage_months"].to_numpy())
    ids = tables["xception"]["id"][np.abs(age_z) < 1.25]
    maes = {
        n: [
            t[t["id"].isin(ids)].eval("abs(predicted_months - boneage_months)").mean()
            for t in of_seeds.values()
        ]
        for n, of_seeds in seeds.items()
    }
    point, low, high = record["over_seeds"]
    assert point == pytest.approx(np.mean(maes["xception"]) - np.mean(maes["inception_v3"]))
    assert low < point < high


def test_frequent_ages_are_those_of_rsnas_training_set() -> None:
    # 120 months fall into the fullest cells of both sexes, 10 and 225 into nearly empty ones.
    age = np.repeat([120.0, 10.0, 225.0], 10)
    table = pd.DataFrame({"id": range(30), "boneage_months": age, "female": [0, 1] * 15})
    table["predicted_months"] = age + np.where(age == 120, 1, 5) + np.arange(30) % 2
    found = frequent_less_rare(table)
    assert found is not None
    assert (found["n_frequent"], found["n_rare"]) == (10, 20)
    assert found["difference_months"] == pytest.approx(-4)
    low, high = found["difference_months_ci"]
    assert low < -4 < high < 0
    assert frequent_less_rare(table.iloc[:19]) is None, "nine rare ones"
    assert frequent_less_rare(table.drop(columns="female")) is None


def test_several_seeds_enter_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))
    run = Run("runs/seeds")
    write_networks(run, kind="rsna", weights="imagenet", seeds=3)
    collect(run)
    run.write_table("results/patch_size_study.csv", pd.DataFrame({"patch_size": [224]}))
    inputs = claim_inputs(run)
    assert all(record["over_seeds"] is not None for record in inputs["regions"])
    assert "val_loss_of_seeds" not in inputs["histories"]["xception"], "as of an older run"
    for name in NOTEBOOK_OF:
        for seed in range(3):
            table = pd.DataFrame({"val_loss": [4.0, 3, 2, 1 + seed]})
            run.write_table(seed_history(name, seed), table)
    inputs = json.loads(json.dumps(claim_inputs(run), allow_nan=False))
    assert inputs["histories"]["xception"]["val_loss_of_seeds"][2] == [4, 3, 2, 3]
    found = {claim.id: claim for claim in measured_claims(inputs)}
    for name in ("resnet50-best", "center-resnet50", "ensemble-less-overfitting"):
        assert "over seeds" in found[name].measured, name
    assert found["patches-steadier"].value is not None


def test_a_perfect_network_errs_by_its_ruler_alone() -> None:
    table = predictions("xception").query("split == 'test'").reset_index(drop=True)
    table["predicted_months"] = table["boneage_months"]
    found = rulers(table, NORMALIZER)
    assert found["rmse_z"] == 0
    assert found["rmse_z_own"] > 0.01
    wide = rulers(table, AgeNormalizer(mean_months=120.0, std_months=120.0))
    assert wide["rmse_z_own"] > found["rmse_z_own"]


def test_settings_at_another_size_are_held_against_500_pixels() -> None:
    assert at_500({"patch_size": 115}, 256)["patch_size"] == 224
    assert at_500({"patch_size": 64}, 256)["patch_size"] == 64
    assert at_500({"patch_size": 224}, 500)["patch_size"] == 224


def test_speeds_come_from_the_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "training.json"
    assert base_speeds(file) == {}
    summary = {"bare_images_per_s": {"keras": 3.0, "openvino": 9.0}}
    file.write_text(json.dumps({"networks": {"xception": {"summary": summary}}}))
    assert base_speeds(file) == {"xception": {"keras": 3.0, "openvino": 9.0}}


def test_the_kept_ledger_is_strict_json_and_counts_its_verdicts(run: Run) -> None:
    exact, built = ledger(exact_claims()), ledger(built_claims({}))
    rows = keep_claims(run, exact, claim_inputs(run), built)
    kept = strict_json(run.results / "claims.json")
    assert [row["id"] for row in kept] == rows["id"].tolist()
    assert sorted(row["id"] for row in kept) == sorted(statements())
    assert set(rows["needs"]) == {"arithmetic", "networks", "run"}
    counts = verdict_counts(rows).data
    assert counts.loc["all"].sum() == len(rows)
    assert counts.loc["arithmetic and labels"].sum() == len(exact)


def test_kept_inputs_give_the_same_verdicts_again(run: Run) -> None:
    rows = keep_claims(run, ledger(exact_claims()), claim_inputs(run))
    again = ledger(measured_claims(strict_json(run.results / "claim_inputs.json")))
    measured = rows[rows["needs"] == "run"].drop(columns="needs").reset_index(drop=True)
    pd.testing.assert_frame_equal(measured, again)


def test_a_link_to_a_cell_has_the_words_of_its_heading_or_caption() -> None:
    for statement in statements().values():
        notebook, _, anchor = statement.measured_in.partition("#")
        if notebook:
            assert anchor in parts_of(notebook), statement.measured_in
    parts = parts_of("08_ensemble_analysis")
    assert parts["is-it-more-robust"] == "Is it more robust?"
    assert parts["fig-4b"] == "Validation loss of the four networks (the paper's Figure 4b)"


class Cells(HTMLParser):
    """Tags, their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_row_can_be_cited_and_leads_to_its_cell() -> None:
    table = ledger(exact_claims())
    page = Cells(show_ledger(table, "A ledger.").data)
    rows = [row for row in page.all("tr") if "id" in row]
    assert [row["id"] for row in rows] == [f"claim-{name}" for name in table["id"]]
    assert [row["data-verdict"] for row in rows] == table["verdict"].tolist()
    links = [a["href"] for a in page.all("a")]
    assert "02_resampling.html#uniform-in-age-and-sex" in links
    assert len(links) == 2 * len(table)
    assert len(page.all("td")) == len(HEADINGS) * len(table)
    assert {cell["data-label"] for cell in page.all("td")} == set(HEADINGS)


def test_text_is_escaped() -> None:
    table = ledger(exact_claims()).head(1)
    bad = '<script>alert("x")</script> & <b>'
    html = ledger_html(
        table.assign(id=bad, **dict.fromkeys(("place", "statement", "test", "measured"), bad)), bad
    )
    assert "<script" not in html and "<b>" not in html
    assert bad in "".join(Cells(html).texts)


def test_a_study_s_ledger_leads_to_where_the_study_is_shown() -> None:
    rows = study_claims(REAL_STUDY)
    html = ledger_html(rows, "A ledger.")
    assert set(re.findall(r'<a href="(\w+)\.html', html)) == {SHOWN_IN}
    assert "Where: in this row alone" in html


def test_a_second_ledger_has_addresses_of_its_own() -> None:
    rows = study_claims(REDUCED_STUDY)
    page = Cells(show_ledger(rows, "A ledger.", of=REDUCED_STUDY).data)
    ids = [row["id"] for row in page.all("tr") if "id" in row]
    assert ids == [claim_anchor(name, REDUCED_STUDY) for name in rows["id"]]
    assert not set(ids) & {claim_anchor(name) for name in study_claims(REAL_STUDY)["id"]}
    links = {a["href"] for a in page.all("a")} - {f"#{name}" for name in ids}
    assert links == {f"{SHOWN_IN}.html#{SHOWN_REDUCED}"}
    assert SHOWN_REDUCED in parts_of(SHOWN_IN)
    assert f"#{ids[0]}" in {a["href"] for a in page.all("a")}


def test_the_script_is_the_books_own() -> None:
    options = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    styles = ROOT / options["html_static_path"][0]
    for name in [*options["html_js_files"], *options["html_css_files"]]:
        text = (styles / name).read_text()
        # Names of XML's kinds look like addresses, and are none.
        assert not re.search(r"https?://(?!www\.w3\.org/)|\bfetch\(|\bimport\b|@import", text), name
    script = (styles / "ledger.js").read_text()
    assert "innerHTML" not in script and "eval(" not in script
