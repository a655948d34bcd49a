"""What a trained network is asked about, and what is said of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from fuzzing import PATIENT, dicom_file
from made_up_run import project, write_networks

from boneage_lib.errors import InputError
from boneage_lib.evaluation.familiarity import Familiarity
from boneage_lib.notebook import Run, collect
from boneage_lib.paper.published import TITLES
from boneage_lib.report import predicting
from boneage_lib.report.answered import answers_as_json, answers_as_table, told
from boneage_lib.report.asked import CHUNK, Picture, pictures, read_ahead
from boneage_lib.report.predicting import STRANGE, key_of, predict
from boneage_lib.report.systems import System, members_of, validation_errors

SIZE = 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("b.png", "a.PNG", "c.jpg"):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 255, (80, 70), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


# Which files, whose hands


def test_a_folder_gives_its_pictures_by_name(folder: Path) -> None:
    asked = pictures([folder], "female", None)
    assert [picture.path.name for picture in asked] == ["a.PNG", "b.png", "c.jpg"]
    assert {picture.sex for picture in asked} == {"female"}


def test_the_sex_is_asked_for_once(folder: Path) -> None:
    with pytest.raises(InputError, match="Found no answers .* --sex unknown"):
        pictures([folder], None, None)
    with pytest.raises(InputError, match="Found two answers"):
        pictures([folder], "male", folder / "sexes.csv")
    with pytest.raises(InputError, match="'girl'"):
        pictures([folder], "girl", None)


def test_a_table_tells_the_sex_of_each(folder: Path) -> None:
    table = folder / "sexes.csv"
    table.write_text("file,sex\nb.png,M\na.PNG,female\nc.jpg,unknown\nother.png,F\n")
    assert [picture.sex for picture in pictures([folder], None, table)] == [
        "female",
        "male",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,sex\na.PNG,female\n", "names no sex of 2 files, such as b.png"),
        ("name,sex\na.PNG,female\n", "lacks file"),
        ("file,sex\na.PNG,F\na.PNG,M\n", "names a.PNG twice"),
        ("file,sex\na.PNG,\nb.png,F\nc.jpg,F\n", "Found the sex ''"),
        ("", "is not a readable CSV"),
    ],
)
def test_a_table_that_does_not_tell_is_refused(folder: Path, text: str, why: str) -> None:
    (folder / "sexes.csv").write_text(text)
    with pytest.raises(InputError, match=why):
        pictures([folder], None, folder / "sexes.csv")


def test_no_such_file_and_no_picture_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="Found no .*none.png"):
        pictures([folder / "none.png"], "male", None)
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="Found no picture"):
        pictures([folder / "empty"], "male", None)


def test_pictures_come_in_their_order_and_unreadable_ones_with_their_reason(folder: Path) -> None:
    (folder / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    files = [folder / "d.png", folder / "gone.png", folder / "b.png"]
    asked = [Picture(file, "male") for file in files] * CHUNK
    found = list(read_ahead(asked, SIZE))
    assert [len(chunk) for chunk, _, _ in found] == [CHUNK] * 3
    _, images, reasons = found[0]
    assert reasons[:3] == ["cut off or damaged", "not readable: No such file or directory", None]
    assert images.shape == (sum(reason is None for reason in reasons), SIZE, SIZE)


# What is said


class Reader:
    """Answers with a picture's mean grey, and adds ten months for a girl."""

    spec = SimpleNamespace(pooled=True, patches=False)
    recipe = SimpleNamespace(looks=lambda: 1)
    normalizer = SimpleNamespace(to_months=lambda z: np.asarray(z, dtype=float))


def system(monkeypatch: pytest.MonkeyPatch, half: float | None = 5.0) -> System:
    def ask(reader: Reader, images: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, ...]:
        grey = images.mean(axis=(1, 2)).astype(float)
        return grey + 10, grey, np.stack([grey, images.std(axis=(1, 2))], axis=1)

    monkeypatch.setattr(predicting, "ask", ask)
    rng = np.random.default_rng(1)
    usual = np.stack([rng.normal(128, 20, 400), rng.normal(60, 15, 400)], axis=1)
    known = Familiarity.fit(usual[:200], usual[200:])
    reader: Any = Reader()
    return System({"xception": 1.0}, {"xception": reader}, "xception", known, half, SIZE, 0.9)


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    grey = np.random.default_rng(2).normal(120, 60, (SIZE, SIZE)).clip(0, 255).astype("uint8")
    cv2.imwrite(str(tmp_path / "hand.png"), grey)
    return tmp_path / "hand.png"


