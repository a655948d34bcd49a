"""Run one notebook with papermill and keep what came of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from boneage_lib.data.whole_files import explained, written_whole
from boneage_lib.errors import InputError
from boneage_lib.report.made import write_made
from boneage_lib.report.outputs import FOLDER
from boneage_lib.report.profile import notebook_parameters, typed
from boneage_lib.report.stamps import all_shown
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

    Beside it appears what made it, as ``<name>.made.json``; see `boneage_lib.report.made`. Where
    not every cell runs, what an earlier execution left stays as it was.

    Args:
        source: notebooks/NN_name.py, percent format.
        out: where the executed notebook goes.
        parameters: by name; names that its parameters cell lacks are refused, and so are values of
            another type than its defaults.
        root: folder to run in, so that relative paths count from the project's root.
        outputs: folder that gets figures and tables as files; see `boneage_lib.report.outputs`.

    Raises:
        InputError: an unknown parameter, or a value of another type; a disk that is full or may
            not be written.
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
    failed = out.with_name(f"{out.stem}.failed.ipynb")
    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with _new_outputs(outputs):
            executed = _executed(source, out, parameters, root, failed)
            _check_outputs(executed, source.stem, outputs)
            write_made(out, executed, {**known, **parameters}, source)
            with written_whole(out) as whole:
                nbformat.write(published(executed), whole)
        failed.unlink(missing_ok=True)
    return out


def _executed(
    source: Path, out: Path, parameters: dict[str, Any], root: Path, failed: Path
) -> nbformat.NotebookNode:
    """The notebook as papermill leaves it; of one that fails, what there is of it is kept."""
    prepared = out.with_name(f".{out.stem}.source.ipynb")
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        nbformat.write(_with_kernel(jupytext.read(source)), prepared)
        with told_progress(source.stem, out.with_name(f".{out.stem}.progress")):
            papermill.execute_notebook(
                prepared,
                partial,
                parameters=parameters,
                cwd=root,
                log_output=False,
                # It warns that its port, which no other machine reaches, is not encrypted.
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )
        return nbformat.read(partial, as_version=4)
    except PapermillExecutionError as error:
        partial.replace(failed)
        raise NotebookFailed(
            f"{source.stem}, cell {error.exec_count}: {error.ename}: {error.evalue}\n"
            f"The notebook up to there: {failed}"
        ) from None
    except RuntimeError as error:
        # One that dies before its first cell is told apart by words alone.
        if not isinstance(error, DeadKernelError) and "Kernel died" not in str(error):
            raise
        partial.replace(failed)
        raise NotebookFailed(
            f"{source.stem}: its process was ended from outside, as when memory runs out; use "
            f"fewer --cores or smaller radiographs.\nThe notebook up to there: {failed}"
        ) from None
    finally:
        prepared.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


@contextmanager
def _new_outputs(folder: Path | None) -> Iterator[None]:
    """Let a notebook keep its outputs beside ``folder``, in whose place they are put at the end."""
    if folder is None:
        yield
        return
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    os.environ[FOLDER] = str(partial)
    try:
        yield
        shutil.rmtree(folder, ignore_errors=True)
        if partial.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_outputs(executed: nbformat.NotebookNode, name: str, folder: Path | None) -> None:
    """Raise InputError where a figure was shown and its file is not there: a full disk, mostly."""
    if folder is None:
        return
    for found in all_shown(executed):
        if found.kind == "figure" and not (_partial(folder) / f"{found.cell}.svg").is_file():
            raise InputError(
                f"{name}, cell {found.cell}: its figure could not be written to {folder}. Make "
                "room on that disk and start again."
            )


def _partial(folder: Path) -> Path:
    """Where outputs lie while their notebook runs."""
    return folder.with_name(f".{folder.name}.partial")


def published(notebook: nbformat.NotebookNode, injected: bool = True) -> nbformat.NotebookNode:
    """An executed notebook without papermill's times and paths, cells numbered in order.

    Args:
        notebook: as papermill wrote it.
        injected: keep the cell of injected parameters.

    Raises:
        InputError: its cells did not run once each, from the first to the last.
    """
    ran = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if ran != list(range(1, len(ran) + 1)):
        raise InputError(
            f"The cells of a notebook ran in the order {ran}; expected each once, from the first "
            "to the last. Run it again."
        )
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
