"""Disturb whole runs at every stage, run the tests of all other faults, and write down what held.

    .venv/bin/python tests/soak/survive_faults.py --out FOLDER [--table CSV] [--times 2] [--seed 0]

One run is left alone. Another is killed, stopped, given a full and a read-only disk, a second run
in its folder and damaged files, at random moments of every stage, and started again each time: it
has to end with the same results, byte for byte, and nothing that was finished may be missing after
any of it. A third has a failing notebook. Mounting a small disk needs the superuser.

The table has a row for every fault and stage: how often it was tried, how often it was survived,
and how many files were lost. Exit code 1 unless everything was tried and survived.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml
from kill_a_run import everything_below, results_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: Without ablations, which are trained as the networks are.
PROFILE = [str(HERE / "small.yaml"), "-p", "ablation_seeds=0", "-p", "epochs=2"]
BONEAGE = Path(sys.executable).with_name("boneage")
STAGES = ("cohort", "bank", "training", "notebook", "book")
#: Seconds of a stage in which a fault may fall.
LASTS = {"cohort": 3.0, "bank": 6.0, "training": 8.0, "notebook": 8.0, "book": 15.0}
#: What makes a stage that is over be done again, where it may be over before its last fault.
DONE_AGAIN_WITHOUT = {
    "cohort": "cohort/cohort.json",
    "notebook": "notebooks/01_data_inspection.ipynb",
    "book": "html/index.html",
}
#: How often a stage is entered until a fault falls into it.
TRIES = 5
#: What is there for good once it is there; a checkpoint's file is replaced by its next epoch's.
FINISHED = (
    "cohort/*",
    "bank/*/*.json",
    "checkpoints/*.npz",
    "jobs/*.json",
    "notebooks/[0-9]*.ipynb",
    "models/*.keras",
    "predictions/*.csv",
    "histories/*.csv",
    "results/*.json",
)
SECONDS_TO_STOP = 5.0
#: A step that does nothing for so long never ends.
PATIENCE = 3_600.0


@dataclass
class Table:
    """What was tried and what came of it.

    Attributes:
        file: where it is written, row by row.
        rows: by fault, stage and test: counts of ``tried``, ``survived`` and ``lost``.
    """

    file: Path
    rows: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)

    def plan(self, fault: str, stage: str, how: str) -> None:
        """A row for what is going to be tried: until it is, the table does not hold."""
        self.rows.setdefault((fault, stage, how), Counter())

    def add(self, fault: str, stage: str, how: str, survived: bool, lost: int = 0) -> None:
        """Count one fault."""
        self.plan(fault, stage, how)
        self.rows[fault, stage, how].update(tried=1, survived=int(survived), lost=lost)
        print(
            f"{fault}, {stage}: {'survived' if survived else 'NOT SURVIVED'}, {lost} lost",
            flush=True,
        )
        self._write()

    def _write(self) -> None:
        found = [
            {
                "fault": fault,
                "stage": stage,
                **{name: counts[name] for name in ("tried", "survived", "lost")},
                "how it is tested": how,
            }
            for (fault, stage, how), counts in self.rows.items()
        ]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(found).to_csv(self.file, index=False)

    @property
    def holds(self) -> bool:
        """Everything was tried, everything survived, and nothing lost."""
        return all(
            0 < row["tried"] == row["survived"] and not row["lost"] for row in self.rows.values()
        )


# The tests.


def run_tests(table: Table) -> None:
    """Run the tests of `fault_table.yaml` and count their cases; skipped ones were not tried."""
    rows = yaml.safe_load((HERE / "fault_table.yaml").read_text())
    names = [name for row in rows for name in row["tests"]]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *names]
        subprocess.run(command, cwd=ROOT, check=False)
        outcomes = outcomes_of(report)
    for row in rows:
        how = ", ".join(sorted({name.partition("::")[0] for name in row["tests"]}))
        table.plan(row["fault"], row["stage"], how)
        for name in row["tests"]:
            file, _, test = name.partition("::")
            for survived in outcomes.get((Path(file).stem, test), [False]):
                if survived is not None:
                    table.add(row["fault"], row["stage"], how, survived)


def outcomes_of(report: Path) -> dict[tuple[str, str], list[bool | None]]:
    """By file and test, whether each of its cases passed; None where it was skipped."""
    found: dict[tuple[str, str], list[bool | None]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.attrib["classname"].rpartition(".")[2]
        test = case.attrib["name"].partition("[")[0]
        kinds = {child.tag for child in case}
        passed = None if "skipped" in kinds else not kinds & {"failure", "error"}
        found.setdefault((file, test), []).append(passed)
    return found


# Whole runs.


class Whole:
    """A run that is disturbed.

    Args:
        folder: of the run.
        more: further words of the command.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder, self.more = folder, more
        self.log = folder.with_name(f"{folder.name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        """Start it, or start it again."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BONEAGE, "run", *PROFILE, "--out", self.folder, *self.more, *more],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    @property
    def said(self) -> str:
        """What it said since it was started last."""
        return self.log.read_text(errors="replace")

    def at_work(self) -> set[str]:
        """Stages of the steps that are at work."""
        return {stage_of(name) for name in map(step_of, processes_in(self.folder)) if name}

    def reach(self, stage: str) -> bool:
        """Start and wait for a stage; False where it is over."""
        self.start()
        assert self.process is not None
        while self.process.poll() is None:
            if stage in self.at_work():
                return True
            time.sleep(0.05)
        return False

    def finished(self) -> set[Path]:
        """Files that are there for good."""
        return {path for pattern in FINISHED for path in self.folder.glob(pattern)}


def processes_in(folder: Path) -> list[int]:
    """Processes that work in a run's folder, or whose command names it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(entry / "cwd")
            named = os.fsencode(folder) in (entry / "cmdline").read_bytes()
            dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            marked = os.fsencode(f"{folder}/outputs") in (entry / "environ").read_bytes()
        except OSError:
            continue
        if not dead and (where == str(folder) or named or marked):
            found.append(int(entry.name))
    return found


def step_of(pid: int) -> str | None:
    """Which step a process does, as its command says."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return None
    if "step" in words[:-1] and any(word.endswith("boneage") for word in words):
        return words[words.index("step") + 1]
    return None


def stage_of(step: str) -> str:
    """The stage that a step belongs to."""
    kind = step.split(".")[1:2]
    if kind:
        return "bank" if kind == ["features"] else "training"
    return step if step in ("cohort", "check", "book") else "notebook"


def kill(run: Whole) -> bool:
    """As when a machine is switched off."""
    assert run.process is not None
    for pid in {*everything_below(run.process.pid), *processes_in(run.folder)}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.ended()
    return True


def press_ctrl_c(run: Whole) -> bool:
    """A clean stop: in time, told, and with nobody left at work."""
    assert run.process is not None
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    try:
        code = run.ended(SECONDS_TO_STOP)
        while processes_in(run.folder) and time.monotonic() - began < SECONDS_TO_STOP:
            time.sleep(0.05)
    except subprocess.TimeoutExpired:
        code = 0
    left = processes_in(run.folder)
    took = time.monotonic() - began
    print(f"Ctrl-C: code {code} after {took:.1f} s, {len(left)} processes left", flush=True)
    kill(run)
    return code == 130 and not left and "the same command goes on" in run.said


def fill_disk(run: Whole) -> bool:
    """The disk fills up, the run ends and says why, and there is room again."""
    ballast = run.folder.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(run.folder).free)
            while True:
                file.seek(0, os.SEEK_END)
                file.write(bytes(4096))
        except OSError:
            pass
    try:
        code = run.ended()
    except subprocess.TimeoutExpired:
        kill(run)
        code = 0
    ballast.unlink()
    told = [line for line in run.said.splitlines() if "full" in line or "No space left" in line]
    print(f"disk full: code {code}, said {told[:1]}", flush=True)
    return code == 2 and any("is full" in line and "Make room" in line for line in told)


