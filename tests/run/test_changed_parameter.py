"""One parameter changed, the run made again: what hangs on it changes with it, all else stays."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from boneage_lib.report.made import read_made
from boneage_lib.report.run import Run

# A whole run again, if a short one: as long as all other tests of a run together.
pytestmark = pytest.mark.long

NOTEBOOK, KEY, VALUE = "03_inception_v3", "learning_rate", 0.0004
OTHER = "04_xception"
BONEAGE = Path(sys.executable).with_name("boneage")


@pytest.fixture(scope="module")
def changed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo's run with another learning rate for one network, from the demo's own work."""
    folder = tmp_path_factory.mktemp("changed") / "run"
    large = ("bank", "checkpoints")  # written whole and renamed, so that links are safe
    for name in large:
        shutil.copytree(run.folder / name, folder / name, copy_function=os.link)
    ignored = shutil.ignore_patterns(*large, "html", "book", ".lock")
    shutil.copytree(run.folder, folder, ignore=ignored, dirs_exist_ok=True)
    again = [BONEAGE, "run", "demo", "--out", folder, "-p", f"{NOTEBOOK}.{KEY}={VALUE}"]
    done = subprocess.run(again, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Run(folder)


def page(run: Run, name: str) -> str:
    return (run.html / name).read_text()


def stamps(run: Run, notebook: str) -> set[str]:
    """Digests of settings in the stamps of a notebook's page."""
    return set(re.findall(r"settings ([0-9a-f]{6})", page(run, f"notebooks/{notebook}.html")))


def sentence(run: Run, notebook: str) -> str:
    """The computed sentence that holds a network's error against a constant guess's."""
    found = re.search(
        r"mean absolute error is .*?Weights kept", page(run, f"notebooks/{notebook}.html"), re.S
    )
    assert found
    return found[0]


def rows(run: Run, network: str) -> list[str]:
    """The rows of the first page's tables that begin with a network's name; this run's is last."""
    return re.findall(
        rf"<tr[^>]*><td><p>{network}</p></td>\s*<td>.*?</tr>", page(run, "book/index.html"), re.S
    )


def test_only_what_hangs_on_it_was_executed_again(run: Run, changed: Run) -> None:
    for notebook, same in ((NOTEBOOK, False), (OTHER, True)):
        made = [(one.notebooks / f"{notebook}.made.json").read_bytes() for one in (run, changed)]
        assert (made[0] == made[1]) == same, notebook
    made_again = read_made(changed.notebooks / f"{NOTEBOOK}.ipynb")
    assert made_again is not None and made_again["parameters"][KEY] == VALUE


def test_stamps_change(run: Run, changed: Run) -> None:
    assert stamps(run, OTHER) == stamps(changed, OTHER)
    (before,), (after,) = stamps(run, NOTEBOOK), stamps(changed, NOTEBOOK)
    assert before != after


def test_numbers_in_prose_change(run: Run, changed: Run) -> None:
    assert sentence(run, OTHER) == sentence(changed, OTHER)
    assert sentence(run, NOTEBOOK) != sentence(changed, NOTEBOOK)
    assert rows(run, "Xception")[-1] == rows(changed, "Xception")[-1]
    assert rows(run, "InceptionV3")[-1] != rows(changed, "InceptionV3")[-1]
    assert str(VALUE) in page(changed, "book/provenance.html")
    assert str(VALUE) not in page(run, "book/provenance.html")


def test_the_comparison_says_what_differs(run: Run, changed: Run, tmp_path: Path) -> None:
    picture = tmp_path / "compared.html"
    compare = [BONEAGE, "compare", run.folder, changed.folder, "--json", "--page", picture]
    done = subprocess.run(compare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (setting,) = [name for name in found["settings"] if KEY in name]
    assert setting == f"inception_v3.{KEY}"
    assert found["settings"][setting][1] == VALUE
    networks = found["networks"]
    assert networks["xception"]["difference_months"] == 0
    assert networks["inception_v3"]["difference_months"] != 0
    low, high = networks["inception_v3"]["difference_months_ci"]
    assert low < networks["inception_v3"]["difference_months"] < high
    assert str(VALUE) in picture.read_text()
