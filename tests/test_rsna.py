"""RSNA 2017 in every form people have it in, made up on the spot, and real files where given."""

from __future__ import annotations

import io
import random as randomness
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from boneage_lib.data.cohort import SPLITS, Cohort
from boneage_lib.data.decoding import decode
from boneage_lib.data.rsna import prepare, report
from boneage_lib.errors import InputError

Files = dict[str, bytes]
FOLDER = "boneage-training-dataset"
SIZE = 32


def png(brightness: int, height: int = 48, width: int = 40) -> bytes:
    """A radiograph of one brightness, so that every row shows which file it came from."""
    return cv2.imencode(".png", np.full((height, width), brightness, np.uint8))[1].tobytes()


def training_labels(ids: range) -> str:
    rows = [f"{i},{12 + 9 * (i % 23)},{['True', 'FALSE'][i % 2]}" for i in ids]
    return "\n".join(["id,boneage,male", *rows]) + "\n"


def training_set(folder: str = FOLDER, n: int = 40, table: str = f"{FOLDER}.csv") -> Files:
    ids = range(1, n + 1)
    files = {f"{folder}/{i}.png": png(i) for i in ids}
    return files | {table: training_labels(ids).encode()}


def validation_set(
    folder: str = "boneage-validation-dataset-1", table: str = "Validation Dataset.csv"
) -> Files:
    rows = "\r\n".join(f"{i},{['TRUE', 'FALSE'][i % 2]},{100 + i}" for i in range(101, 107))
    files = {f"{folder}/{i}.png": png(i) for i in range(101, 107)}
    return files | {table: ("\ufeffImage ID,male,Bone Age (months)\r\n" + rows).encode()}


def test_set(folder: str = "Test Set Images", table: str = "Bone age ground truth.xlsx") -> Files:
    files = {f"{folder}/{i}.png": png(i) for i in range(201, 205)}
    sheet = pd.DataFrame(
        {
            "Case ID": range(201, 205),
            "Sex": ["M", "F", "M", "F"],
            "Ground truth bone age (months)": [11.21, 80.5, 133.333333, 219.06],
        }
    )
    written = io.BytesIO()
    if table.endswith("xlsx"):
        sheet.to_excel(written, index=False)
    else:
        written.write(sheet.to_csv(index=False).encode())
    return files | {table: written.getvalue()}


test_set.__test__ = False  # type: ignore[attr-defined]


def kaggle() -> Files:
    unlabeled = {
        f"boneage-test-dataset/boneage-test-dataset/{i}.png": png(i) for i in range(201, 204)
    }
    ageless = {"boneage-test-dataset.csv": b"Case ID,Sex\n201,M\n202,F\n203,M\n"}
    return training_set(f"{FOLDER}/{FOLDER}") | unlabeled | ageless


