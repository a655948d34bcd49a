"""Inputs are data: nothing in them is run, unpacked without bound, shown as markup or passed on."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from fuzzing import PATIENT, bounded, compressed_dicom, dicom_file, encoded, images, tables, zipped
from made_up_run import ROOT
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from boneage_lib import cli
from boneage_lib.data import sources
from boneage_lib.data.decoding import decode
from boneage_lib.data.labels import read_label_tables
from boneage_lib.data.rsna import prepare, report
from boneage_lib.data.sources import Entry, open_source
from boneage_lib.errors import InputError, printable
from boneage_lib.evaluation.predictions import read_predictions
from boneage_lib.report.asked import pictures

MIB = 2**20

# Nothing is run

#: Modules that turn bytes into objects, or talk to other machines.
FORBIDDEN_MODULES = {
    "aiohttp",
    "asyncio",
    "cloudpickle",
    "dill",
    "ftplib",
    "http",
    "httpx",
    "joblib",
    "marshal",
    "pickle",
    "requests",
    "shelve",
    "smtplib",
    "socket",
    "ssl",
    "telnetlib",
    "urllib",
    "urllib3",
    "xmlrpc",
}
FORBIDDEN_CALLS = {
    "__import__",
    "enable_unsafe_deserialization",
    "eval",
    "exec",
    "full_load",
    "read_pickle",
    "to_pickle",
    "unsafe_load",
}
#: Settings that calls of a name must have been given, as literals.
NEEDED = {
    ("np", "load"): {"allow_pickle": False},
    ("np", "save"): {"allow_pickle": False},
    ("keras", "load_model"): {"safe_mode": True},
    ("keras", "deserialize_keras_object"): {"safe_mode": True},
    ("keras", "model_from_json"): {"safe_mode": True},
}


def faults(code: str) -> list[str]:
    """What in some Python code could run, unpickle or send what it reads."""
    return [
        f"line {node.lineno}: {fault}"
        for node in ast.walk(ast.parse(code))
        for fault in _faults_of(node)
        if isinstance(node, ast.expr | ast.stmt)
    ]


def _faults_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    else:
        names = []
    yield from (f"imports {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
    if isinstance(node, ast.ImportFrom) and node.module == "numpy":
        yield "imports names of NumPy, whose calls are looked for as np's"
    if isinstance(node, ast.Attribute) and node.attr == "Lambda":
        yield "a layer of code, which no saved network may hold"
    if not isinstance(node, ast.Call):
        return
    *owner, name = ast.unparse(node.func).split(".")
    given = {
        keyword.arg: keyword.value.value
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    # pandas evaluates text as well; a constant is as good as code.
    constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
    if name == "import_module" and not constant:
        yield "imports what a text names"
    if name in FORBIDDEN_CALLS and not (owner and name == "eval" and constant):
        yield f"calls {name}"
    if owner and name == "query" and not constant:
        yield "queries a table by text that was put together"
    if owner == ["yaml"] and name in ("load", "load_all"):
        yield "loads YAML by a loader that may not be safe"
    if given.get("shell") or (owner == ["os"] and name in ("system", "popen")):
        yield "starts a shell"
    for (module, function), settings in NEEDED.items():
        if name == function and (owner[:1] == [module] or (module == "keras" and not owner)):
            yield from (
                f"calls {name} without {key}={value}"
                for key, value in settings.items()
                if given.get(key) is not value
            )


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "import http.client",
        "import socket",
        "from numpy import load",
        "importlib.import_module(name)",
        "eval(text)",
        "table.eval(text)",
        "table.query(f'split == {name}')",
        "exec(code)",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "np.load(file, allow_pickle=wanted)",
        "np.save(file, array)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "yaml.unsafe_load(text)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "pd.read_pickle(file)",
        "keras.saving.load_model(file)",
        "load_model(file, safe_mode=False)",
        "keras.models.load_model(file, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "keras.layers.Lambda(f)",
    ],
)
def test_what_runs_or_sends_is_found(code: str) -> None:
    assert faults(code)


@pytest.mark.parametrize(
    "code",
    [
        "np.load(file, mmap_mode='r', allow_pickle=False)",
        "yaml.safe_load(text)",
        "subprocess.run(command)",
        "json.load(file)",
        "table.query('age > 3')",
        "keras.saving.load_model(file, safe_mode=True)",
    ],
)
def test_what_only_reads_is_let_through(code: str) -> None:
    assert not faults(code)


def test_no_code_of_the_project_runs_unpickles_or_sends_what_it_reads() -> None:
    files = [*ROOT.glob("boneage_lib/**/*.py"), *ROOT.glob("notebooks/*.py")]
    files += [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tools/*.py")]
    assert len(files) > 100
    found = {str(file.relative_to(ROOT)): faults(file.read_text()) for file in files}
    assert {name: told for name, told in found.items() if told} == {}


# Nothing is sent

LISTEN = """
import os, socket, sys
asked = []
def caught(*arguments, **_):
    asked.append(arguments)
    raise OSError("no network here")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = caught
