"""Damaged and crafted files for `prepare` and `predict`: data or InputError must come of each.

Shared by `test_fuzz_prepare.py`, which takes seconds, and `soak/fuzz_prepare.py`, which takes as
long as it is told.
"""

from __future__ import annotations

import io
import os
import signal
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType, SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pydicom
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from boneage_lib.data.decoding import PNG_SIGNATURE, decode
from boneage_lib.data.labels import read_label_tables
from boneage_lib.data.pictures import read_picture
from boneage_lib.data.sources import Entry, open_source
from boneage_lib.errors import InputError

#: No file of a few kilobytes may take longer, or more memory than a large radiograph's.
SECONDS = 20
MEMORY_BYTES = 512 * 2**20
SIDE = 24
GREY = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8) * 5


# Valid files


#: Tags of a DICOM that name somebody or somewhere; none of their values may be found again.
PATIENT = {
    "PatientName": "Roe^Richard",
    "PatientID": "PAT-4711",
    "PatientBirthDate": "20110203",
    "PatientAge": "013Y",
    "StudyDate": "20240506",
    "StudyTime": "070809",
    "AccessionNumber": "ACC-0815",
    "InstitutionName": "Mercy General",
    "InstitutionAddress": "1 Elm Street",
    "ReferringPhysicianName": "Poe^Paula",
    "OperatorsName": "Moe^Mary",
    "StationName": "XRAY-ROOM-9",
    "DeviceSerialNumber": "SN-998877",
    "StudyDescription": "left hand of R. Roe",
    "ImageComments": "seen by Dr. Poe",
    "StudyInstanceUID": "1.2.826.0.1.4711.815",
}


def dicom_file(**tags: object) -> bytes:
    """A small uncompressed radiograph; ``tags`` are set on top."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    dataset.Rows, dataset.Columns = GREY.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = GREY.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return _saved(dataset)


def compressed_dicom(syntax: str, frame: bytes, **tags: object) -> bytes:
    """The same around a compressed frame."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_file(**tags)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    return _saved(dataset)


def encoded(form: str, image: np.ndarray = GREY, **options: object) -> bytes:
    """An image as Pillow writes it."""
    written = io.BytesIO()
    Image.fromarray(image).save(written, form, **options)
    return written.getvalue()


def _saved(dataset: Dataset) -> bytes:
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


def run_length_encoded() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom_file()))
    dataset.compress(RLELossless)
    return _saved(dataset)


def _with_table() -> bytes:
    item = Dataset()
    item.LUTDescriptor = [256, 0, 8]
    item.LUTData = np.arange(256, dtype="<u2").tobytes()
    item["LUTData"].VR = "OW"
    return dicom_file(VOILUTSequence=[item])


def _in_syntax(syntax: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom_file()))
    dataset.file_meta.TransferSyntaxUID = syntax
    return _saved(dataset)


@cache
def images() -> dict[str, bytes]:
    """Valid radiographs of every kind that is read, and some that are not."""
    sixteen = dict(BitsAllocated=16, BitsStored=12, HighBit=11)
    pixels = (GREY.astype("<u2") * 16).tobytes()
    found = {
        "grey PNG": cv2.imencode(".png", GREY)[1].tobytes(),
        "grey PNG, 16 bits": cv2.imencode(".png", GREY.astype(np.uint16) * 257)[1].tobytes(),
        "color PNG": cv2.imencode(".png", np.dstack([GREY] * 3))[1].tobytes(),
        "color PNG with alpha": cv2.imencode(".png", np.dstack([GREY] * 4))[1].tobytes(),
        "DICOM": dicom_file(),
        "DICOM, 12 bits": dicom_file(PixelData=pixels, **sixteen),
        "DICOM with a window": dicom_file(WindowCenter=60, WindowWidth=30),
        "DICOM with a rescaling": dicom_file(RescaleSlope="2", RescaleIntercept="-10"),
        "DICOM with a table": _with_table(),
        "implicit DICOM": _in_syntax(ImplicitVRLittleEndian),
        "deflated DICOM": _in_syntax(DeflatedExplicitVRLittleEndian),
        "run-length DICOM": run_length_encoded(),
        "JPEG DICOM": compressed_dicom(JPEGBaseline8Bit, encoded("JPEG")),
        "JPEG 2000 DICOM": compressed_dicom(
            JPEG2000Lossless, encoded("JPEG2000", no_jp2=True, irreversible=False)
        ),
        "JPEG": encoded("JPEG"),
        "TIFF": encoded("TIFF"),
        "nothing": b"",
    }
    palette = io.BytesIO()
    Image.fromarray(GREY).convert("P").save(palette, "png")
    return found | {"palette PNG": palette.getvalue()}


