"""Which library files a notebook depends on: enough that nothing is stale, no more than that."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from made_up_run import ROOT

from boneage_lib.report.dependencies import drawing_digest, library_files
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.training.digests import PHANTOM_CODE


@cache
def modules(notebook: str) -> frozenset[str]:
    """What one of the project's notebooks depends on, below ``boneage_lib``."""
    files = library_files(ROOT / "notebooks" / f"{notebook}.py", ROOT)
    return frozenset(str(file.relative_to(ROOT / "boneage_lib")) for file in files)


def users(*beginnings: str) -> list[str]:
    """Numbers of the notebooks that depend on a file whose path begins so."""
    return [
        notebook[:2]
        for notebook in NOTEBOOKS
        if any(module.startswith(beginnings) for module in modules(notebook))
    ]


def library(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "boneage_lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root: Path, code: str) -> list[str]:
    source = root / "notebooks" / "01.py"
    source.parent.mkdir(exist_ok=True)
    source.write_text(f"# %% [markdown]\n# import boneage_lib.prose\n\n# %%\n{code}\n")
    return [str(file.relative_to(root / "boneage_lib")) for file in library_files(source, root)]


def test_training_does_not_depend_on_the_ensemble() -> None:
    assert users("evaluation/ensemble.py") == ["08", "09", "10"]


def test_only_what_shows_the_ledger_depends_on_the_claims() -> None:
    claims = [f"paper/{path.name}" for path in (ROOT / "boneage_lib" / "paper").glob("*claim*.py")]
    assert len(claims) > 4
    assert users(*claims) == ["09", "10"]


def test_data_notebooks_depend_on_no_network() -> None:
    # The ledger counts the networks' parameters and operations as built.
    assert users("networks/") == ["03", "04", "05", "06", "07", "09", "11"]
    assert users("training/") == ["03", "04", "05", "06", "07", "11"]


def test_the_patch_study_touches_no_other_training() -> None:
    assert users("training/patch_study.py") == ["07"]


def test_comparing_networks_touches_no_training() -> None:
    assert users("report/collected.py") == ["08", "09", "10"]


def test_reading_rsna_touches_no_notebook() -> None:
    assert users("data/rsna.py", "data/sources.py", "data/labels.py", "data/decoding.py") == []


def test_running_and_publishing_touch_no_notebook() -> None:
    parts = ("cli.py", "report/book.py", "report/pipeline.py", "report/publish.py")
    assert users(*parts, "report/profile.py", "report/dependencies.py") == []


@pytest.mark.parametrize("notebook", NOTEBOOKS[2:6])
def test_training_depends_on_all_that_changes_its_numbers(notebook: str) -> None:
    assert modules(notebook) >= {
        "bases.py",
        "data/cohort.py",
        "data/resampling.py",
        "evaluation/comparison.py",
        "evaluation/metrics.py",
        "inputs/augmentation.py",
        "inputs/batches.py",
        "inputs/patches.py",
        "networks/attention.py",
        "networks/backbones.py",
        "networks/heads.py",
        "paper/published.py",
        "report/results.py",
        "report/run.py",
        "report/tables/networks.py",
        "training/extraction.py",
        "training/feature_bank.py",
        "training/fitting.py",
        "training/settings.py",
        "training/train.py",
    }


def test_label_counts_are_followed_to_their_file() -> None:
    assert {"data/histogram.py", "data/rsna_histogram.csv"} <= modules("01_data_inspection")


def test_rooms_front_doors_are_no_dependency_of_their_own() -> None:
    """A name added to a room's ``__init__`` must not train anything again."""
    doors = {
        f"{room}/__init__.py"
        for room in ("data", "evaluation", "inputs", "networks", "notebook", "paper", "training")
    }
    for notebook in NOTEBOOKS:
        assert not doors & modules(notebook), notebook


@pytest.mark.parametrize("module", ["data/phantom_cohort.py", "data/rsna.py", "report/book.py"])
def test_a_step_depends_on_the_module_that_does_it(module: str) -> None:
    """The Snakefile asks so for the cohort and the book."""
    path = ROOT / "boneage_lib" / module
    assert path in library_files(path, ROOT)


def test_names_are_followed_through_rooms(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "__init__.py": "",
            "room/__init__.py": "from boneage_lib.room.a import one\n"
            "from boneage_lib.room.b import two as zwei\n",
            "room/a.py": "def one(): ...",
            "room/b.py": "from boneage_lib.room import c\ntwo = 2",
            "room/c.py": "",
            "hall/__init__.py": "from boneage_lib.room import one",
            "prose.py": "",
        },
    )
    assert found(tmp_path, "from boneage_lib.room import one") == ["room/a.py"]
    assert found(tmp_path, "from boneage_lib.room import zwei") == ["room/b.py", "room/c.py"]
    assert found(tmp_path, "from boneage_lib.hall import one as eins") == ["room/a.py"]
    assert found(tmp_path, "from boneage_lib.room import c") == ["room/c.py"]
    assert found(tmp_path, "import boneage_lib.room.c as c") == ["room/c.py"]
    assert found(tmp_path, "from boneage_lib.room.a import one") == ["room/a.py"]
    assert found(tmp_path, "import numpy, os.path\nfrom math import pi") == []


