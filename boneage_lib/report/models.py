"""The trained networks of a run as files, each with its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from boneage_lib.data.whole_files import explained, written_whole
from boneage_lib.report.run import Run, checksum_file, sha256_of

if TYPE_CHECKING:  # Keras takes seconds to load, and most notebooks need none of it.
    import keras


@contextmanager
def written_by_keras(file: Path, ending: str) -> Iterator[Path]:
    """`boneage_lib.data.whole_files.written_whole` for Keras, which goes by a name's ending.

    Args:
        file: what the place becomes when the block ends.
        ending: of both names, such as ``.keras``.
    """
    partial = file.with_name(f".{file.name.removesuffix(ending)}.partial{ending}")
    try:
        with explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(file)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def keep_model(run: Run, network: str, model: keras.Model) -> Path:
    """Write ``models/<network>.keras`` whole or not at all, and its checksum beside it."""
    file = run.models / f"{network}.keras"
    with written_by_keras(file, ".keras") as partial:
        model.save(partial)
        digest = sha256_of(partial)
    with written_whole(checksum_file(file)) as beside:
        beside.write_text(f"{digest}  {file.name}\n")
    return file
