"""The figures of one prediction table, as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from boneage_lib.errors import InputError
from boneage_lib.report import figures
from boneage_lib.report.theme import save_figure

SUFFIXES = (".svg", ".png")


def evaluation_figures(table: pd.DataFrame, name: str) -> dict[str, Figure]:
    """Every figure of one prediction table, by the name of its file.

    Args:
        table: a checked prediction table, see `boneage_lib.evaluation.validate_predictions`.
        name: of the system, for titles and colors.
    """
    return {
        "predicted_against_reference": figures.predicted_against_reference(table, name),
        "bland_altman": figures.bland_altman(table, name),
        "error_by_age": figures.error_by_age({name: table}),
        "calibration": figures.calibration(table, name),
    }


def write_evaluation_figures(table: pd.DataFrame, name: str, folder: Path) -> list[Path]:
    """Write each of `evaluation_figures` as SVG and PNG; a file is whole or not there.

    Args:
        table: a checked prediction table.
        name: of the system, for titles and colors.
        folder: where the files go; made where missing.

    Returns:
        The files written.

    Raises:
        InputError: a folder that cannot be written into.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, figure in evaluation_figures(table, name).items():
            for suffix in SUFFIXES:
                path, partial = folder / f"{stem}{suffix}", folder / f".{stem}.partial{suffix}"
                try:
                    save_figure(figure, partial)
                    partial.replace(path)
                finally:
                    partial.unlink(missing_ok=True)
                written.append(path)
    except OSError as error:
        raise InputError(
            f"{folder} does not take figures: {error}. Expected a folder that can be written into."
        ) from None
    return written
