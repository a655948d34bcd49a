"""Run one notebook with papermill and keep what came of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from boneage_lib.errors import InputError
from boneage_lib.report.made import write_made
from boneage_lib.report.outputs import FOLDER
from boneage_lib.report.profile import notebook_parameters, typed
from boneage_lib.report.telling import told_progress

#: Quiet and repeatable: no C++ log lines in the output, no GPU memory taken at once.
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


class NotebookFailed(InputError):
    """A cell of a notebook raised; the executed notebook is kept."""


def execute(
    source: Path, out: Path, parameters: dict[str, Any], root: Path, outputs: Path | None = None
) -> Path:
    """Execute a notebook's text with parameters; ``out`` appears when every cell has run.

    Beside it appears what made it, as ``<name>.made.json``; see `boneage_lib.report.made`.

    Args:
        source: notebooks/NN_name.py, percent format.
        out: where the executed notebook goes.
        parameters: by name; names that its parameters cell lacks are refused, and so are values of
            another type than its defaults.
        root: folder to run in, so that relative paths count from the project's root.
        outputs: folder that gets figures and tables as files; see `boneage_lib.report.outputs`.

    Raises:
        InputError: an unknown parameter, or a value of another type.
        NotebookFailed: a cell raised; names notebook, cell and cause, and the kept notebook.
    """
    known = notebook_parameters(source)
    if unknown := set(parameters) - set(known):
        raise InputError(
            f"{source.stem} has no parameters {sorted(unknown)}; it has {', '.join(known)}."
        )
    parameters = {
        key: typed(source.stem, key, value, known[key]) for key, value in parameters.items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    prepared = out.with_name(f".{out.stem}.source.ipynb")
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    failed = out.with_name(f"{out.stem}.failed.ipynb")
    nbformat.write(_with_kernel(jupytext.read(source)), prepared)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if outputs is not None:
        shutil.rmtree(outputs, ignore_errors=True)
        os.environ[FOLDER] = str(outputs)
    try:
        with told_progress(source.stem, out.with_name(f".{out.stem}.progress")):
            papermill.execute_notebook(
                prepared, partial, parameters=parameters, cwd=root, log_output=False
            )
    except PapermillExecutionError as error:
        partial.replace(failed)
        raise NotebookFailed(
            f"{source.stem}, cell {error.exec_count}: {error.ename}: {error.evalue}\n"
            f"The notebook up to there: {failed}"
        ) from None
    except DeadKernelError:
        partial.replace(failed)
        raise NotebookFailed(
            f"{source.stem}: its process was ended from outside, as when memory runs out; use "
            f"fewer --cores or smaller radiographs.\nThe notebook up to there: {failed}"
        ) from None
    finally:
        prepared.unlink(missing_ok=True)
    executed = nbformat.read(partial, as_version=4)
    write_made(out, executed, {**known, **parameters})
    nbformat.write(published(executed), out)
    partial.unlink()
    failed.unlink(missing_ok=True)
    return out


def published(notebook: nbformat.NotebookNode, injected: bool = True) -> nbformat.NotebookNode:
    """An executed notebook without papermill's times and paths, cells numbered in order.

    Args:
        notebook: as papermill wrote it.
        injected: keep the cell of injected parameters.
    """
    notebook.metadata.pop("papermill", None)
    if not injected:
        notebook.cells = [
            cell
            for cell in notebook.cells
            if "injected-parameters" not in cell.metadata.get("tags", [])
        ]
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = count
    return notebook


def _with_kernel(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("jupytext", None)
    return notebook
