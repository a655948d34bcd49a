"""RSNA 2017's real files, in every form people have them in; skipped without BONEAGE_REAL_DATA."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.decoding import decode
from boneage_lib.data.labels import read_label_tables
from boneage_lib.data.rsna import prepare, report
from boneage_lib.data.sources import open_source
from boneage_lib.errors import InputError

FOLDER = "boneage-training-dataset"
SIZE = 32
TRAIN, VALIDATION, TEST = "train.csv", "Validation Dataset.csv", "Bone age ground truth.xlsx"
Files = Mapping[str, bytes | Path]


@pytest.fixture(scope="module")
def unpacked(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 12,611 training radiographs at 100 pixels, in RSNA's own layout."""
    folder = tmp_path_factory.mktemp("real") / "rsna"
    subprocess.run(
        [sys.executable, real_data / "rsna-100px" / "unpack.py", folder],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def labels(real_data: Path) -> dict[str, bytes]:
    """RSNA's three label files as they come."""
    return {name: (real_data / "labels" / name).read_bytes() for name in (TRAIN, VALIDATION, TEST)}


def drawn(ids: pd.Series) -> dict[str, bytes]:
    """Made-up PNG files for sets whose radiographs are not at hand."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (len(ids), 20, 20), dtype=np.uint8)
    return {
        f"{identity}.png": cv2.imencode(".png", picture)[1].tobytes()
        for identity, picture in zip(ids, noise, strict=True)
    }


def zipped(files: Files, prefix: str = "") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            archive.writestr(prefix + name, data)
    return written.getvalue()


def folder(root: Path, files: Files) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.symlink_to(content)
    return root


def inside(name: str, files: Files) -> dict[str, bytes | Path]:
    return {f"{name}/{path}": content for path, content in files.items()}


@pytest.fixture(scope="module")
def sets(unpacked: Path, labels: dict[str, bytes]) -> dict[str, Files]:
    """The images of the three sets: real ones for training, made-up ones for the others."""
    validation = pd.read_csv(io.BytesIO(labels[VALIDATION]))["Image ID"]
    test = pd.read_excel(io.BytesIO(labels[TEST]))["Case ID"]
    return {
        "train": {path.name: path for path in sorted((unpacked / FOLDER).iterdir())},
        "validation": drawn(validation),
        "test": drawn(test),
    }


def as_downloaded(sets: dict[str, Files], labels: dict[str, bytes]) -> dict[str, bytes | Path]:
    """RSNA's zips in one folder; the validation images are zips inside their zip."""
    images = list(sets["validation"].items())
    half = len(images) // 2
    nested = {
        "boneage-validation-dataset-1.zip": zipped(dict(images[:half]), "part-1/"),
        "boneage-validation-dataset-2.zip": zipped(dict(images[half:]), "part-2/"),
        VALIDATION: labels[VALIDATION],
    }
    test = {**inside("Test Set Images", sets["test"]), TEST: labels[TEST]}
    return {
        "Bone+Age+Training+Set.zip": zipped(sets["train"], f"{FOLDER}/"),
        "Bone+Age+Training+Set+Annotations.zip": zipped({TRAIN: labels[TRAIN]}),
        "Bone+Age+Validation+Set.zip": zipped(nested, "Bone Age Validation Set/"),
        "Bone+Age+Test+Set.zip": zipped(test, "Bone Age Test Set/"),
    }


def unpacked_folders(sets: dict[str, Files], labels: dict[str, bytes]) -> dict[str, bytes | Path]:
    return {
        **inside(FOLDER, sets["train"]),
        **inside("Bone Age Validation Set/boneage-validation-dataset-1", sets["validation"]),
        **inside("Bone Age Test Set/Test Set Images", sets["test"]),
        TRAIN: labels[TRAIN],
        f"Bone Age Validation Set/{VALIDATION}": labels[VALIDATION],
        f"Bone Age Test Set/{TEST}": labels[TEST],
    }


def mirror(sets: dict[str, Files], labels: dict[str, bytes]) -> dict[str, bytes | Path]:
    """A mirror's names, and Kaggle's doubled folder for the training images."""
    return {
        **inside(f"{FOLDER}/{FOLDER}", sets["train"]),
        **inside("validation", sets["validation"]),
        **inside("test", sets["test"]),
        TRAIN: labels[TRAIN],
        VALIDATION: labels[VALIDATION],
        "test.xlsx": labels[TEST],
    }


def mixed(sets: dict[str, Files], labels: dict[str, bytes]) -> dict[str, bytes | Path]:
    """Training unpacked as Kaggle has it, validation and test zipped as RSNA has them."""
    downloaded = as_downloaded(sets, labels)
    return {
        **inside(f"{FOLDER}/{FOLDER}", sets["train"]),
        f"{FOLDER}.csv": labels[TRAIN],
        **{name: downloaded[name] for name in downloaded if "Training" not in name},
    }


FORMS: dict[str, Callable[..., dict[str, bytes | Path]]] = {
    "as downloaded": as_downloaded,
    "unpacked": unpacked_folders,
    "mirror": mirror,
    "mixed": mixed,
}


def test_every_form_of_all_three_sets_gives_one_cohort(
    sets: dict[str, Files], labels: dict[str, bytes], tmp_path: Path
) -> None:
    cohorts = {}
    for form, build in FORMS.items():
        source = folder(tmp_path / form, build(sets, labels))
        cohorts[form] = prepare(source, tmp_path / f"{form}, prepared", SIZE)
    assert len({cohort.checksum for cohort in cohorts.values()}) == 1
    cohort = cohorts["as downloaded"]
    assert cohort.info["split_origin"] == "official"
    assert not any(left_out["count"] for left_out in cohort.info["skipped"].values())
    golden = {"train": (12_611, 5_778), "validation": (1_425, 652), "test": (200, 100)}
    for split, (n, n_female) in golden.items():
        rows = cohort.labels.iloc[cohort.rows(split)]
        assert (len(rows), rows["female"].sum()) == (n, n_female)
    assert report(cohort).count(": complete") == 3


def test_one_zip_of_everything_and_kaggles_own_form(
    unpacked: Path, sets: dict[str, Files], labels: dict[str, bytes], tmp_path: Path
) -> None:
    """Training alone: as it is unpacked, as Kaggle ships it, and as one zip in a zip."""
    plain = prepare(unpacked, tmp_path / "plain", SIZE)
    ageless = pd.read_excel(io.BytesIO(labels[TEST]))[["Case ID", "Sex"]]
    kaggle = {
        **inside(f"{FOLDER}/{FOLDER}", sets["train"]),
        f"{FOLDER}.csv": labels[TRAIN],
        **inside("boneage-test-dataset/boneage-test-dataset", sets["test"]),
        "boneage-test-dataset.csv": ageless.to_csv(index=False).encode(),
    }
    (tmp_path / "archive.zip").write_bytes(zipped(kaggle))
    (tmp_path / "both.zip").write_bytes(zipped({"archive.zip": tmp_path / "archive.zip"}))
    forms = [folder(tmp_path / "kaggle", kaggle), tmp_path / "archive.zip", tmp_path / "both.zip"]
    for number, source in enumerate(forms):
        cohort = prepare(source, tmp_path / str(number), SIZE)
        assert cohort.checksum == plain.checksum
        assert cohort.info["source_form"].startswith("Kaggle")
        assert cohort.info["skipped"]["images_without_age"]["count"] == 200
    assert plain.info["official_sets"] == {"train": {"radiographs": 12_611, "female": 5_778}}
    assert plain.info["split_origin"] == "stratified"


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.long)])
def test_killed_and_resumed_it_is_the_same(unpacked: Path, tmp_path: Path, kills: int) -> None:
    def command(out: Path) -> list[str]:
        options = ["--out", str(out), "--size", "100"]
        return [sys.executable, "-m", "boneage_lib.cli", "prepare", str(unpacked), *options]

    started = time.monotonic()
    subprocess.run(command(tmp_path / "undisturbed"), check=True, capture_output=True)
    lasted = time.monotonic() - started
    undisturbed = Cohort.open(tmp_path / "undisturbed", verify=True)
    assert len(undisturbed) == 12_611

    def begun() -> bool:
        """Radiographs have been written down as done."""
        return any(path.stat().st_size for path in tmp_path.glob(".out.*/journal.txt"))

    moments = random.Random(0)
    killed = 0
    for _ in range(4 * kills):
        if killed == kills:
            break
        process = subprocess.Popen(
            command(tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # At a random moment; but once among the radiographs for sure, however busy the machine is.
        while not killed and process.poll() is None and not begun():
            time.sleep(0.01)
        try:
            process.wait(moments.uniform(0.2, 0.9) * lasted if killed else 0.05)
            shutil.rmtree(tmp_path / "out")  # it came to its end: start anew
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert killed or begun()
            killed += 1
    assert killed == kills
    subprocess.run(command(tmp_path / "out"), check=True, capture_output=True)
    for file in (tmp_path / "undisturbed").iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "undisturbed"]


def test_memory_does_not_grow_with_the_cohort(unpacked: Path, tmp_path: Path) -> None:
    """3 GB of pixels pass through, and the process holds far less."""
    code = (
        "import sys; from boneage_lib.data import prepare; "
        "prepare(sys.argv[1], sys.argv[2], 500); "
        # getrusage would count what the test's own process held before it started this one.
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM')); "
        "print(int(peak.split()[1]) / 2**20)"
    )
    arguments = [sys.executable, "-c", code, str(unpacked), str(tmp_path / "out")]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert Cohort.open(tmp_path / "out").images.nbytes > 3e9
    assert float(done.stdout) < 1.0  # GiB; 1.5 is the promise
    shutil.rmtree(tmp_path / "out")


def test_an_encrypted_real_zip_and_a_cut_one_are_refused(
    unpacked: Path, labels: dict[str, bytes], tmp_path: Path
) -> None:
    some = sorted((unpacked / FOLDER).iterdir())[:50]
    whole = zipped({path.name: path for path in some}, f"{FOLDER}/")
    for name, damage, message in (
        ("cut", lambda data: data[: len(data) // 2], "not a complete zip"),
        ("encrypted", _encrypted, "encrypted"),
    ):
        source = folder(tmp_path / name, {"images.zip": damage(whole), TRAIN: labels[TRAIN]})
        with pytest.raises(InputError, match=message):
            prepare(source, tmp_path / "out", SIZE, max_missing=1)


def _encrypted(data: bytes) -> bytes:
    flagged = bytearray(data)
    flagged[flagged.index(b"PK\x01\x02") + 8] |= 1
    return bytes(flagged)


def test_real_radiographs_at_500_pixels(real_data: Path, tmp_path: Path) -> None:
    cohort = prepare(real_data / "rsna-500px", tmp_path / "out", size=100)
    assert len(cohort) == 700
    assert cohort.labels["split"].value_counts().to_dict() == {
        "train": 490,
        "validation": 70,
        "test": 140,
    }
    assert cohort.labels["female"].sum() == 324
    assert not any(left_out["count"] for left_out in cohort.info["skipped"].values())
    assert cohort.images[::50].mean() > 10
    for split in ("train", "validation", "test"):
        ages = cohort.labels.loc[cohort.labels["split"] == split, "boneage_months"]
        assert abs(ages.mean() - cohort.labels["boneage_months"].mean()) < 2


def test_a_radiograph_at_the_target_size_keeps_its_pixels(real_data: Path) -> None:
    path = min((real_data / "rsna-500px" / FOLDER).iterdir())
    same = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert (decode(path.read_bytes(), 500)[0] == same).all()
    for native in (real_data / "rsna-native").glob("*.png"):
        assert decode(native.read_bytes(), 500)[0].std() > 10


@pytest.mark.parametrize(
    ("split", "n_female", "n_male", "mean", "std", "youngest", "oldest"),
    [
        ("train", 5_778, 6_833, 127.3208, 41.1820, 1, 228),
        ("validation", 652, 773, 127.1565, 41.7220, 3, 228),
        ("test", 100, 100, 132.0955, 43.1253, 11.21, 219.06),
    ],
)
def test_official_labels_have_their_golden_values(
    real_data: Path,
    split: str,
    n_female: int,
    n_male: int,
    mean: float,
    std: float,
    youngest: float,
    oldest: float,
) -> None:
    with open_source(real_data / "labels") as entries:
        labels = read_label_tables(entries).labels
    assert len(labels) == 14_236
    labels = labels[labels["official_split"] == split]
    assert labels["female"].sum() == n_female
    assert (labels["female"] == 0).sum() == n_male
    ages = labels["boneage_months"]
    assert ages.mean() == pytest.approx(mean, abs=5e-5)
    assert ages.std() == pytest.approx(std, abs=5e-5)
    assert ages.min() == pytest.approx(youngest, abs=5e-3)
    assert ages.max() == pytest.approx(oldest, abs=5e-3)
