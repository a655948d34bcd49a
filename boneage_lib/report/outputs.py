"""What a notebook's cells show, kept as files that people can use: figures as SVG, tables as CSV.

The pipeline names a folder in the environment of the notebook's process; elsewhere nothing is kept.
Files are named by the number of their cell, from 1, as the executed notebook counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Environment variable with the folder.
FOLDER = "BONEAGE_OUTPUTS"


def keep_outputs(shell: Any, save: Callable[[Figure, Path], Any]) -> None:
    """From now on, keep what the cells of an IPython shell show, if a folder is named.

    Args:
        shell: IPython's.
        save: writes a figure.
    """
    if folder := os.environ.get(FOLDER):
        shell.events.register("post_run_cell", partial(keep_output, Path(folder), save))


def keep_output(folder: Path, save: Callable[[Figure, Path], Any], ran: Any) -> None:
    """Keep the value of a cell that has run, where it is a figure or a table.

    Args:
        folder: made when it is not there.
        save: writes a figure.
        ran: IPython's `ExecutionResult`.
    """
    # Here, as the pipeline asks this module for no more than the folder's name.
    import pandas as pd
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler

    value, number = ran.result, ran.execution_count
    if isinstance(value, Styler):
        value = getattr(value, "data", None)  # pandas' stubs do not know it
    if isinstance(value, Figure | pd.DataFrame):
        folder.mkdir(parents=True, exist_ok=True)
    if isinstance(value, Figure):
        save(value, folder / f"{number}.svg")
    elif isinstance(value, pd.DataFrame):
        named = any(name is not None for name in value.index.names)
        value.to_csv(folder / f"{number}.csv", index=named)