@cache
def pictures() -> dict[str, bytes]:
    """Valid radiographs in forms that only `boneage predict` reads."""
    sixteen, color = GREY.astype(np.uint16) * 257, np.dstack([GREY] * 3)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    return {
        "grey JPEG": encoded("JPEG"),
        "color JPEG, turned": encoded("JPEG", color, exif=rotated),
        "progressive JPEG": encoded("JPEG", progressive=True),
        "grey TIFF": encoded("TIFF"),
        "TIFF, 16 bits": encoded("TIFF", sixteen),
        "color TIFF, deflated": encoded("TIFF", color, compression="tiff_adobe_deflate"),
        "TIFF, LZW": encoded("TIFF", compression="tiff_lzw"),
        "TIFF, PackBits": encoded("TIFF", compression="packbits"),
        "JPEG in TIFF": encoded("TIFF", compression="jpeg"),
    }


@cache
def tables() -> dict[str, bytes]:
    """Valid label tables by the name of their file."""
    rows = [(k, 12 + 9 * (k % 23), k % 2 == 0) for k in range(1, 12)]
    text = "id,boneage,male\n" + "".join(f"{i},{age},{male}\n" for i, age, male in rows)
    sheet = pd.DataFrame(
        {
            "Case ID": range(201, 205),
            "Sex": ["M", "F", "M", "F"],
            "Ground truth bone age (months)": [11.21, 80.5, 133.333333, 219.06],
        }
    )
    written = io.BytesIO()
    sheet.to_excel(written, index=False)
    return {
        "train.csv": text.encode(),
        "quoted/train.csv": "\ufeff".encode() + text.replace("12,", '"12",').encode(),
        "semicolons/train.csv": text.replace(",", ";").replace("\n", "\r\n").encode(),
        "Validation Dataset.csv": b"Image ID,male,Bone Age (months)\n101,TRUE,12\n102,FALSE,30\n",
        "test.xlsx": written.getvalue(),
    }


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Files as a zip."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


@cache
def archives() -> dict[str, bytes]:
    """Valid zips, also zips in zips."""
    files = {"boneage-training-dataset/1.png": images()["grey PNG"], **tables()}
    return {
        "deflated": zipped(files),
        "stored": zipped(files, zipfile.ZIP_STORED),
        "stored in a zip": zipped({"a/b.zip": zipped(files)}, zipfile.ZIP_STORED),
        "deflated in a zip": zipped({"b.zip": zipped(files)}),
    }


# What is done to them