def start_another(run: Whole) -> bool:
    """A second command for the same folder is refused, and the first does not notice."""
    command = [BONEAGE, "run", *PROFILE, "--out", run.folder]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.process is not None
    refused = second.returncode == 2 and "another run at work" in second.stderr
    unharmed = run.process.poll() is None
    kill(run)
    return refused and unharmed


def forbid_writing(run: Whole) -> bool:
    """Between two starts, its disk can only be read."""
    kill(run)
    disk = str(run.folder.parent)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    command = [BONEAGE, "run", *PROFILE, "--out", run.folder]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    return refused.returncode == 2 and "Read-only file system" in refused.stderr


def damage(pattern: str, says: str, chance: random.Random) -> Callable[[Whole], bool]:
    """A bit of one of its files is changed while it stands still; the next start says so."""

    def fault(run: Whole) -> bool:
        assert run.process is not None
        while run.process.poll() is None and not list(run.folder.glob(pattern)):
            time.sleep(0.1)
        kill(run)
        file = chance.choice(sorted(run.folder.glob(pattern)))
        content = bytearray(file.read_bytes())
        content[len(content) * 2 // 3] ^= 4
        file.write_bytes(content)
        run.start()
        began = time.monotonic()
        while run.process.poll() is None and time.monotonic() - began < PATIENCE:
            if says in run.said:
                break
            time.sleep(0.2)
        told = says in run.said
        kill(run)
        if "cohort" in pattern:  # as the message tells
            (run.folder / "cohort" / "cohort.json").unlink()
        return told

    return fault


def enter(run: Whole, stage: str, chance: random.Random) -> bool:
    """Start a run until some random moment of a stage; False where the stage is always over."""
    for attempt in range(1, TRIES + 1):
        if again := DONE_AGAIN_WITHOUT.get(stage):
            (run.folder / again).unlink(missing_ok=True)
        if run.reach(stage):
            time.sleep(chance.uniform(0, LASTS[stage] / attempt))
            if stage in run.at_work():
                return True
            kill(run)
    return False


def faults_of_stages(
    times: int, chance: random.Random
) -> list[tuple[str, str, Callable[[Whole], bool]]]:
    """What happens to a whole run, stage by stage: the stage, the fault, and how it comes about."""
    everywhere: list[tuple[str, Callable[[Whole], bool]]] = [
        *[("killed", kill)] * times,
        ("Ctrl-C", press_ctrl_c),
        ("disk full", fill_disk),
    ]
    only: dict[str, list[tuple[str, Callable[[Whole], bool]]]] = {
        "bank": [
            ("two at once in one folder", start_another),
            ("damaged bank", damage("bank/*/*.npy", "damaged or missing", chance)),
        ],
        "training": [
            ("read-only folder", forbid_writing),
            ("damaged cohort", damage("cohort/images.npy", "is damaged", chance)),
        ],
    }
    return [
        (stage, fault, happen)
        for stage in STAGES
        for fault, happen in [*everywhere, *only.get(stage, [])]
    ]


def disturb(table: Table, disk: Path, times: int, chance: random.Random) -> Whole:
    """Run with faults at every stage; the run, come to its end."""
    run = Whole(disk / "disturbed")
    how = "tests/soak/survive_faults.py, whole runs"
    faults = faults_of_stages(times, chance)
    for stage, fault, _ in faults:
        table.plan(fault, stage, how)
    for stage, fault, happen in faults:
        if not enter(run, stage, chance):
            print(f"{stage} was over before {fault}", flush=True)
            continue
        before = run.finished()
        survived = happen(run)
        lost = before - run.finished()
        if "cohort" in fault:
            lost = {path for path in lost if path.name != "cohort.json"}
        for path in sorted(lost):
            print(f"lost: {path}", flush=True)
        table.add(fault, stage, how, survived, len(lost))
    run.start()
    run.ended()
    return run


def compare(table: Table, fault: str, undisturbed: Path, run: Whole) -> None:
    """Results have to be those of the run that was left alone."""
    expected, found = results_of(undisturbed), results_of(run.folder)
    names = sorted(expected.keys() | found.keys())
    differing = [str(name) for name in names if expected.get(name) != found.get(name)]
    for name in differing:
        print(f"differs: {name}", flush=True)
    ended = run.process is not None and run.process.poll() == 0
    whole = ended and (run.folder / "html" / "index.html").is_file()
    how = f"tests/soak/survive_faults.py, {len(names)} files compared byte for byte"
    table.add(fault, "whole run", how, whole and not differing, len(differing))


def fail_a_notebook(table: Table, folder: Path, undisturbed: Path) -> None:
    """A notebook fails; the others are made, and once it is mended it alone is missing.

    Something stands where it wants to write: what could be told from its settings, the run's check
    would have refused.
    """
    run = Whole(folder / "failing", "--no-spread")
    in_the_way = run.folder / "histories" / "inception_v3.csv"
    in_the_way.mkdir(parents=True)
    run.start()
    code = run.ended()
    made = {path.stem for path in run.folder.glob("notebooks/[0-9]*.ipynb")}
    kept = (run.folder / "notebooks" / "03_inception_v3.failed.ipynb").is_file()
    others = {"01_data_inspection", "02_resampling", "04_xception", "05_xception_attention"}
    others |= {"06_resnet50_patches", "07_patch_size_study", "10_real_radiographs", "11_beyond"}
    named = "03_inception_v3, cell" in run.said and in_the_way.name in run.said
    print(f"failing cell: code {code}, named {named}, kept {kept}, made {sorted(made)}", flush=True)
    how = "tests/soak/survive_faults.py, whole runs"
    table.add("failing cell", "notebook", how, code == 2 and kept and named and others <= made)
    in_the_way.rmdir()
    run.start()
    run.ended()
    compare(table, "failing cell", undisturbed, run)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; made anew")
    parser.add_argument("--table", type=Path, default=ROOT / "results" / "soak" / "faults.csv")
    parser.add_argument("--times", type=int, default=2, help="kills at every stage")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    out, chance, table = (
        arguments.out.resolve(),
        random.Random(arguments.seed),
        Table(arguments.out.resolve() / "faults.csv"),
    )
    # Where a shell started this in the background, Ctrl-C would mean nothing to what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    shutil.rmtree(out, ignore_errors=True)
    disk = out / "disk"
    disk.mkdir(parents=True)
    began = time.monotonic()

    def lap(what: str) -> None:
        print(f"== {what}: {time.monotonic() - began:.0f} s", flush=True)

    undisturbed = Whole(out / "undisturbed")
    undisturbed.start()
    if undisturbed.ended():
        print(f"The undisturbed run failed:\n{undisturbed.said}")
        return 2
    lap("undisturbed")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", disk], check=True)
    try:
        run = disturb(table, disk, arguments.times, chance)
        compare(table, "all of them", undisturbed.folder, run)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)
    lap("disturbed")
    fail_a_notebook(table, out, undisturbed.folder)
    lap("failing")
    run_tests(table)
    lap("tests")
    # Only a table of everything takes the place of an earlier one.
    arguments.table.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(table.file, arguments.table)
    return 0 if table.holds else 1


if __name__ == "__main__":
    sys.exit(main())
