"""pyproject.toml, the lock, its doors and the review of dependencies agree."""

from __future__ import annotations

import csv
import re
import subprocess
import tomllib
from datetime import date
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "requirements.lock").read_text()
REQUIRED = SpecifierSet(PROJECT["requires-python"])
PYTHONS = [f"3.{minor}" for minor in range(40) if f"3.{minor}.0" in REQUIRED]
#: What the lock is made of; the extra `gpu` takes the place of `cpu` beside the same pins.
LOCKED = [
    Requirement(line)
    for line in [*PROJECT["dependencies"], *EXTRAS["cpu"], *EXTRAS["slurm"], *EXTRAS["dev"]]
]
#: Every pin with its marker.
PINS = [Requirement(line) for line in re.findall(r"^([\w.-]+==[^\\\n]+)", LOCK, re.M)]
#: Who needs each direct dependency: everyone, or who installs an extra.
NEEDED: dict[str, list[str]] = {}
for use, lines in {"everyone": PROJECT["dependencies"], **EXTRAS}.items():
    for line in lines:
        uses = NEEDED.setdefault(Requirement(line).name, [])
        uses += [use] if use not in uses else []
PAGE = (ROOT / "book" / "dependencies.md").read_text()
with (ROOT / "book" / "dependencies.csv").open() as file:
    REVIEW = list(csv.DictReader(file))


def machine(system: str, python: str) -> dict[str, str]:
    """What markers ask, of a 64-bit CPython."""
    platform, os_name, arch = {
        "Linux": ("linux", "posix", "x86_64"),
        "Darwin": ("darwin", "posix", "arm64"),
        "Windows": ("win32", "nt", "AMD64"),
    }[system]
    return {
        "implementation_name": "cpython",
        "os_name": os_name,
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_system": system,
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": platform,
    }


def applies(requirement: Requirement, where: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**where})


def version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def pinned(name: str) -> list[str]:
    return sorted({version(pin) for pin in PINS if pin.name == name}, key=Version)


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows"])
@pytest.mark.parametrize("python", [f"{minor}.{patch}" for minor in PYTHONS for patch in (0, 9)])
def test_every_machine_gets_one_release_that_fits(system: str, python: str) -> None:
    where = machine(system, python)
    chosen: dict[str, str] = {}
    for pin in PINS:
        if applies(pin, where):
            assert pin.name not in chosen, f"{pin.name} is pinned twice"
            chosen[pin.name] = version(pin)
    for wanted in LOCKED:
        if applies(wanted, where):
            assert wanted.specifier.contains(chosen[wanted.name]), wanted


def test_the_lock_holds_all_that_is_asked_for_and_nothing_else_by_itself() -> None:
    asked, reasons = set(), {}
    for block in re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.M)[1:]:
        name = block.split("==")[0]
        reasons[name] = re.findall(
            r"^    # +(?:via )?(\w\S*(?: \(pyproject\.toml\))?)$", block, re.M
        )
        if "boneage (pyproject.toml)" in reasons[name]:
            asked.add(name)
    assert asked == {wanted.name for wanted in LOCKED}
    for name, users in reasons.items():
        users = [user for user in users if user not in ("via", "boneage (pyproject.toml)")]
        assert name in asked or users, f"nothing needs {name}"
        assert set(users) <= set(reasons), name


def test_a_gpu_gets_the_same_tensorflow() -> None:
    (gpu,) = (Requirement(line) for line in EXTRAS["gpu"])
    assert gpu.extras == {"and-cuda"}
    assert pinned("tensorflow") == pinned("tensorflow-cpu")
    assert {str(wanted.specifier) for wanted in LOCKED if wanted.name.startswith("tensorflow")} == {
        str(gpu.specifier)
    }


def test_every_pin_has_hashes_and_no_address() -> None:
    assert "://" not in LOCK and "index-url" not in LOCK and "find-links" not in LOCK
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.M)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


def test_conda_opens_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and packages == {"pip": ["-r requirements.lock"]}
    assert python.removeprefix("python=") in PYTHONS


@pytest.mark.parametrize(
    "door", ["Makefile", "environment.yml", "postBuild", "book/reproduce.md"], ids=str
)
def test_every_door_adds_the_checkout_to_the_lock_and_nothing_else(door: str) -> None:
    text = (ROOT / door).read_text()
    assert "-r requirements.lock" in text or door == "postBuild"  # comes after environment.yml
    assert "--no-deps -e ." in text