#: Numbers that lengths and sizes are wrong by.
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """One change to the bytes of a file."""
    place = draw(st.floats(0, 1))
    kind = draw(st.sampled_from(["set", "number", "insert", "cut out", "cut off", "repeat"]))
    fresh = draw(st.binary(min_size=1, max_size=8))
    length = draw(st.integers(1, 64))
    form = draw(st.sampled_from(["<H", ">H", "<L", ">L"]))
    number = draw(st.sampled_from(NUMBERS))

    def apply(content: bytes) -> bytes:
        at = int(place * len(content))
        if kind == "set":
            return content[:at] + fresh + content[at + len(fresh) :]
        if kind == "number":
            told = struct.pack(form, number & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
            return content[:at] + told + content[at + len(told) :]
        if kind == "insert":
            return content[:at] + fresh + content[at:]
        if kind == "cut out":
            return content[:at] + content[at + length :]
        if kind == "cut off":
            return content[:at]
        return content[:at] + content[at : at + length] * 3 + content[at + length :]

    return apply


def damaged(valid: dict[str, bytes]) -> st.SearchStrategy[tuple[str, bytes]]:
    """A valid file by name, changed in a few places; its checksums are sometimes made to fit."""

    def made(name: str, changes: list[Callable[[bytes], bytes]], repair: bool) -> tuple[str, bytes]:
        content = valid[name]
        if repair and name.endswith(".xlsx"):
            return name, _inside_zip(content, changes)
        for change in changes:
            content = change(content)
        return name, _with_sums(content) if repair else content

    changes = st.lists(damage(), max_size=4)
    return st.builds(made, st.sampled_from(sorted(valid)), changes, st.booleans())


def _inside_zip(content: bytes, changes: list[Callable[[bytes], bytes]]) -> bytes:
    """A zip whose members were changed before they were packed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for number, change in enumerate(changes):
        name = sorted(parts)[(number * 7 + len(parts) - 1) % len(parts)]
        parts[name] = change(parts[name])
    return zipped(parts)


def _with_sums(content: bytes) -> bytes:
    """A PNG whose chunks have the checksums that they should; other files as they are."""
    if not content.startswith(PNG_SIGNATURE):
        return content
    fixed, at = bytearray(content), 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed)


def noise(
    names: tuple[str, ...], beginnings: tuple[bytes, ...]
) -> st.SearchStrategy[tuple[str, bytes]]:
    """Random bytes behind what a reader looks for."""
    content = st.builds(bytes.__add__, st.sampled_from(beginnings), st.binary(max_size=400))
    return st.tuples(st.sampled_from(names), content)


@st.composite
def odd_png(draw: st.DrawFn) -> tuple[str, bytes]:
    """A PNG of whole chunks whose header may say anything, some rows too many or too few."""
    side = st.sampled_from([0, 1, 2, 9, 40, 4096, 2**15, 2**25, 2**31 - 1, 2**32 - 1])
    header = struct.pack(">LL", draw(side), draw(side))
    header += bytes([draw(st.sampled_from([0, 1, 2, 4, 8, 16])), draw(st.integers(0, 7))])
    header += bytes([draw(st.integers(0, 1)), draw(st.integers(0, 1)), draw(st.integers(0, 2))])
    rows = zlib.compress(bytes(draw(st.integers(0, 5_000))))
    others = draw(
        st.lists(
            st.tuples(
                st.sampled_from([b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"IHDR"]),
                st.binary(max_size=40),
            ),
            max_size=3,
        )
    )
    chunks = [(b"IHDR", header), *others, (b"IDAT", rows), (b"IEND", b"")]
    return "PNG of odd chunks", PNG_SIGNATURE + b"".join(
        struct.pack(">L", len(content))
        + kind
        + content
        + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in chunks
    )


#: Values of the tags that describe a picture, of which few fit together.
ODD_TAGS: dict[str, tuple[object, ...]] = {
    "Rows": (0, 1, 23, 25, 65535),
    "Columns": (0, 1, 23, 25, 65535),
    "BitsAllocated": (0, 1, 12, 16, 32, 64),
    "BitsStored": (0, 1, 7, 9, 12, 16, 17),
    "HighBit": (0, 6, 11, 15),
    "SamplesPerPixel": (0, 2, 3, 4, 65535),
    "PixelRepresentation": (1, 2),
    "PlanarConfiguration": (0, 1, 2),
    "PhotometricInterpretation": (
        "MONOCHROME1",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "PALETTE COLOR",
        "XYZ",
        "",
    ),
    "NumberOfFrames": ("0", "2", "-1", ""),
    "RescaleSlope": ("0", "-1", "1E+300", "", "1\\2"),
    "RescaleIntercept": ("-1E+300", "7"),
    "WindowCenter": ("0", "1E+300", "5\\6", ""),
    "WindowWidth": ("0", "0.5", "1", "-3", "1E-300", "5\\6"),
    "VOILUTFunction": ("SIGMOID", "LINEAR_EXACT", "CUBIC"),
    "PixelData": (b"", b"\0", bytes(600), bytes(1152), bytes(1728)),
}


@st.composite
def odd_dicom(draw: st.DrawFn) -> tuple[str, bytes]:
    """A whole DICOM file whose tags fit together no more."""
    names = draw(st.lists(st.sampled_from(sorted(ODD_TAGS)), min_size=1, max_size=4, unique=True))
    tags = {name: draw(st.sampled_from(ODD_TAGS[name])) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom would not write such files by itself
        return "DICOM of odd tags", dicom_file(**tags)


#: What may stand in a cell, sensible or not.
CELLS = (
    *("", "1", "7", "07", "7.0", "7.png", "1e2", "-0", "0x10", "nan", "inf", "1e999", "240", "241"),
    *("True", "FALSE", "M", "f", "½", "７", "1_000", "1,5", "\x00", "\x1b[2J", '"', "'", "\u2028"),
    *("9" * 19, "9" * 400, "<script>", "=1+1", "#N/A"),
)
HEADS = ("id,boneage,male", "Image ID,male,Bone Age (months)", "Case ID,Sex", "ID;Boneage;MALE")


@st.composite
def odd_table(draw: st.DrawFn) -> tuple[str, bytes]:
    """A label table of cells that were typed by hand."""
    head = draw(st.sampled_from(HEADS))
    separator = ";" if ";" in head else ","
    row = st.lists(st.sampled_from(CELLS), max_size=5).map(separator.join)
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    text = end.join([head, *draw(st.lists(row, max_size=6))])
    return draw(st.sampled_from(["train.csv", "labels.csv"])), text.encode()


#: Files by what reads them.
FILES = {
    "image": damaged(images())
    | noise(("noise",), (b"", PNG_SIGNATURE, bytes(128) + b"DICM", b"\xff\xd8\xff", b"II*\0"))
    | odd_png()
    | odd_dicom(),
    "picture": damaged(pictures()) | noise(("noise",), (b"\xff\xd8\xff", b"II*\0", b"MM\0*")),
    "table": damaged(tables())
    | noise(("train.csv", "test.xlsx"), (b"", b"id,boneage,male\n", b"PK\x03\x04"))
    | st.tuples(st.just("train.csv"), st.text(max_size=200).map(lambda text: text.encode("utf-8")))
    | odd_table(),
    "archive": damaged(archives()) | noise(("noise",), (b"", b"PK\x03\x04", b"PK\x05\x06")),
}


# What must come of them


def read_image(name: str, content: bytes) -> None:
    image, original = decode(content, 32)
    assert image.shape == (32, 32) and image.dtype == np.uint8
    assert min(original.width, original.height) >= 1 and 1 <= original.bits <= 16


def read_any_picture(name: str, content: bytes) -> None:
    image, original = read_picture(content, 32)
    assert image.shape == (32, 32) and image.dtype == np.uint8
    assert min(original.width, original.height) >= 1 and original.bits in (8, 16)


def read_table(name: str, content: bytes) -> None:
    found = read_label_tables([Entry(name, len(content), 0, lambda: content)])
    assert found.labels["id"].is_unique
    assert found.labels["boneage_months"].between(0, 240).all()
    assert found.labels["female"].isin([0, 1]).all()


def read_archive(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.zip"
        path.write_bytes(content)
        with open_source(path) as entries:
            for entry in entries:
                assert entry.path.isprintable() and ".." not in entry.path.split("/")
                read = read_image if entry.suffix == ".png" else read_table
                try:
                    read(entry.path, entry.read())
                except InputError:
                    continue  # one member is damaged; the others may be whole


READERS = {
    "image": read_image,
    "picture": read_any_picture,
    "table": read_table,
    "archive": read_archive,
}


def outcome(kind: str, name: str, content: bytes) -> tuple[str, SimpleNamespace]:
    """``"read"`` or ``"refused"``, and the seconds and bytes that it took; others raise."""
    with bounded() as spent:
        try:
            READERS[kind](name, content)
        except InputError as error:
            assert str(error), "an error without a word"
            return "refused", spent
    return "read", spent


class TooSlow(BaseException):
    """What took too long, and may catch any Exception."""


@contextmanager
def bounded(
    seconds: float = SECONDS, memory_bytes: float = MEMORY_BYTES
) -> Iterator[SimpleNamespace]:
    """Raise where the block takes longer, or more memory; tells how much it took."""

    def too_long(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"took more than {seconds} s")

    spent = SimpleNamespace(seconds=0.0, memory_bytes=0)
    before, started = _restart_peak(), time.monotonic()
    earlier = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield spent
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
        spent.seconds = time.monotonic() - started
        spent.memory_bytes = max(0, _status("VmHWM") - before)
    assert spent.memory_bytes <= memory_bytes, f"took {spent.memory_bytes:,} bytes of memory"


def _restart_peak() -> int:
    """Bytes in use now, from which the system counts the peak anew; 0 where it cannot tell."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        return 2**62
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), 0)
