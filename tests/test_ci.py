"""The workflow and the hooks for users: both only call make, and may do no more than they must."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from boneage_lib.report.run import Run

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / ".github" / "workflows" / "ci.yml"
WORKFLOW = yaml.safe_load(FILE.read_text())
EVENTS = WORKFLOW[True]  # what YAML 1.1 reads for `on`
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())  # type: ignore[index]
NOT_SCHEDULED = "github.event_name != 'schedule'"
WEEKLY = "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"
MAIN = "github.event_name == 'push' && github.ref == 'refs/heads/main'"


def called(job: str) -> list[str]:
    return [step["run"] for name, step in STEPS if name == job and "run" in step]


def action(step: dict[str, Any]) -> str:
    return str(step.get("uses", "")).split("@")[0]


def test_every_command_is_a_target_of_the_makefile() -> None:
    commands = [step["run"] for _, step in STEPS if "run" in step]
    commands += [hook["entry"] for repo in HOOKS["repos"] for hook in repo["hooks"]]
    for command in commands:
        found = re.fullmatch(r"make (\w+)", command)
        assert found and found[1] in TARGETS, command


def test_every_target_is_told_and_has_a_recipe() -> None:
    told = set(re.findall(r"\w+", " ".join(re.findall(r"^# make (.*?)(?:  .*)?$", MAKEFILE, re.M))))
    for target in TARGETS:
        assert re.search(rf"^{target}:", MAKEFILE, re.M), target
        assert target in told | {"help"}, target


def test_each_job_calls_what_it_is_there_for() -> None:
    assert {job: called(job) for job in JOBS} == {
        "lint": ["make lint"],
        "test": ["make test"],
        "report": ["make report"],
        "pages": [],
        "links": ["make report", "make links"],
        "long": ["make long"],
        "coverage": ["make coverage"],
        "jax": ["make jax"],
        "audit": ["make audit"],
    }


@pytest.mark.parametrize("job", ["test", "audit"])
def test_every_supported_python_is_tried(job: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = SpecifierSet(project["requires-python"])
    pythons = [f"3.{minor}" for minor in range(40) if f"3.{minor}.0" in supported]
    assert JOBS[job]["strategy"]["matrix"] == {"python": pythons}
    for name, step in STEPS:
        if action(step) == "actions/setup-python":
            matrix = "${{ matrix.python }}" if "strategy" in JOBS[name] else pythons[0]
            assert step["with"]["python-version"] == matrix, name
    assert WORKFLOW["env"] == {"PYTHON": "python"}
    assert "$(or $(PYTHON),python3" in MAKEFILE


def test_jobs_may_only_read_but_the_one_that_publishes() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "pages": {"pages": "write", "id-token": "write"}
    }
    assert JOBS["pages"]["if"] == MAIN and JOBS["pages"]["needs"] == ["test", "report"]
    for name, step in STEPS:
        if action(step) == "actions/checkout":
            assert step["with"] == {"persist-credentials": False}, name


def test_no_secret_and_nothing_from_outside_reaches_a_shell() -> None:
    text = FILE.read_text()
    assert "secrets" not in text and "pull_request_target" not in text
    assert not [step for _, step in STEPS if "${{" in step.get("run", "")]
    assert set(EVENTS) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert EVENTS["push"] == {"branches": ["main"]}


def test_actions_are_githubs_own_at_a_version() -> None:
    for name, step in STEPS:
        assert ("run" in step) != ("uses" in step), name
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", step["uses"]), step


def test_jobs_end_and_give_way_to_newer_ones() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is True
    assert "github.ref" in WORKFLOW["concurrency"]["group"]
    assert all(5 <= job["timeout-minutes"] <= 120 for job in JOBS.values())


def test_downloads_are_kept_as_long_as_the_lock_stays() -> None:
    for name in JOBS:
        if called(name):
            (python,) = (s for j, s in STEPS if j == name and action(s) == "actions/setup-python")
            assert python["with"]["cache"] == "pip", name
            assert python["with"]["cache-dependency-path"] == "requirements.lock", name


def test_links_and_pins_are_looked_at_every_week_and_the_rest_with_a_change() -> None:
    (when,) = EVENTS["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])
    weekly = {name for name, job in JOBS.items() if job.get("if") == WEEKLY}
    assert weekly == {"links", "audit", "long", "coverage", "jax"}
    assert JOBS["lint"]["if"] == NOT_SCHEDULED
    assert JOBS["test"]["needs"] == JOBS["report"]["needs"] == "lint"  # skipped with it


def test_the_demo_report_is_what_is_kept_and_published() -> None:
    made = str(Run("runs/demo").html.relative_to(ROOT))
    kept, published = (
        step for name, step in STEPS if name == "report" and "upload" in action(step)
    )
    assert kept["uses"].startswith("actions/upload-artifact@") and kept["with"]["path"] == made
    assert kept["with"]["if-no-files-found"] == "error" and "if" not in kept
    assert published["with"] == {"path": made} and published["if"] == MAIN


def test_hooks_are_local() -> None:
    assert [repo["repo"] for repo in HOOKS["repos"]] == ["local"]
    hooks = HOOKS["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == ["make format", "make lint"]
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)


def test_what_is_left_out_on_the_other_backend_is_there() -> None:
    lines = (ROOT / "tests" / "backend_bound.txt").read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            file, _, test = line.partition("::")
            assert f"def {test}" in (ROOT / file).read_text(), line