def test_both_halves_that_are_set_up_are_the_whole_lock(tmp_path: Path) -> None:
    def packages(text: str) -> list[str]:
        return re.findall(r"^[a-z].*\n(?:[ #].*\n)*", text, re.M)

    found = re.search(r"^\t@(awk .* requirements\.lock)$", (ROOT / "Makefile").read_text(), re.M)
    assert found
    command = found[1].replace("$(VENV)", str(tmp_path))
    subprocess.run(["bash", "-c", command], cwd=ROOT, check=True)
    halves = [packages((tmp_path / f"{name}.lock").read_text()) for name in ("odd", "even")]
    whole = packages((ROOT / "requirements.lock").read_text())
    assert sorted(sum(halves, [])) == sorted(whole) and len(whole) > 100
    assert abs(len(halves[0]) - len(halves[1])) <= 1


def test_every_door_names_the_same_pythons() -> None:
    makefile, words = (ROOT / "Makefile").read_text(), f"{', '.join(PYTHONS[:-1])} or {PYTHONS[-1]}"
    assert f"{' '.join(f'python{python}' for python in PYTHONS)} python3 python" in makefile
    first, last = (tuple(map(int, PYTHONS[i].split("."))) for i in (0, -1))
    bounds = re.findall(r"not (\(.*?\)) <= sys.version_info < (\(.*?\))\)", makefile)
    assert set(bounds) == {(str(first), str((last[0], last[1] + 1)))}
    assert words in makefile and words in (ROOT / "README.md").read_text()


def test_every_direct_dependency_has_its_reason() -> None:
    for title, section in re.findall(r"^### For (.*)\n\n((?:.+\n)+)", PAGE, re.M):
        uses = re.findall(r"`(\w+)`", title) or [title]
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", section, re.M)
        assert len(rows) == section.count("\n") - 2, title
        assert [name for name, _, _ in rows] == sorted(
            name for name, needed in NEEDED.items() if set(needed) & set(uses)
        ), title
    assert set(re.findall(r"^\| `([^`]+)` \|", PAGE, re.M)) == set(NEEDED)


def test_the_review_is_of_these_pins() -> None:
    assert {row["package"]: row["pinned"].split(", ") for row in REVIEW} == {
        name: pinned(name) for name in NEEDED
    }, "make review"


def test_the_review_tells_newest_releases_and_their_days() -> None:
    (newest,) = (column for column in REVIEW[0] if column.startswith("newest on "))
    for row in REVIEW:
        assert Version(row[newest]) >= Version(row["pinned"].split(", ")[-1]), row["package"]
        released, asked = (
            date.fromisoformat(day) for day in (row["released"], newest.removeprefix("newest on "))
        )
        assert released <= asked, row["package"]


def test_the_page_tells_what_is_held_back_and_what_is_quiet() -> None:
    (newest,) = (column for column in REVIEW[0] if column.startswith("newest on "))
    today = date.fromisoformat(newest.removeprefix("newest on "))
    text = PAGE.split("## Why they are here")[0]
    held_text, quiet_text = text.split("Held back")[1].split("Quiet,")
    held = {
        row["package"]
        for row in REVIEW
        if Version(row[newest]).major > Version(row["pinned"].split(", ")[-1]).major
    }
    told = re.findall(r"^- (.*?):", held_text, re.M)
    assert set(re.findall(r"`([^`]+)`", " ".join(told))) == held
    quiet = {
        row["package"]
        for row in REVIEW
        if (today - date.fromisoformat(row["released"])).days > 2 * 365
    }
    assert set(re.findall(r"`([^`]+)`", quiet_text)) == quiet


def test_the_review_says_the_license_that_a_package_states() -> None:
    for row in REVIEW:
        try:
            stated = metadata.metadata(row["package"])
        except metadata.PackageNotFoundError:
            continue  # of another system or extra
        if stated["Version"] == row["pinned"].split(", ")[0]:
            fields = ("License-Expression", "License", "Classifier")
            texts = [text for field in fields for text in stated.get_all(field, [])]
            assert any(row["license"] in text for text in texts), row["package"]
