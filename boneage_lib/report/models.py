"""The trained networks of a run as files, each with its checksum."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from boneage_lib.data.whole_files import explained, written_whole
from boneage_lib.report.run import Run, checksum_file, sha256_of

if TYPE_CHECKING:  # Keras takes seconds to load, and most notebooks need none of it.
    import keras


def keep_model(run: Run, network: str, model: keras.Model) -> Path:
    """Write ``models/<network>.keras`` whole or not at all, and its checksum beside it."""
    file = run.models / f"{network}.keras"
    partial = run.models / f".{network}.partial.keras"  # Keras goes by the ending
    try:
        with explained(file):
            run.models.mkdir(parents=True, exist_ok=True)
            model.save(partial)
            digest = sha256_of(partial)
            partial.replace(file)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    with written_whole(checksum_file(file)) as beside:
        beside.write_text(f"{digest}  {file.name}\n")
    return file
