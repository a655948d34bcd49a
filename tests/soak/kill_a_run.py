"""Kill a run at random moments and compare what it ends with to an undisturbed one.

    .venv/bin/python tests/soak/kill_a_run.py PROFILE --out FOLDER [--kills 10] [--seed 0]
                                                 [options of `boneage run`]

Each kill is a SIGKILL to the run and to everything that it started, as when a machine is switched
off. It says at which moments it killed and which results differ, byte for byte; exit code 1 when
any does.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

COMPARED = ("results", "predictions", "histories")
#: What a step took differs between any two runs.
TIMES = Path("results", "timing")


def start(profile: str, out: Path, more: list[str]) -> subprocess.Popen[bytes]:
    boneage = Path(sys.executable).with_name("boneage")
    return subprocess.Popen(
        [boneage, "run", profile, "--out", out, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def results_of(folder: Path) -> dict[Path, bytes]:
    """What a run ended with, by path in its folder."""
    files = (path for name in COMPARED for path in (folder / name).rglob("*") if path.is_file())
    found = {path.relative_to(folder): path.read_bytes() for path in files}
    return {path: content for path, content in found.items() if TIMES not in path.parents}


def everything_below(pid: int) -> list[int]:
    """A process and all that it started, children in groups of their own among them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):  # and not "self"
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profile")
    parser.add_argument("--out", type=Path, required=True, help="folder of both runs")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments, more = parser.parse_known_args()
    chance = random.Random(arguments.seed)
    whole, killed = arguments.out / "undisturbed", arguments.out / "killed"

    began = time.time()
    if start(arguments.profile, whole, more).wait():
        print("The undisturbed run failed.")
        return 2
    took = time.time() - began
    print(f"undisturbed: {took:.0f} s", flush=True)
    kills = 0
    while True:
        run = start(arguments.profile, killed, more)
        # Each life lasts a part of the whole run: the kills fall on early and on late steps.
        limit = chance.uniform(0.03, 0.2) * took if kills < arguments.kills else None
        try:
            code = run.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            for pid in everything_below(run.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            run.wait()
            kills += 1
            done = (
                len(list((killed / "jobs").glob("*.json"))),
                len(list((killed / "notebooks").glob("[0-9]*.ipynb"))),
            )
            print(
                f"kill {kills} after {limit:.0f} s: {done[0]} jobs, {done[1]} notebooks done",
                flush=True,
            )
            continue
        if code:
            print(f"The run failed after {kills} kills, code {code}.")
            return 2
        break
    expected, found = results_of(whole), results_of(killed)
    files = sorted(expected.keys() | found.keys())
    differing = [str(path) for path in files if expected.get(path) != found.get(path)]
    print(
        f"{kills} kills; {len(files)} files compared, differing: {', '.join(differing) or 'none'}"
    )
    return 1 if differing or kills < arguments.kills else 0


if __name__ == "__main__":
    sys.exit(main())
