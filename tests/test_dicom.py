"""DICOM radiographs: the same picture whatever the bits, and not a word about the patient."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from boneage_lib.data.decoding import decode
from boneage_lib.data.rsna import prepare, report
from boneage_lib.errors import InputError

SIZE = 64
GREY = np.tile(np.arange(SIZE, dtype=np.float64) * 255 / (SIZE - 1), (SIZE, 1))  # 0 to 255
PATIENT = "Doe^Jane"


def dicom(
    picture: np.ndarray = GREY, bits: int = 12, photometric: str = "MONOCHROME2", **tags: object
) -> bytes:
    """A radiograph of a named patient; ``picture`` holds 0 to 255 as it should come out."""
    samples = np.rint(picture / 255 * (2**bits - 1))
    if photometric == "MONOCHROME1":
        samples = 2**bits - 1 - samples
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = PATIENT, "42", "20100101"
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.SamplesPerPixel = 3 if picture.ndim == 3 else 1
    if picture.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 if bits <= 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.PixelData = samples.astype(np.uint8 if bits <= 8 else "<u2").tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_every_depth_and_polarity_gives_the_same_grey(bits: int, photometric: str) -> None:
    image, original = decode(dicom(bits=bits, photometric=photometric), SIZE)
    assert np.abs(image.astype(float) - GREY).max() <= 0.5 + 255 / (2**bits - 1)
    assert original == (SIZE, SIZE, bits, "DICOM")


def test_color_becomes_grey() -> None:
    image, _ = decode(dicom(np.dstack([GREY] * 3), 8, "RGB"), SIZE)
    assert np.abs(image.astype(float) - GREY).max() <= 1


def test_a_window_is_applied_as_viewers_do() -> None:
    """All below the window is black, all above it white."""
    image, _ = decode(dicom(WindowCenter=2048, WindowWidth=1024), SIZE)
    stored = np.rint(GREY[0] / 255 * 4095)
    assert (image[0][stored < 1536] == 0).all()
    assert (image[0][stored > 2560] == 255).all()
    inside = (stored > 1600) & (stored < 2500)
    expected = (stored[inside] - 1536) / 1024 * 255
    assert np.abs(image[0][inside] - expected).max() < 1.5


def test_rescaling_changes_nothing_by_itself() -> None:
    plain, _ = decode(dicom(), SIZE)
    rescaled, _ = decode(dicom(RescaleSlope=2, RescaleIntercept=-1000), SIZE)
    assert np.abs(plain.astype(int) - rescaled).max() <= 1


def test_run_length_encoding_is_read() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.compress(RLELossless)
    written = io.BytesIO()
    dataset.save_as(written)
    assert (decode(written.getvalue(), SIZE)[0] == decode(dicom(), SIZE)[0]).all()


def cut(content: bytes) -> bytes:
    return content[:-2000]


def unknown_compression() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8 not decoded here \xff\xd9"])
    dataset["PixelData"].VR = "OB"
    written = io.BytesIO()
    dataset.save_as(written)
    return written.getvalue()


def without_picture() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    del dataset.PixelData
    written = io.BytesIO()
    dataset.save_as(written)
    return written.getvalue()


BAD = {
    "cut off": (lambda: cut(dicom()), "cut off or damaged"),
    "preamble only": (lambda: bytes(128) + b"DICM", "without a picture|damaged"),
    "noise": (lambda: bytes(128) + b"DICM" + bytes(range(256)), "without a picture|damaged"),
    "no picture": (without_picture, "without a picture"),
    "frames": (lambda: dicom(np.tile(GREY, (2, 1)), NumberOfFrames=2, Rows=SIZE), "2 frames"),
    "bits": (lambda: dicom(BitsStored=32, BitsAllocated=32), "32 bits"),
    "huge": (lambda: dicom(Rows=60_000, Columns=60_000), "too large"),
    "compression": (unknown_compression, "JPEG Lossless.*install"),
    "window": (lambda: dicom(WindowCenter=5, WindowWidth=-3), "display settings"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_told_without_the_patient(
    case: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    make, message = BAD[case]
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError, match=message) as told:
        decode(make(), SIZE)
    said = str(told.value) + "".join(capfd.readouterr()) + caplog.text
    assert "Doe" not in said and "2010" not in said


def test_a_cohort_of_dicom_files_holds_no_patient(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rsna" / "boneage-training-dataset"
    folder.mkdir(parents=True)
    rows = ["id,boneage,male"]
    for i in range(1, 41):
        (folder / f"{i}.dcm").write_bytes(dicom(np.full((48, 40), float(i)), bits=8 + i % 9))
        rows.append(f"{i},{12 + 5 * i},{i % 2 == 0}")
    (folder.parent / "train.csv").write_text("\n".join(rows))
    cohort = prepare(folder.parent, tmp_path / "out", 32)
    assert np.abs(cohort.images[:, 3, 3] - np.arange(1, 41)).max() <= 1
    assert cohort.originals is not None and set(cohort.originals["mode"]) == {"DICOM"}
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    said = report(cohort) + "".join(capfd.readouterr())
    assert b"Doe" not in written and b"Jane" not in written and b"20100101" not in written
    assert "Doe" not in said