def write_folder(root: Path, files: Files) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zipped(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def brightness_by_id(cohort: Cohort) -> dict[int, int]:
    return dict(
        zip(cohort.labels["id"].tolist(), cohort.images[:, 5, 5].astype(int).tolist(), strict=True)
    )


def skipped(cohort: Cohort) -> dict[str, int]:
    return {k: v["count"] for k, v in cohort.info["skipped"].items() if v["count"]}


# What people have: how the training set of forty may lie on disk.
FORMS: dict[str, Callable[[Path], Path]] = {
    "folder": lambda tmp: write_folder(tmp / "rsna", training_set()),
    "folder with train.csv": lambda tmp: write_folder(
        tmp / "rsna", training_set(table="train.csv")
    ),
    "zip": lambda tmp: write_folder(tmp, {"all.zip": zipped(training_set())}) / "all.zip",
    "images zipped": lambda tmp: write_folder(
        tmp / "rsna",
        {
            "Bone+Age+Training+Set.zip": zipped(
                {k: v for k, v in training_set().items() if k.endswith("png")}
            ),
            "train.csv": training_labels(range(1, 41)).encode(),
        },
    ),
    "as downloaded": lambda tmp: write_folder(
        tmp / "rsna",
        {
            "Bone+Age+Training+Set.zip": zipped(
                {k: v for k, v in training_set().items() if k.endswith("png")}
            ),
            "Bone+Age+Training+Set+Annotations.zip": zipped(
                {"train.csv": training_labels(range(1, 41)).encode()}
            ),
        },
    ),
    "downloaded and unpacked": lambda tmp: write_folder(
        tmp / "rsna", training_set() | {f"{FOLDER}.zip": zipped(training_set())}
    ),
    "zip in a zip, stored": lambda tmp: (
        write_folder(
            tmp, {"all.zip": zipped({"a/b.zip": zipped(training_set())}, zipfile.ZIP_STORED)}
        )
        / "all.zip"
    ),
    "zip in a zip, compressed": lambda tmp: (
        write_folder(
            tmp, {"all.zip": zipped({"a/b.zip": zipped(training_set(), zipfile.ZIP_STORED)})}
        )
        / "all.zip"
    ),
    "Kaggle folder": lambda tmp: write_folder(tmp / "kaggle", kaggle()),
    "Kaggle zip": lambda tmp: write_folder(tmp, {"archive.zip": zipped(kaggle())}) / "archive.zip",
    "file managers were here": lambda tmp: write_folder(
        tmp / "rsna",
        training_set() | {f"{FOLDER}/._1.png": b"x", "__MACOSX/2.png": b"x", ".DS_Store": b"x"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_cohort(tmp_path: Path, form: str) -> None:
    cohort = prepare(FORMS[form](tmp_path), tmp_path / "out", SIZE)
    plain = prepare(write_folder(tmp_path / "plain", training_set()), tmp_path / "plain_out", SIZE)
    assert cohort.checksum == plain.checksum
    assert brightness_by_id(cohort) == {i: i for i in range(1, 41)}
    assert cohort.labels["split"].value_counts().to_dict() == {
        "train": 28,
        "validation": 4,
        "test": 8,
    }
    assert cohort.labels["female"].tolist() == [1, 0] * 20
    assert cohort.info["kind"] == "rsna"
    assert cohort.info["split_origin"] == "stratified"
    assert cohort.info["official_sets"] == {"train": {"radiographs": 40, "female": 20}}
    assert str(tmp_path) not in (tmp_path / "out" / "cohort.json").read_text()
    assert Cohort.open(tmp_path / "out", verify=True).checksum == cohort.checksum


def test_kaggles_test_set_without_ages_is_left_out_and_counted(tmp_path: Path) -> None:
    cohort = prepare(write_folder(tmp_path / "kaggle", kaggle()), tmp_path / "out", SIZE)
    assert cohort.info["source_form"] == "Kaggle, folder"
    assert skipped(cohort) == {"images_without_age": 3}
    assert "images without age: 3 (201, 202, 203)" in report(cohort)


@pytest.mark.parametrize("table", ["Bone age ground truth.xlsx", "test.xlsx", "test.csv"])
def test_official_splits_are_used_where_present(tmp_path: Path, table: str) -> None:
    source = training_set() | validation_set() | test_set(table=table)
    cohort = prepare(write_folder(tmp_path / "rsna", source), tmp_path / "out", SIZE)
    assert cohort.info["split_origin"] == "official"
    by_id = cohort.labels.set_index("id")
    assert by_id["split"].value_counts().to_dict() == {"train": 40, "validation": 6, "test": 4}
    assert by_id.loc[203].to_dict() == {
        "split": "test",
        "female": 0,
        "boneage_months": 133.333333,
    }
    assert by_id.loc[101].to_dict() == {"split": "validation", "female": 1, "boneage_months": 201}
    assert brightness_by_id(cohort)[204] == 204
    assert Cohort.open(tmp_path / "out", verify=True).checksum == cohort.checksum


def test_official_download_with_its_nested_zips(tmp_path: Path) -> None:
    images = list(validation_set("boneage-validation-dataset").items())
    parts = {"1": dict(images[:3]), "2": dict(images[3:6])}
    validation = {
        f"Bone Age Validation Set/boneage-validation-dataset-{k}.zip": zipped(part)
        for k, part in parts.items()
    }
    validation["Bone Age Validation Set/Validation Dataset.csv"] = images[6][1]
    test = {f"Bone Age Test Set/{name}": content for name, content in test_set().items()}
    training = training_set()
    labels = {"train.csv": training.pop(f"{FOLDER}.csv")}
    source = {
        "Bone+Age+Training+Set.zip": zipped(training),
        "Bone+Age+Training+Set+Annotations.zip": zipped(labels),
        "Bone+Age+Validation+Set.zip": zipped(validation, zipfile.ZIP_STORED),
        "Bone+Age+Test+Set.zip": zipped(test),
    }
    cohort = prepare(write_folder(tmp_path / "rsna", source), tmp_path / "out", SIZE)
    assert cohort.info["source_form"] == "RSNA, zip"
    assert cohort.info["split_origin"] == "official"
    assert len(cohort) == 50
    assert not skipped(cohort)


def test_a_missing_official_set_is_drawn_from_training(tmp_path: Path) -> None:
    source = training_set() | test_set()
    cohort = prepare(write_folder(tmp_path / "rsna", source), tmp_path / "out", SIZE)
    assert cohort.info["split_origins"] == {
        "train": "stratified",
        "validation": "stratified",
        "test": "official",
    }
    counts = cohort.labels["split"].value_counts().to_dict()
    assert counts == {"train": 35, "validation": 5, "test": 4}
    assert set(cohort.labels.query("split == 'test'")["id"]) == {201, 202, 203, 204}


def test_labels_of_a_set_without_images_are_left_out(tmp_path: Path) -> None:
    labels_only = {k: v for k, v in validation_set().items() if k.endswith("csv")}
    source = write_folder(tmp_path / "rsna", training_set() | labels_only)
    cohort = prepare(source, tmp_path / "out", SIZE)
    assert skipped(cohort) == {"labels_of_sets_without_images": 6}
    assert len(cohort) == 40


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",", ";"),
        lambda text: "\ufeff" + text.replace(",", ";").replace("\n", "\r\n"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("True", "TRUE").replace("FALSE", " false "),
        lambda text: text.replace("id,boneage,male", "ID, Boneage ,MALE") + "\n,,\n",
        lambda text: "\n".join([text.split("\n")[0], *reversed(text.split("\n")[1:])]),
    ],
    ids=["bom", "crlf", "semicolons", "spreadsheet", "tabs", "case", "header", "order"],
)
def test_tables_as_spreadsheets_leave_them(tmp_path: Path, rewrite: Callable[[str], str]) -> None:
    source = write_folder(tmp_path / "rsna", training_set())
    plain = prepare(source, tmp_path / "plain_out", SIZE)
    table = source / f"{FOLDER}.csv"
    table.write_bytes(rewrite(table.read_text()).encode())
    assert prepare(source, tmp_path / "out", SIZE).checksum == plain.checksum


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), st.integers(0, 2**32))
def test_splits_ignore_the_order_of_files_and_of_rows(random: randomness.Random, seed: int) -> None:
    files = training_set()
    header, *rows = files[f"{FOLDER}.csv"].decode().splitlines()
    mixed = random.sample(list(files), len(files))
    rows = random.sample(rows, len(rows))
    shuffled = {name: files[name] for name in mixed}
    shuffled[f"{FOLDER}.csv"] = "\n".join([header, *rows]).encode()
    cohorts = []
    with tempfile.TemporaryDirectory() as folder:
        for number, own in enumerate((files, shuffled)):
            source = Path(folder) / f"{number}.zip"
            source.write_bytes(zipped(own))
            cohorts.append(prepare(source, Path(folder) / f"out{number}", SIZE, seed))
        first, second = cohorts
        assert first.labels.equals(second.labels) and first.checksum == second.checksum
        assert brightness_by_id(second) == {i: i for i in range(1, 41)}
        taken = [set(first.labels["id"].iloc[first.rows(split)]) for split in SPLITS]
        assert sum(map(len, taken)) == len(set.union(*taken)) == 40, "no id in two splits"


