"""Write book/dependencies.csv: what the registry says of each direct dependency.

    make review

uv is asked twice, for the pins of requirements.lock and for the newest releases, each time without
what those packages need in turn. Licenses are those that the installed packages state, or that pip
tells of the pinned release of a package that is not installed here.
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
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TABLE = ROOT / "book" / "dependencies.csv"


def direct() -> dict[str, list[str]]:
    """What each direct dependency is needed for: running, or an extra."""
    needed: dict[str, list[str]] = {}
    for use, lines in {
        "running": PROJECT["dependencies"],
        **PROJECT["optional-dependencies"],
    }.items():
        for line in lines:
            uses = needed.setdefault(Requirement(line).name, [])
            if use not in uses:
                uses.append(use)
    return needed


def pins(names: set[str]) -> list[str]:
    """The lock's lines of these packages, with their markers and without hashes."""
    lines = re.findall(r"^([\w.-]+==[^\\\n]+)", (ROOT / "requirements.lock").read_text(), re.M)
    return [line.strip() for line in lines if Requirement(line).name in names]


def releases(uv: str, wanted: list[str]) -> dict[str, dict[str, str]]:
    """Day of release by name and version, of the newest releases that fit what is wanted."""
    names = sorted({Requirement(line).name for line in wanted})
    alone = "".join(
        f"[[tool.uv.dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = []\n"
        for name in names
    )
    project = (
        f'[project]\nname = "review"\nversion = "0"\n'
        f"requires-python = {json.dumps(PROJECT['requires-python'])}\n"
        f"dependencies = {json.dumps(wanted)}\n{alone}"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(project)
        subprocess.run([uv, "lock", "--quiet", "--directory", folder], check=True)
        packages = tomllib.loads((Path(folder) / "uv.lock").read_text())["package"]
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for package in packages:
        if package["name"] in found:
            files = [package["sdist"]] if "sdist" in package else []
            times = [file["upload-time"] for file in [*files, *package.get("wheels", [])]]
            found[package["name"]][package["version"]] = str(min(times))[:10]
    return found


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
    needed = direct()
    pinned = releases(uv, pins(set(needed)))
    newest = releases(uv, list(needed))
    today = datetime.now(UTC).date()
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["package", "for", "pinned", "released", f"newest on {today}", "of", "license"]
        )
        for name in sorted(needed):
            versions = sorted(pinned[name], key=Version)
            latest = max(newest[name], key=Version)
            table.writerow(
                [
                    name,
                    ", ".join(needed[name]),
                    ", ".join(versions),
                    ", ".join(pinned[name][version] for version in versions),
                    latest,
                    newest[name][latest],
                    license_of(name, versions[0]),
                ]
            )


if __name__ == "__main__":
    main()