import boneage_lib
import keras
import openvino, openvino.tools.ovc.telemetry_utils
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.export(sys.argv[1] + "/base.xml", format="openvino", verbose=False)
import threading
for thread in threading.enumerate():
    if thread is not threading.main_thread() and not thread.daemon:
        thread.join(5)
told = openvino.tools.ovc.telemetry_utils.tm.__name__
print(asked, os.path.exists(os.path.expanduser("~/intel")), told)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None,
    reason="OpenVINO, the one library here that tells of its use, is not installed",
)
def test_openvino_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """Nor does it keep a number that this user is known by; both are what it does by itself."""
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD")}
    done = subprocess.run(
        [sys.executable, "-c", LISTEN, str(tmp_path)],
        env={**environment, "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[] False openvino.tools.ovc.telemetry_stub"


# Pictures are bounded


def png_behind(width: int, height: int) -> bytes:
    """A PNG whose first chunk, which is no header, says a size."""
    content = images()["grey PNG"]
    chunk = b"tEXt" + struct.pack(">LL", width, height) + bytes(5)
    packed = struct.pack(">L", len(chunk) - 4) + chunk + struct.pack(">L", zlib.crc32(chunk))
    return content[:8] + packed + content[8:]


def jpeg_that_says(side: int) -> bytes:
    content = bytearray(encoded("JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def jpeg_2000_that_says(side: int) -> bytes:
    content = bytearray(encoded("JPEG2000", no_jp2=True, irreversible=False))
    content[8:16] = struct.pack(">LL", side, side)
    return bytes(content)


def run_lengths(n_bytes: int) -> bytes:
    """One segment of a byte that is repeated ``n_bytes`` times."""
    return struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\x07" * (n_bytes // 128)


def deflated_dicom(n_bytes: int) -> bytes:
    """A DICOM file whose tags, unpacked, are followed by ``n_bytes`` of zeros."""
    content = images()["deflated DICOM"]
    start = content.index(b"1.2.840.10008.1.2.1.99") + 22
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(bytes(n_bytes)) + packer.flush()
    return content[:start] + packed


def dicom_with_many_tags() -> bytes:
    """Half a million items in the sequence of a display table, which is never shown."""
    start = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    numbers = range(0x00290000, 0x00290000 + 400_000)
    inside = b"".join(struct.pack("<HH2sH", n >> 16, n & 0xFFFF, b"DS", 0) for n in numbers)
    tag = struct.pack("<HH2sHL", 0x0028, 0x3010, b"SQ", 0, 0xFFFFFFFF)
    content = dicom_file()
    at = content.index(b"\xe0\x7f\x10\x00")
    return content[:at] + tag + start + inside + MIB * b"\0" + content[at:]


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG": (
        lambda: (
            images()["grey PNG"][:16]
            + struct.pack(">LL", 60_000, 60_000)
            + images()["grey PNG"][24:]
        ),
        "too large",
    ),
    # The size would be read from the first chunk, and the picture made by the second.
    "PNG whose header comes second": (lambda: png_behind(24, 24), "cut off or damaged"),
    "JPEG": (lambda: jpeg_that_says(60_000), "neither a PNG nor a DICOM"),
    "TIFF": (lambda: encoded("TIFF"), "neither a PNG nor a DICOM"),
    "DICOM": (lambda: dicom_file(Rows=60_000, Columns=60_000), "too large"),
    "DICOM of many samples": (lambda: dicom_file(SamplesPerPixel=60_000), "neither gray nor"),
    "DICOM of wide samples": (lambda: dicom_file(BitsAllocated=64, BitsStored=16), "64 bits"),
    "JPEG in DICOM": (
        lambda: compressed_dicom(JPEGBaseline8Bit, jpeg_that_says(13_000)),
        "another size than it says",
    ),
    "JPEG 2000 in DICOM": (
        lambda: compressed_dicom(JPEG2000Lossless, jpeg_2000_that_says(13_000)),
        "another size than it says",
    ),
    "run lengths in DICOM": (
        lambda: compressed_dicom(RLELossless, run_lengths(400 * MIB)),
        "another size than it says",
    ),
    "deflated DICOM": (lambda: deflated_dicom(300 * MIB), "deflated as a whole"),
    "DICOM of many tags": (dicom_with_many_tags, "more before its picture"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_picture_larger_than_it_may_be_is_refused_before_it_is_unpacked(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, message = BOMBS[case]
    content = make()
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    with bounded(20, 192 * MIB), pytest.raises(InputError, match=message):
        decode(content, 32)


# Tables are bounded


def entry(name: str, content: bytes) -> Entry:
    return Entry(name, len(content), 0, lambda: content)


def workbook(rows: str, entities: str = "", encoding: str = "utf-8") -> bytes:
    """RSNA's test table with other rows in its sheet."""
    with zipfile.ZipFile(io.BytesIO(tables()["test.xlsx"])) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    start, end = sheet.index("<sheetData>"), sheet.index("</sheetData>")
    sheet = f"{entities}{sheet[:start]}<sheetData>{rows}{sheet[end:]}"
    return zipped(parts | {"xl/worksheets/sheet1.xml": sheet.encode(encoding)})


def lying_workbook() -> bytes:
    """A workbook with a part of a gigabyte that says it has ten bytes."""
    parts = {"xl/sharedStrings.xml": bytes(300 * MIB)}
    return says_less(zipped(parts), 300 * MIB)


def says_less(packed: bytes, n_bytes: int, told: int = 10) -> bytes:
    """A zip that says of a member of ``n_bytes`` that it has ``told``."""
    return packed.replace(struct.pack("<L", n_bytes), struct.pack("<L", told))


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 20}">' for n in range(1, 9))
    + "]>"
)
#: Name and content of a file, and what is said of it.
WIDE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "row far down": (
        "test.xlsx",
        lambda: workbook('<row r="999999999"><c><v>1</v></c></row>'),
        "it is empty",
    ),
    "column far right": (
        "test.xlsx",
        lambda: workbook(
            "".join(f'<row r="{k}"><c r="ZZZ{k}"><v>1</v></c></row>' for k in range(1, 20_000))
        ),
        "it is empty",
    ),
    "columns of a workbook": (
        "test.xlsx",
        lambda: workbook(f'<row r="1">{"<c><v>1</v></c>" * 200}</row>'),
        "more than .* 100 columns",
    ),
    "entities": (
        "test.xlsx",
        lambda: workbook('<row r="1"><c r="A1" t="str"><v>&a8;</v></c></row>', LAUGHS),
        "a document type",
    ),
    "entities in UTF-16": (
        "test.xlsx",
        lambda: workbook('<row><c t="str"><v>&a8;</v></c></row>', LAUGHS, "utf-16"),
        "a document type",
    ),
    "part larger than it says": ("test.xlsx", lying_workbook, "cannot be read"),
    "large part": (
        "test.xlsx",
        lambda: zipped({"xl/workbook.xml": bytes(40 * MIB)}),
        "more than 4,194,304 bytes when unpacked",
    ),
    "many columns": (
        "train.csv",
        lambda: ",".join(map(str, range(800_000))).encode() + b"\n1,2,3\n",
        "more than .* 100 columns",
    ),
    "many rows": (
        "train.csv",
        lambda: b"id,boneage,male\n" + b"1,2,1\n" * 500_000,
        "more than 50,000 rows",
    ),
    "large file": ("train.csv", lambda: bytes(9 * MIB), "expected at most 8,388,608"),
}


@pytest.mark.parametrize("case", WIDE)
def test_a_table_larger_than_any_of_labels_is_refused(case: str) -> None:
    name, make, message = WIDE[case]
    content = make()
    with bounded(20, 128 * MIB), pytest.raises(InputError, match=message):
        read_label_tables([entry(name, content)])


HANDED_OVER: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "large file": ("a.csv", lambda: b"id\n" + b"1\n" * (33 * MIB), "more than 67,108,864 bytes"),
    "many columns": ("a.csv", lambda: b"," * 500_000 + b"\n1\n", "500,001 columns; expected"),
    "packed": ("a.csv.gz", lambda: gzip.compress(b"id\n" + bytes(300 * MIB)), "not a readable"),
    "nothing": ("a.csv", lambda: b"", "not a readable"),
    "no text": ("a.csv", lambda: b"id\n\xff\xfe", "not a readable"),
}


@pytest.mark.parametrize("case", HANDED_OVER)
@pytest.mark.parametrize("read", [read_predictions, lambda file: pictures([file], None, file)])
def test_a_table_that_is_handed_over_is_taken_as_it_lies_and_bounded(
    case: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    """Predictions to be scored, and the sexes of pictures that ages are asked for."""
    name, make, message = HANDED_OVER[case]
    (tmp_path / name).write_bytes(make())
    with bounded(20, 192 * MIB), pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_a_sheet_with_blank_rows_far_down_is_read() -> None:
    """Spreadsheets leave them where somebody colored a whole column."""
    cells = "".join(
        f'<c r="{column}{row}" t="str"><v>{text}</v></c>' if text else ""
        for row, line in (
            (1, ("Case ID", "Sex", "Ground truth bone age (months)")),
            (2, (7, "M", 30)),
        )
        for column, text in zip("ABC", line, strict=True)
    )
    head, first = cells.split('<c r="A2"')
    rows = f'<row r="1">{head}</row><row r="2"><c r="A2"{first}</row><row r="1048576"/>'
    found = read_label_tables([entry("test.xlsx", workbook(rows))])
    assert found.labels["id"].tolist() == [7]


# Zips are bounded


def test_a_member_larger_than_it_says_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(says_less(zipped({"1.png": bytes(300 * MIB)}), 300 * MIB))
    with (
        open_source(tmp_path / "all.zip") as (found,),
        bounded(20, 64 * MIB),
        pytest.raises(InputError, match="1.png cannot be read"),
    ):
        found.read()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_of_a_method_without_bounds_is_refused(method: int, tmp_path: Path) -> None:
    packed = zipped({"1.png": b"1", "b.zip": zipped({"2.png": b"2"})}, method)
    (tmp_path / "all.zip").write_bytes(packed)
    with (
        pytest.raises(InputError, match=f"b.zip is packed by method {method}"),
        open_source(tmp_path / "all.zip"),
    ):
        pass
    (tmp_path / "all.zip").write_bytes(zipped({"1.png": b"1"}, method))
    with (
        open_source(tmp_path / "all.zip") as (found,),
        pytest.raises(InputError, match="1.png is packed by method"),
    ):
        found.read()


def test_a_long_list_of_members_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_DIRECTORY_BYTES", 10_000)
    files = {f"{k}.png": b"" for k in range(300)}
    (tmp_path / "all.zip").write_bytes(zipped(files))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with (
        pytest.raises(InputError, match=r"list of members of [\d,]+ bytes; expected at most"),
        open_source(tmp_path / "all.zip"),
    ):
        pass


def test_zips_in_zips_fill_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = zipped({"1.png": bytes(100)}, zipfile.ZIP_STORED)
    (tmp_path / "all.zip").write_bytes(zipped({f"{k}.zip": inner for k in range(5)}))
    monkeypatch.setattr(sources, "MAX_UNPACKED_BYTES", 3 * len(inner))
    with (
        pytest.raises(InputError, match=r"The zips up to 3\.zip have .*Unpack the outer zips"),
        open_source(tmp_path / "all.zip"),
    ):
        pass


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    packed = zipped({"N.png": b"1", "1.png": b"2"}).replace(b"N.png", b"\0.png")
    (tmp_path / "all.zip").write_bytes(packed)
    with open_source(tmp_path / "all.zip") as entries:
        assert [found.path for found in entries] == ["1.png"]


# Names are shown as they are


def training_set(folder: Path, n: int = 60) -> Path:
    (folder / "rsna").mkdir()
    for k in range(1, n + 1):
        (folder / "rsna" / f"{k}.png").write_bytes(images()["grey PNG"])
    rows = "".join(f"{k},{12 + 3 * k},{k % 2 == 0}\n" for k in range(1, n + 1))
    (folder / "rsna" / "train.csv").write_text("id,boneage,male\n" + rows)
    return folder / "rsna"


@pytest.mark.parametrize(
    "name",
    [b"\x1b[2J\x1b]0;owned\x07.png", b"\xff\xfe.png", "gnp.\u202e1.png".encode(), b"a\nb.png"],
    ids=["escape", "no text", "right to left", "line end"],
)
def test_names_of_files_steer_no_terminal(name: bytes, tmp_path: Path) -> None:
    source = training_set(tmp_path)
    Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(images()["grey PNG"])
    told = report(prepare(source, tmp_path / "out", 32))
    assert "images without label: 1" in told
    assert all(line.isprintable() for line in told.split("\n"))
    told.encode()  # a terminal can show it


def test_what_steers_a_terminal_is_written_out() -> None:
    assert printable("a\x1b[2J\n\udcff é|") == "a\\x1b[2J\\n\\udcff é|"


def test_an_error_steers_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise InputError("Found a\x1b[2J[bold]\udcff\tb;\nexpected c.")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    told = capsys.readouterr().err
    assert "a\\x1b[2J[bold]\\udcff" in told and "\nexpected c.\n" in told
    assert "\x1b[2J" not in told


def test_an_id_that_is_markup_is_no_id() -> None:
    table = b"id,boneage,male\n<script>alert(1)</script>,12,True\n"
    with pytest.raises(InputError, match="expected a whole number"):
        read_label_tables([entry("train.csv", table)])


# Nobody is named


def test_nothing_of_a_patient_is_written_or_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether files can be read or not, in the cohort and in what a stopped command leaves."""
    source = training_set(tmp_path)
    window = Dataset()
    window.LUTDescriptor, window.LUTData, window.LUTExplanation = [4, 0, 8], bytes(4), "for R. Roe"
    window["LUTData"].VR = "OW"
    whole = dicom_file(**PATIENT)
    odd = dicom_file(**PATIENT, VOILUTSequence=[window], PixelRepresentation=3)
    for k in range(1, 61):
        (source / f"{k}.png").unlink()
        content = whole if k > 3 else odd if k == 1 else whole[: -40 * k]
        (source / f"{k}.dcm").write_bytes(content)
    with pytest.raises(InputError, match="unreadable") as told:
        prepare(source, tmp_path / "stopped", 32, max_missing=0)
    cohort = prepare(source, tmp_path / "out", 32)
    said = report(cohort) + str(told.value) + "".join(capfd.readouterr())
    written = [
        path for path in tmp_path.rglob("*") if path.is_file() and source not in path.parents
    ]
    assert {"images.npy", "labels.csv", "cohort.json", "journal.txt"} <= {p.name for p in written}
    for name, value in PATIENT.items():
        for part in value.split("^"):
            assert part.encode() in whole, "or nothing is looked for"
            assert part not in said, name
            for path in written:
                assert part.encode() not in path.read_bytes(), f"{name} in {path.name}"


def test_the_words_of_a_png_are_left_behind(tmp_path: Path) -> None:
    source = training_set(tmp_path)
    comment = b"tEXtComment\0Roe, Richard"
    chunk = struct.pack(">L", len(comment) - 4) + comment + struct.pack(">L", zlib.crc32(comment))
    content = images()["grey PNG"]
    (source / "7.png").write_bytes(content[:33] + chunk + content[33:])
    cohort = prepare(source, tmp_path / "out", 32)
    assert len(cohort) == 60
    for path in (tmp_path / "out").iterdir():
        assert b"Roe" not in path.read_bytes(), path.name