def test_progress_counts_every_radiograph(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    prepare(
        write_folder(tmp_path / "rsna", training_set()),
        tmp_path / "out",
        SIZE,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == sorted(calls) and calls[-1] == (40, 40)


def test_a_cohort_is_prepared_again_over_itself(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "rsna", training_set())
    first = prepare(source, tmp_path / "out", SIZE).checksum
    assert prepare(source, tmp_path / "out", SIZE).checksum == first
    with pytest.raises(InputError, match="other settings .*--replace"):
        prepare(source, tmp_path / "out", SIZE, seed=1)
    assert prepare(source, tmp_path / "out", SIZE, seed=1, replace=True).checksum != first


# Bad input: (files changed or, with None, taken away; what the error says)
BAD: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no labels": ({f"{FOLDER}.csv": None}, "Found no labels"),
    "another table only": (
        {f"{FOLDER}.csv": None, "notes.csv": b"a,b\n1,2\n"},
        r"Found no labels \(only notes.csv with columns a, b\)",
    ),
    "header only": ({f"{FOLDER}.csv": b"id,boneage,male\n"}, "Found no labels"),
    "empty table": ({f"{FOLDER}.csv": b""}, "cannot be read as a table"),
    "binary table": ({f"{FOLDER}.csv": b"\x80\xff\x00"}, "cannot be read as a table"),
    "no sex column": (
        {f"{FOLDER}.csv": b"id,boneage\n1,12\n"},
        "with columns id, boneage; expected id,boneage,male",
    ),
    "column twice": ({f"{FOLDER}.csv": b"id,boneage,male,Male\n1,12,True,True\n"}, "column twice"),
    "id twice": (
        {f"{FOLDER}.csv": (training_labels(range(1, 41)) + "7,100,True\n").encode()},
        r"1 ids appear more than once, the first: \[7\]",
    ),
    "id in two sets": (
        {"test.csv": b"Case ID,Sex,Ground truth bone age (months)\n7,M,100\n"},
        rf"{FOLDER}.csv and test.csv: 1 ids appear more than once, the first: \[7\]",
    ),
    "row too long": (
        {f"{FOLDER}.csv": b"id,boneage,male\n1,12,True,left\n"},
        "has a row with more cells than columns, which begins with '1'",
    ),
    "id not a number": ({f"{FOLDER}.csv": b"id,boneage,male\nhand,12,True\n"}, "the id 'hand'"),
    "age missing": ({f"{FOLDER}.csv": b"id,boneage,male\n1,,True\n"}, "id 1 boneage=''"),
    "age impossible": (
        {f"{FOLDER}.csv": b"id,boneage,male\n1,-3,True\n2,4000,False\n"},
        "id 1 boneage='-3'.*2 rows",
    ),
    "age not a number": ({f"{FOLDER}.csv": b"id,boneage,male\n1,inf,True\n"}, "boneage='inf'"),
    "sex unknown": ({f"{FOLDER}.csv": b"id,boneage,male\n1,12,maybe\n"}, "id 1 male='maybe'"),
    "two tables": (
        {"train.csv": b"id,boneage,male\n1,12,True\n"},
        "two train label tables that disagree",
    ),
    "labels of other images": (
        {f"{FOLDER}.csv": b"id,boneage,male\n900,12,True\n"},
        "None of the 40 images",
    ),
    "images lost": (
        {f"{FOLDER}/{i}.png": None for i in range(1, 14)},
        r"13 of 40 labels have no image \(1, 2, .*, 10, …\)",
    ),
    "images without labels": (
        {f"{FOLDER}/{i}.png": png(1) for i in range(301, 304)},
        r"3 of 43 images have no label \(301, 302, 303\)",
    ),
    "unreadable images": (
        {f"{FOLDER}/{i}.png": png(1)[:-30] for i in range(1, 4)},
        "Found 3 unreadable images .*1.png is cut off or damaged",
    ),
    "zero bytes": ({f"{FOLDER}/{i}.png": b"" for i in (1, 2, 3)}, "1.png is empty"),
    "text named .png": (
        {f"{FOLDER}/{i}.png": b"see the other folder" for i in (1, 2, 3)},
        "1.png is neither a PNG nor a DICOM file",
    ),
    "cut-off zip": (
        {"more.zip": zipped({"1.png": png(1), "2.png": png(2)})[:-40]},
        "more.zip is not a complete zip .*Download it again",
    ),
    "zip in a zip in a zip": (
        {"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"900.png": png(1)})})})},
        "a.zip/b.zip/c.zip is a zip inside 2 others.*Unpack",
    ),
    "table that inflates past the bound": (
        {f"{FOLDER}.csv": None, "all.zip": zipped({"train.csv": bytes(65 * 2**20)})},
        r"train.csv has 68,157,440 bytes; expected at most 8,388,608",
    ),
    "damaged zip": ({"more.zip": b"PK\x03\x04 and then nothing"}, "more.zip is not a complete zip"),
    "member above": ({"more.zip": zipped({"../1.png": b""})}, "member named '../1.png'"),
    "member absolute": ({"more.zip": zipped({"/etc/1.png": b""})}, "member named '/etc/1.png'"),
    "member of a drive": ({"more.zip": zipped({"C:\\1.png": b""})}, "without '..'"),
    "nested member above": (
        {"more.zip": zipped({"a.zip": zipped({"b/../../1.png": b""})})},
        "more.zip/a.zip has a member",
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("error")
def test_bad_input_is_explained_and_leaves_nothing_behind(tmp_path: Path, case: str) -> None:
    changes, message = BAD[case]
    files = training_set() | changes
    source = write_folder(tmp_path / "rsna", {k: v for k, v in files.items() if v is not None})
    with pytest.raises(InputError, match=message) as told:
        prepare(source, tmp_path / "out", SIZE)
    left = [path.name for path in tmp_path.iterdir() if path.name != "rsna"]
    # Radiographs that were read are kept for the next try; nothing else is.
    assert [name.endswith(".partial") for name in left] == [True] * (
        "unreadable" in str(told.value)
    )


def test_after_a_repair_only_what_was_unreadable_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = training_set()
    plain = prepare(write_folder(tmp_path / "plain", files), tmp_path / "plain_out", SIZE)
    damaged = {f"{FOLDER}/{i}.png": bytes(len(files[f"{FOLDER}/{i}.png"])) for i in (38, 39, 40)}
    source = write_folder(tmp_path / "rsna", files | damaged)
    with pytest.raises(InputError, match="Found 3 unreadable"):
        prepare(source, tmp_path / "out", SIZE)
    write_folder(source, files)
    read: list[str] = []
    monkeypatch.setattr(
        "boneage_lib.data.decoding.decode",
        lambda content, size: read.append("") or decode(content, size),
    )
    assert prepare(source, tmp_path / "out", SIZE).checksum == plain.checksum
    assert len(read) == 3


def test_bad_arguments_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    source, out = write_folder(tmp_path / "rsna", training_set()), tmp_path / "out"
    with pytest.raises(InputError, match=r"Found no .*nowhere"):
        prepare(tmp_path / "nowhere", out)
    with pytest.raises(InputError, match="neither a folder nor a complete zip"):
        prepare(source / f"{FOLDER}.csv", out)
    with pytest.raises(InputError, match="size=31"):
        prepare(source, out, size=31)
    with pytest.raises(InputError, match="max_missing=5"):
        prepare(source, out, max_missing=5)
    with pytest.raises(InputError, match="Found no radiographs"):
        prepare(write_folder(tmp_path / "empty", {"notes.txt": b""}), out)
    with pytest.raises(InputError, match="holds other files"):
        prepare(source, tmp_path)
    with pytest.raises(InputError, match="is a cohort already"):
        prepare(prepare_in(tmp_path, source), out)


def prepare_in(tmp_path: Path, source: Path) -> Path:
    prepare(source, tmp_path / "made", SIZE)
    return tmp_path / "made"


def test_a_download_inside_the_target_survives(tmp_path: Path) -> None:
    made = prepare_in(tmp_path, write_folder(tmp_path / "rsna", training_set()))
    source = write_folder(made / "rsna", training_set())
    with pytest.raises(InputError, match="holds other files"):
        prepare(source, made, SIZE)
    assert (source / f"{FOLDER}.csv").is_file()


def test_a_few_missing_are_left_out_and_recorded(tmp_path: Path) -> None:
    files = training_set(n=100)
    del files[f"{FOLDER}/3.png"]
    files[f"{FOLDER}/5.png"] = png(5)[:100]
    files[f"{FOLDER}/8.png"] = b"\xff\xd8\xff a photograph"
    files[f"{FOLDER}/thumbnail.png"] = png(9)
    cohort = prepare(write_folder(tmp_path / "rsna", files), tmp_path / "out", SIZE)
    assert brightness_by_id(cohort) == {i: i for i in range(1, 101) if i not in (3, 5, 8)}
    assert cohort.info["skipped"]["labels_without_image"] == {"count": 1, "first": [3]}
    assert cohort.info["skipped"]["unreadable_images"] == {
        "count": 2,
        "first": [f"{FOLDER}/5.png", f"{FOLDER}/8.png"],
    }
    assert cohort.info["skipped"]["images_without_label"]["first"] == [f"{FOLDER}/thumbnail.png"]
    assert f"unreadable images: 2 ({FOLDER}/5.png, {FOLDER}/8.png)" in report(cohort)
    assert Cohort.open(tmp_path / "out", verify=True).info["n"] == 97


def test_drawn_splits_have_the_shares_asked_for(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "rsna", training_set(n=100))
    cohort = prepare(source, tmp_path / "out", SIZE, validation_share=0.06, test_share=0.11)
    counts = cohort.labels["split"].value_counts()
    assert dict(counts) == {"train": 83, "test": 11, "validation": 6}
    for validation, test in ((0.0, 0.2), (0.5, 0.5), (0.1, -0.2)):
        with pytest.raises(InputError, match="leave some for training"):
            prepare(source, tmp_path / "no", SIZE, validation_share=validation, test_share=test)


def test_missing_and_unreadable_count_together(tmp_path: Path) -> None:
    files = training_set(n=100)
    for i in (1, 2, 3):
        del files[f"{FOLDER}/{i}.png"]
        files[f"{FOLDER}/{i + 10}.png"] = b""
    source = write_folder(tmp_path / "rsna", files)
    with pytest.raises(InputError, match="3 unreadable images"):
        prepare(source, tmp_path / "out", SIZE)
    assert len(prepare(source, tmp_path / "out", SIZE, max_missing=0.06)) == 94


def test_a_flipped_byte_inside_a_zip_costs_one_image(tmp_path: Path) -> None:
    packed = bytearray(zipped(training_set(n=60), zipfile.ZIP_STORED))
    packed[packed.index(png(30)) + 60] ^= 255
    (tmp_path / "all.zip").write_bytes(packed)
    cohort = prepare(tmp_path / "all.zip", tmp_path / "out", SIZE)
    assert skipped(cohort) == {"unreadable_images": 1}
    assert 30 not in set(cohort.labels["id"])


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.png": png(1)}))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "all.zip").write_bytes(packed)
    with pytest.raises(InputError, match="encrypted"):
        prepare(tmp_path / "all.zip", tmp_path / "out", SIZE)


def encode(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def test_an_image_that_inflates_past_the_bound_is_left_out(tmp_path: Path) -> None:
    files = training_set(n=60)
    files[f"{FOLDER}/7.png"] = bytes(65 * 2**20)
    (tmp_path / "all.zip").write_bytes(zipped(files))
    cohort = prepare(tmp_path / "all.zip", tmp_path / "out", SIZE)
    assert cohort.info["skipped"]["unreadable_images"]["first"] == [f"{FOLDER}/7.png"]


def test_a_zip_that_inflates_past_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "all.zip").write_bytes(zipped({"inner.zip": zipped(training_set())}))
    monkeypatch.setattr("boneage_lib.data.sources.MAX_NESTED_ARCHIVE_BYTES", 1000)
    with pytest.raises(InputError, match="inner.zip has .* bytes; unpack the outer zip first"):
        prepare(tmp_path / "all.zip", tmp_path / "out", SIZE)
    monkeypatch.setattr("boneage_lib.data.sources.MAX_MEMBERS", 10)
    (tmp_path / "many.zip").write_bytes(zipped(training_set()))
    with pytest.raises(InputError, match="more than 10 members"):
        prepare(tmp_path / "many.zip", tmp_path / "out", SIZE)


def test_a_byte_changed_inside_a_file_is_noticed() -> None:
    content = bytearray(encode(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)))
    content[len(content) // 2] ^= 1
    with pytest.raises(InputError, match="cut off or damaged"):
        decode(bytes(content), 64)


def test_the_report_compares_with_rsnas_own_counts(tmp_path: Path) -> None:
    cohort = prepare(write_folder(tmp_path / "rsna", training_set()), tmp_path / "out", SIZE)
    said = report(cohort)
    assert (
        "RSNA's train set: 40 of 12,611 radiographs, 20 of 5,778 female, 20 of 6,833 male: a part"
        in said
    )
    assert f"Checksum {cohort.checksum}" in said


def test_what_the_files_were_is_kept(tmp_path: Path) -> None:
    cohort = prepare(write_folder(tmp_path / "rsna", training_set()), tmp_path / "out", SIZE)
    assert cohort.originals is not None
    assert cohort.originals.iloc[3].to_dict() == {
        "id": 4,
        "width": 40,
        "height": 48,
        "bits": 8,
        "mode": "grey",
    }
    assert len(cohort.originals) == 40


RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))


@pytest.mark.parametrize(
    "image",
    [
        RAMP,
        RAMP.astype(np.uint16) * 257,
        np.dstack([RAMP] * 3),
        np.dstack([RAMP] * 3 + [np.full_like(RAMP, 7)]),
        np.dstack([RAMP] * 3).astype(np.uint16) * 257,
    ],
    ids=["grey", "grey, 16 bits", "color", "color with alpha", "color, 16 bits"],
)
def test_every_kind_of_png_becomes_the_same_grey(image: np.ndarray) -> None:
    assert (decode(encode(image), 64)[0] == RAMP).all()


@pytest.mark.parametrize(
    ("mode", "bits", "named"), [("P", 8, "palette"), ("1", 1, "grey"), ("LA", 8, "grey+alpha")]
)
def test_every_mode_of_png_is_read(mode: str, bits: int, named: str) -> None:
    black_and_white = (RAMP > 120).astype(np.uint8) * 255
    written = io.BytesIO()
    Image.fromarray(black_and_white).convert(mode).save(written, "png")
    image, original = decode(written.getvalue(), 64)
    assert (image == black_and_white).all()
    assert original == (64, 64, bits, named)


def test_the_aspect_ratio_is_squashed_and_area_averaged() -> None:
    tall = np.zeros((400, 100), np.uint8)
    tall[200:] = 200
    small, original = decode(encode(tall), 50)
    assert original == (100, 400, 8, "grey")
    assert small.shape == (50, 50)
    assert small.dtype == np.uint8
    assert (small[:25] == 0).all() and (small[25:] == 200).all()
    stripes = np.tile(np.array([0, 200], np.uint8), (100, 50))
    assert (decode(encode(stripes), 50)[0] == 100).all()
    assert decode(encode(tall[:20, :20]), 50)[0].shape == (50, 50)


def test_a_huge_image_is_refused_by_its_header() -> None:
    header = bytearray(encode(RAMP))
    header[16:24] = (100_000).to_bytes(4, "big") * 2
    with pytest.raises(InputError, match="too large"):
        decode(bytes(header), 64)
