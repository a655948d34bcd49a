"""Executed notebooks of the demo run into the checkout, where CI validates them."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat

from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError
from boneage_lib.report.execute import published
from boneage_lib.report.front_page import write_front_page
from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run, project_root


def publish_notebooks(run: Run) -> list[Path]:
    """Copy a run's executed notebooks over notebooks/*.ipynb, without the injected parameters.

    The committed notebooks then show what their own default parameters, the demo profile's, give.

    Returns:
        The files written.

    Raises:
        InputError: a notebook of the run is missing or has another text; nothing is written then.
    """
    root, notebooks = project_root(), {}
    for name in NOTEBOOKS:
        path = run.notebooks / f"{name}.ipynb"
        if not path.is_file():
            raise InputError(f"Found no {path}; finish the run first: `boneage run demo`.")
        made = read_made(path)
        if made is None or "drawn_by" not in made:
            raise InputError(f"Found no record of what made {path}. Run it again.")
        notebook = published(nbformat.read(path, as_version=4), injected=False)
        # By this a test notices pictures that today's code would draw in another way.
        notebook.metadata["boneage"] = {"drawn_by": made["drawn_by"]}
        source = jupytext.read(root / "notebooks" / f"{name}.py")
        # Cell ids made from position, so that a new execution changes outputs only.
        for number, (cell, text) in enumerate(zip(notebook.cells, source.cells, strict=True)):
            if cell.source != text.source:
                raise InputError(
                    f"{name}: cell {number} of the run is not that of {name}.py. Run it again."
                )
            cell["id"] = f"{name[:2]}-{number:02d}"
        notebooks[root / "notebooks" / f"{name}.ipynb"] = notebook
    for target, notebook in notebooks.items():
        with written_whole(target) as whole:
            nbformat.write(notebook, whole)
    return [*notebooks, *write_front_page(run, root / "book")]