def test_an_answer_has_an_interval_and_an_unknown_sex_a_wider_one(
    hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Picture(hand, sex) for sex in ("female", "male", "unknown")]
    girl, boy, unknown = predict(system(monkeypatch), asked)
    assert girl["months"] == pytest.approx(boy["months"] + 10)
    assert girl["high_months"] - girl["low_months"] == pytest.approx(10)
    assert unknown["months"] == pytest.approx((girl["months"] + boy["months"]) / 2)
    assert unknown["low_months"] == boy["low_months"]
    assert unknown["high_months"] == girl["high_months"]
    assert girl["years"] == pytest.approx(girl["months"] / 12)
    assert 0 < girl["usual"] <= 1 and girl["error"] is None


def test_a_strange_picture_gets_no_age_unless_asked_anyway(
    hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(hand), np.random.default_rng(3).choice([0, 255], (SIZE, SIZE)).astype("uint8"))
    found = system(monkeypatch)
    (refused,) = predict(found, [Picture(hand, "male")])
    assert refused["months"] is None and refused["low_months"] is None
    assert STRANGE in refused["flags"]
    (given,) = predict(found, [Picture(hand, "male")], anyway=True)
    assert given["months"] > 0 and STRANGE in given["flags"]


def test_nothing_of_a_patient_is_in_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether the file can be read or not."""
    whole, cut = tmp_path / "whole.dcm", tmp_path / "cut.dcm"
    whole.write_bytes(dicom_file(**PATIENT))
    cut.write_bytes(dicom_file(**PATIENT)[:-200])
    records = list(predict(system(monkeypatch), [Picture(f, "male") for f in (whole, cut)], True))
    assert [record["error"] is None for record in records] == [True, False]
    table = answers_as_table(records).to_csv()
    said = table + answers_as_json(records) + told(records) + "".join(capfd.readouterr())
    for value in PATIENT.values():
        for part in value.split("^"):
            assert part.encode() in whole.read_bytes(), "or nothing is looked for"
            assert part not in said


def test_an_empty_picture_gets_none_either(hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(hand), np.full((SIZE, SIZE), 120, np.uint8))
    (found,) = predict(system(monkeypatch), [Picture(hand, "male")])
    assert found["months"] is None and "nearly empty" in found["flags"]


def test_too_few_validation_radiographs_leave_no_interval(
    hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = predict(system(monkeypatch, half=None), [Picture(hand, "male")])
    assert found["months"] is not None and found["low_months"] is None


def test_progress_counts_all_and_only_answers_are_seen(
    hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Picture(hand, "female"), Picture(hand.with_name("gone.png"), "male")]
    steps: list[tuple[int, int]] = []
    seen: list[tuple[str, bool]] = []
    records = list(
        predict(
            system(monkeypatch),
            asked,
            progress=lambda done, total: steps.append((done, total)),
            seen=lambda name, image, female: seen.append((name, female)),
        )
    )
    assert steps == [(2, 2)]
    assert seen == [("hand", True)]
    assert [record["error"] is None for record in records] == [True, False]


def test_answers_are_told_kept_and_given_as_json(
    hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = hand.with_name("\x1b[2Jgone.png")
    asked = [Picture(hand, "female"), Picture(evil, "male")]
    records = list(predict(system(monkeypatch), asked))
    text = told(records)
    assert "\x1b" not in text and "90% interval" in text and "not readable" in text
    assert f"{records[0]['months']:.1f}" in text
    table = answers_as_table(records)
    assert table["months"].iloc[0] == round(records[0]["months"], 1)
    assert json.loads(answers_as_json(records))[1]["months"] is None


def test_members_are_weighted_to_one() -> None:
    assert members_of("xception") == {"xception": 1.0}
    weights = members_of("ensemble")
    assert sum(weights.values()) == pytest.approx(1)
    assert set(weights) < set(TITLES)
    with pytest.raises(InputError, match="'vgg'.*ensemble"):
        members_of("vgg")


def test_a_key_depends_on_pixels_alone() -> None:
    image = np.arange(16, dtype="uint8").reshape(4, 4)
    assert key_of(image) == key_of(image.copy()) != key_of(image.T.copy())
    assert 0 <= key_of(image) < 2**31


def test_errors_are_those_of_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))
    run = Run("runs/mine")
    write_networks(run)
    collect(run)
    for name in ("xception", "ensemble"):
        table = run.read_table(f"predictions/{name}.csv", "")
        rows = table[table["split"] == "validation"]
        expected = (rows["predicted_months"] - rows["boneage_months"]).to_numpy()
        np.testing.assert_array_equal(validation_errors(run, name), expected)
