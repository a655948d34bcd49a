"""Write book/dependencies.csv: what the registry says of each direct dependency.

    make review

uv is asked for the newest releases, without what those need in turn. Licenses are those that the
installed packages state, or that pip tells of the pinned release where it is not installed here.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TABLE = ROOT / "book" / "dependencies.csv"


def pinned(name: str) -> list[str]:
    """Releases that the lock pins, of which a machine gets one."""
    found = re.findall(rf"^{name}==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    return sorted(set(found), key=Version)


def newest_releases(uv: str, names: list[str]) -> dict[str, tuple[str, str]]:
    """By name, the newest release for any supported Python and the day it came out."""
    alone = "".join(
        f"[[tool.uv.dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = []\n"
        for name in names
    )
    project = (
        f'[project]\nname = "review"\nversion = "0"\n'
        f"requires-python = {json.dumps(PROJECT['requires-python'])}\n"
        f"dependencies = {json.dumps(names)}\n{alone}"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(project)
        subprocess.run([uv, "lock", "--quiet", "--directory", folder], check=True)
        packages = tomllib.loads((Path(folder) / "uv.lock").read_text())["package"]
    newest: dict[str, tuple[str, str]] = {}
    for package in sorted(packages, key=lambda package: Version(package["version"])):
        if package["name"] in names:
            files = [package["sdist"]] if "sdist" in package else []
            times = [file["upload-time"] for file in [*files, *package.get("wheels", [])]]
            newest[package["name"]] = package["version"], str(min(times))[:10]
    return newest


def stated_license(stated: dict[str, Any]) -> str:
    """The license as a package states it: its SPDX expression, its name, or its classifier."""
    if expression := stated.get("license_expression"):
        return str(expression)
    text = (stated.get("license") or "").strip()
    if text and "\n" not in text and len(text) < 40:
        return text
    classifiers = [c for c in stated.get("classifier", []) if c.startswith("License ::")]
    if not classifiers:
        raise SystemExit(f"{stated['name']} states no license; look it up before it is used.")
    return " and ".join(c.rsplit(" :: ", 1)[1] for c in classifiers)


def license_of(name: str, version: str) -> str:
    """What is stated by an installed package, or else by this release of it."""
    try:
        return stated_license(metadata.metadata(name).json)
    except metadata.PackageNotFoundError:
        told = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"),
                *("--ignore-installed", "--no-deps", "--report", "-", f"{name}=={version}"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return stated_license(json.loads(told.stdout)["install"][0]["metadata"])


def main() -> None:
    """Ask, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uv", help="the program uv")
    uv = parser.parse_args().uv
    lines = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    names = sorted({Requirement(line).name for line in lines})
    newest = newest_releases(uv, names)
    today = datetime.now(UTC).date()
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["package", "pinned", f"newest on {today}", "released", "license"])
        for name in names:
            versions = pinned(name)
            table.writerow(
                [name, ", ".join(versions), *newest[name], license_of(name, versions[0])]
            )


if __name__ == "__main__":
    main()
