"""The pipeline with made-up steps: Snakemake and the Snakefile are real, a step takes no time.

What a step does is told by files in the run's folder, each with names of steps, one a line:
``fail`` (it says so and ends with 2), ``hang`` (it and a child wait for ever) and
``late`` (what it made is from the future). ``steps.log`` names the steps that were begun.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from boneage_lib.report import pipeline
from boneage_lib.report.done import STEPS, made_by, mark
from boneage_lib.report.jobs import job_names
from boneage_lib.report.pipeline import settle, spread_out, start
from boneage_lib.report.run import Run

#: Starts the run of a folder in a process of its own, in which Ctrl-C means what it does at a
#: terminal, also where a shell started these tests in the background.
STARTED_ALONE = (
    "import signal, sys; from pathlib import Path; from made_up_steps import MadeUpRun\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "sys.exit(MadeUpRun(Path(sys.argv[1])).start()[0])"
)
STEP = """\
#!{python} -IS
import hashlib, json, os, subprocess, sys, time

name = sys.argv[2]


def told(file):
    return os.path.exists(file) and name in open(file).read().split()


with open("steps.log", "a") as log:
    log.write(name + "\\n")
if told("hang"):
    subprocess.Popen(["sleep", "600"])
    time.sleep(600)
if told("fail"):
    sys.exit("boneage: " + name + ", cell 3: ValueError: as it was told to")
for file, mark in json.load(open({made!r})).get(name, []):
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "a") as made:
        made.write(name + "\\n")
    os.makedirs(os.path.dirname(mark), exist_ok=True)
    if mark != file:
        with open(mark, "w") as marked:
            marked.write(hashlib.sha256(open(file, "rb").read()).hexdigest() + "\\n")
    if told("late"):
        os.utime(mark, (time.time() + 3600,) * 2)
"""


class MadeUpRun:
    """A run whose steps are made up.

    Args:
        folder: for everything.
        overrides: ``KEY=VALUE`` parameters of the demo.
    """

    def __init__(self, folder: Path, overrides: tuple[str, ...] = ()) -> None:
        self.run = Run(folder / "run")
        self.run.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settle("demo", None, None, list(overrides))
        self.jobs = spread_out(self.settings, 2, gpus=0)
        #: Its folder is the first on PATH.
        self.python = folder / "bin" / "python"
        self.python.parent.mkdir(exist_ok=True)
        _script(self.python, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        made = folder / "made.json"
        made.write_text(json.dumps(self._made()))
        _script(
            self.python.with_name("boneage"),
            STEP.format(python=os.path.realpath(sys.executable), made=str(made)),
        )

    def _made(self) -> dict[str, list[tuple[str, str]]]:
        """Files that each step makes, and their marks."""
        made = {name: [(file, mark(file)) for file in made_by(name)] for name in STEPS}
        jobs = ["check", *job_names(self.settings, self.jobs["parts"])]
        return made | {name: [(f"jobs/{name}.json", f"jobs/{name}.json")] for name in jobs}

    def tell(self, what: str, *steps: str) -> None:
        """What steps do from now on, see the module."""
        (self.run.folder / what).write_text("\n".join(steps))

    def start(self, *extra: str, **changes: Any) -> tuple[int, list[str]]:
        """Run the pipeline; its exit code, and the steps that it began, sorted."""
        log = self.run.folder / "steps.log"
        log.unlink(missing_ok=True)
        before = sys.executable, pipeline.TARGETS
        # Nothing depends on the check, and Snakemake takes seconds to begin.
        sys.executable, pipeline.TARGETS = str(self.python), ("all",)
        try:
            code = start(self.run, {**self.settings, **changes}, self.jobs, list(extra))
        finally:
            sys.executable, pipeline.TARGETS = before
        return code, sorted(log.read_text().split()) if log.is_file() else []


def _script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
