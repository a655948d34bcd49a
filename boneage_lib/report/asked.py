"""Pictures that a trained network is asked about: which files, whose hands, and their pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from boneage_lib.data.pictures import SUFFIXES, read_picture
from boneage_lib.data.plain_tables import read_plain_csv
from boneage_lib.data.threads import n_cores, single_threaded_opencv
from boneage_lib.errors import InputError, printable

SEXES = ("female", "male", "unknown")
#: Radiographs that are answered together.
CHUNK = 64
MAX_FILE_BYTES = 2**28


@dataclass(frozen=True)
class Picture:
    """A file to be read, and whose hand it shows.

    Attributes:
        path: of the file.
        sex: one of `SEXES`.
    """

    path: Path
    sex: str


def pictures(paths: Sequence[Path], sex: str | None, table: Path | None) -> list[Picture]:
    """The files that are asked about, with their sexes.

    Args:
        paths: files, or folders whose pictures are taken, by name.
        sex: of all of them; one of `SEXES`.
        table: a CSV file with the columns ``file`` (a name, with its ending) and ``sex``, in place
            of ``sex``.

    Raises:
        InputError: no such file, no picture, no sex or two answers to it, or an unknown sex.
    """
    if (sex is None) == (table is None):
        raise InputError(
            f"Found {'no' if sex is None else 'two'} answers to whose hands these are; expected "
            "--sex female, --sex male, --sex unknown, or --sexes TABLE. An answer depends on it by "
            "months."
        )
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(
                file
                for file in path.iterdir()
                if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
            )
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"Found no {printable(str(path))}; expected a picture or a folder.")
    if not files:
        raise InputError(f"Found no picture; expected files that end with {', '.join(SUFFIXES)}.")
    if table is None:
        assert sex is not None
        return [Picture(file, _known_sex(sex, "--sex")) for file in files]
    of_file = _sexes(table)
    if unnamed := [file.name for file in files if file.name not in of_file]:
        raise InputError(
            f"{table} names no sex of {len(unnamed)} files, such as "
            f"{printable(unnamed[0])}; expected a row for each, unknown where it is not known."
        )
    return [Picture(file, of_file[file.name]) for file in files]


def _sexes(table: Path) -> dict[str, str]:
    rows = read_plain_csv(table, dtype=str, keep_default_na=False)
    if missing := {"file", "sex"} - set(rows):
        raise InputError(f"{table} lacks {', '.join(sorted(missing))}; found {list(rows)}.")
    repeated = rows["file"][rows["file"].duplicated()]
    if len(repeated):
        raise InputError(f"{table} names {printable(repeated.iloc[0])} twice.")
    return {
        str(file): _known_sex(str(sex), f"{table}, {printable(str(file))}")
        for file, sex in zip(rows["file"], rows["sex"], strict=True)
    }


def _known_sex(sex: str, where: str) -> str:
    found = {"f": "female", "m": "male"}.get(sex.strip().lower(), sex.strip().lower())
    if found not in SEXES:
        raise InputError(
            f"Found the sex {printable(sex)!r} ({where}); expected one of {', '.join(SEXES)}."
        )
    return found


def read_ahead(
    asked: Sequence[Picture], size: int
) -> Iterator[tuple[Sequence[Picture], np.ndarray, list[str | None]]]:
    """Pictures chunk by chunk, read ahead in threads: the readable ones' pixels, and why not."""
    chunks = [asked[at : at + CHUNK] for at in range(0, len(asked), CHUNK)]
    waiting: deque[list[Future[np.ndarray]]] = deque()
    with single_threaded_opencv(), ThreadPoolExecutor(n_cores()) as pool:

        def ahead(k: int) -> None:
            if k < len(chunks):
                waiting.append([pool.submit(_picture, own.path, size) for own in chunks[k]])

        try:
            ahead(0)
            for k, chunk in enumerate(chunks):
                ahead(k + 1)
                images: list[np.ndarray] = []
                reasons: list[str | None] = []
                for future in waiting.popleft():
                    try:
                        images.append(future.result())
                        reasons.append(None)
                    except InputError as error:
                        reasons.append(str(error))
                yield chunk, np.stack(images) if images else np.empty(0, np.uint8), reasons
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _picture(path: Path, size: int) -> np.ndarray:
    try:
        if (n := path.stat().st_size) > MAX_FILE_BYTES:
            raise InputError(f"of {n:,} bytes; expected at most {MAX_FILE_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}") from None
    return read_picture(content, size)[0]