def test_a_run_starts_without_what_draws() -> None:
    """Every step and every dry run would wait a second or two for it."""
    code = (
        "import sys\n"
        "from boneage_lib.report import done, jobs, pipeline\n"
        "print({'matplotlib', 'seaborn', 'scipy.stats', 'keras'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_name_made_by_a_room_itself_depends_on_the_room(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "room/__init__.py": "from boneage_lib.room.a import one\nTHREE = one + 2",
            "room/a.py": "one = 1",
        },
    )
    assert found(tmp_path, "from boneage_lib.room import THREE") == [
        "room/__init__.py",
        "room/a.py",
    ]


def test_imports_inside_functions_count(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "room/a.py": "def one():\n    from boneage_lib.room.b import two\n    return two",
            "room/b.py": "two = 2",
        },
    )
    code = "def later():\n    from boneage_lib.room.a import one\n    return one()"
    assert found(tmp_path, code) == ["room/a.py", "room/b.py"]


def test_imports_for_type_checkers_do_not_count(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "room/a.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from boneage_lib.room.b import Two\n"
            "else:\n    from boneage_lib.room.c import Two\n"
            "one = 1",
            "room/b.py": "class Two: ...",
            "room/c.py": "Two = None",
        },
    )
    assert found(tmp_path, "from boneage_lib.room.a import one") == ["room/a.py", "room/c.py"]


def test_data_files_that_a_module_names_count(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "room/a.py": "TABLE = 'counts.csv'",
            "room/counts.csv": "n\n1\n",
            "room/others.csv": "n\n2\n",
        },
    )
    assert found(tmp_path, "import boneage_lib.room.a") == ["room/a.py", "room/counts.csv"]


def test_imports_that_go_round_end(tmp_path: Path) -> None:
    library(
        tmp_path,
        {
            "room/a.py": "import boneage_lib.room.b",
            "room/b.py": "def later():\n    import boneage_lib.room.a",
        },
    )
    assert found(tmp_path, "import boneage_lib.room.a") == ["room/a.py", "room/b.py"]


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    library(tmp_path, {"room/a.py": ""})
    with pytest.raises(ModuleNotFoundError, match=r"boneage_lib\.room\.z"):
        found(tmp_path, "import boneage_lib.room.z")


def test_a_digest_changes_with_what_draws_and_with_nothing_else(tmp_path: Path) -> None:
    files = {
        "data.py": "grey = 1",
        "report/theme.py": "color = 1",
        "report/figures/age.py": "from boneage_lib.report.theme import color",
        "report/figures/sex.py": "size = 1",
    }
    library(tmp_path, files)
    found(tmp_path, "from boneage_lib.report.figures import age\nfrom boneage_lib.data import grey")
    source = tmp_path / "notebooks" / "01.py"
    before = drawing_digest(source, tmp_path)
    library(tmp_path, {"data.py": "grey = 2", "report/figures/sex.py": "size = 2"})
    assert drawing_digest(source, tmp_path) == before, "no drawing of this notebook"
    library(tmp_path, {"report/theme.py": "color = 2"})
    assert drawing_digest(source, tmp_path) != before


def test_what_draws_synthetic_radiographs_is_known() -> None:
    drawn_by = {
        str(file.relative_to(ROOT / "boneage_lib"))
        for file in library_files(ROOT / "boneage_lib" / "data" / "phantom.py", ROOT)
    }
    assert drawn_by - set(PHANTOM_CODE) <= {"__init__.py", "data/__init__.py", "errors.py"}
