"""A run's folder, and every path in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError

#: Notebook that trains each network.
NOTEBOOK_OF = {
    "inception_v3": "03_inception_v3",
    "xception": "04_xception",
    "xception_attention": "05_xception_attention",
    "resnet50_patches": "06_resnet50_patches",
}


class MissingResult(InputError):
    """Something that an earlier notebook makes is not in the run's folder."""


def project_root() -> Path:
    """The folder that holds notebooks/, profiles/ and results/: the first one upwards from here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").is_file() and (folder / "boneage_lib").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


class Run:
    """The folder of one run; relative names count from the project's root.

    Args:
        folder: for example ``runs/demo``; made when it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = (project_root() / folder).resolve()
        self.name = self.folder.name
        self.cohort_folder = self.folder / "cohort"  # labels and radiographs
        self.bank = self.folder / "bank"  # features of augmented views, by digest
        self.checkpoints = self.folder / "checkpoints"  # training states, by digest
        self.models = self.folder / "models"  # <network>.keras and its checksum
        self.histories = self.folder / "histories"  # <network>.csv, one row an epoch
        self.predictions = self.folder / "predictions"  # <network>.csv; seeds/<network>-<seed>.csv
        self.results = self.folder / "results"  # metrics, claims, studies
        self.jobs = self.folder / "jobs"  # what each job of the pipeline took
        self.done = self.folder / "done"  # a mark for each file that a step made whole
        self.notebooks = self.folder / "notebooks"  # executed, parameters injected
        self.outputs = self.folder / "outputs"  # <notebook>/<cell>.svg and .csv
        self.html = self.folder / "html"  # the book
        self.parameters_file = self.folder / "parameters.yaml"  # the profile as it was run
        self.jobs_file = self.folder / "jobs.yaml"  # how its work is cut and spread
        self.provenance_file = self.folder / "provenance.json"  # what made the results

    def cohort(self) -> Cohort:
        """The run's cohort, compared with its checksum: of other pixels nothing would be the same.

        Raises:
            MissingResult: there is none; names the notebook that makes one.
            InputError: it is damaged.
        """
        record = self._need(self.cohort_folder / "cohort.json", "01_data_inspection")
        try:
            return Cohort.open(self.cohort_folder, verify=True)
        except InputError as error:
            raise InputError(
                f"{error} To do so within a run, delete {shown(record)} and start the run again: "
                "whatever was computed from the undamaged cohort is kept and found again."
            ) from None

    def model_file(self, network: str) -> Path:
        """The file of a trained network, compared with its checksum.

        Raises:
            MissingResult: there is none; names the notebook that makes it.
            InputError: it is damaged.
        """
        notebook = NOTEBOOK_OF[network]
        file = self._need(self.models / f"{network}.keras", notebook)
        recorded = self._need(checksum_file(file), notebook).read_text().split()[0]
        if (found := sha256_of(file)) != recorded:
            raise InputError(
                f"{shown(file)} is damaged: checksum {found[:12]}…, recorded {recorded[:12]}…. "
                f"notebooks/{notebook}.ipynb makes it again from the run's kept training: delete "
                "the file and start the run again."
            )
        return file

    def cohort_or_phantoms(
        self, n: int, size: int, seed: int, variation: float, maturity_noise: float = 6.0
    ) -> Cohort:
        """The run's cohort; a synthetic one is drawn when there is none."""
        if not (self.cohort_folder / "cohort.json").is_file():
            write_phantoms(
                self.cohort_folder,
                n,
                size,
                seed,
                maturity_noise_months=maturity_noise,
                variation=variation,
            )
        return self.cohort()

    def read_json(self, name: str, notebook: str) -> Any:
        """``results/<name>``, made by ``notebook``.

        Raises:
            MissingResult: it is not there.
            InputError: it is damaged.
        """
        path = self._need(self.results / name, notebook)
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise _damaged(path, error, notebook) from None

    def read_table(self, path: str, notebook: str) -> pd.DataFrame:
        """A CSV file of the run, by its path in the folder; see `read_json` for what is raised."""
        file = self._need(self.folder / path, notebook)
        try:
            return pd.read_csv(file)
        except ValueError as error:
            raise _damaged(file, error, notebook) from None

    def write_json(self, name: str, content: Any) -> Path:
        """Write ``results/<name>`` whole or not at all."""
        return _write(self.results / name, json.dumps(content, indent=1) + "\n")

    def write_job(self, name: str, content: Any) -> Path:
        """Write ``jobs/<name>.json`` whole or not at all."""
        return _write(self.jobs / f"{name}.json", json.dumps(content, indent=1) + "\n")

    def write_table(self, path: str, table: pd.DataFrame, decimals: int = 4) -> Path:
        """Write a CSV file of the run, by its path in the folder, whole or not at all."""
        text = table.to_csv(index=False, float_format=f"%.{decimals}f")
        return _write(self.folder / path, text)

    def _need(self, path: Path, notebook: str) -> Path:
        if not path.exists():
            run = shown(self.folder)
            raise MissingResult(
                f"{run} has no {path.relative_to(self.folder)}; notebooks/{notebook}.ipynb makes "
                f"it. Run that first: papermill notebooks/{notebook}.ipynb out.ipynb "
                f"-p run_dir {run}"
            )
        return path


def checksum_file(file: Path) -> Path:
    """Where a file's checksum is kept: beside it, as ``sha256sum --check`` reads it."""
    return file.with_name(f"{file.name}.sha256")


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _damaged(file: Path, error: ValueError, notebook: str) -> InputError:
    return InputError(
        f"{shown(file)} is damaged: {str(error).strip()}. notebooks/{notebook}.ipynb makes it "
        "again: delete the file and start the run again."
    )


def _write(path: Path, text: str) -> Path:
    with written_whole(path) as partial:
        partial.write_text(text)
    return path


def shown(path: Path) -> str:
    """A path for people: from the project's root where it lies below it."""
    root = project_root()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
