"""What breaks from outside: disks, processes, clocks, single bits. Nothing that was there is lost.

Here stands what no other file tests; `tests/soak/fault_table.yaml` lists all of it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from disks import SmallDisk, mounted
from made_up_run import ROOT
from made_up_steps import STARTED_ALONE, MadeUpRun

from boneage_lib.data import Cohort, write_phantoms
from boneage_lib.data.whole_files import explained
from boneage_lib.errors import InputError
from boneage_lib.report import book, pipeline
from boneage_lib.report.book import build_book
from boneage_lib.report.done import MODELS, RESULTS
from boneage_lib.report.execute import NotebookFailed, execute
from boneage_lib.report.made import made_file, write_made
from boneage_lib.report.models import keep_model
from boneage_lib.report.pipeline import settle, spread_out, start
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run, checksum_file, sha256_of
from boneage_lib.report.saved import open_model
from boneage_lib.training import progress
from boneage_lib.training.checkpoints import Checkpoint
from boneage_lib.training.shards import read_shards, write_shard

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

#: Seconds in which a run has stopped, beside other tests; alone it has 5, as the soak asks.
TO_STOP = 15
FULL = "The disk of .* is full.*Make room and start again: what was finished is kept"
FORBIDDEN = "cannot be written: Read-only file system.*Get the permission"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", "4m") as small:
        yield small


# What a run writes, each (run, n) -> None: n numbers of it.


def write_table(run: Run, n: int) -> None:
    run.write_table("results/scores.csv", pd.DataFrame({"score": np.arange(n)}))


def write_result(run: Run, n: int) -> None:
    run.write_json("scores.json", list(range(n)))


def write_job(run: Run, n: int) -> None:
    run.write_job("check", list(range(n)))


def write_bank(run: Run, n: int) -> None:
    write_shard(run.bank / "xception", [(0, 0)], {"pooled": np.ones((1, n))})


class Remembering(keras.callbacks.Callback):
    """Has something to be kept."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.remembered = [np.ones(n)]


def checkpoint_of(folder: Path, n: int = 8) -> Checkpoint:
    keras.utils.set_random_seed(1)
    head = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)], name="head")
    head.compile(keras.optimizers.Adam(), loss="mse")
    checkpoint = Checkpoint(folder, "a record", head, [Remembering(n)])
    checkpoint.set_model(head)
    return checkpoint


def write_checkpoint(run: Run, n: int) -> None:
    checkpoint_of(run.checkpoints, n).on_epoch_end(0, {"loss": 1.0})


def small_network(n: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((n // 64,)), keras.layers.Dense(64)])


def write_model(run: Run, n: int) -> None:
    keep_model(run, "xception", small_network(n))


WRITERS = (write_table, write_result, write_job, write_bank, write_checkpoint, write_model)


@pytest.mark.parametrize("write", WRITERS)
def test_what_was_there_stays_when_the_disk_is_full(
    write: Callable[[Run, int], None], disk: SmallDisk
) -> None:
    run = Run(disk.folder / "run")
    write(run, 1000)
    before = contents(run.folder)
    disk.fill(left=2**17)
    with pytest.raises(InputError, match=FULL):
        write(run, 200_000)
    assert contents(run.folder) == before
    disk.empty()
    write(run, 200_000)
    assert contents(run.folder) != before


@pytest.mark.parametrize("write", WRITERS)
def test_a_disk_that_may_only_be_read_is_named(
    write: Callable[[Run, int], None], disk: SmallDisk
) -> None:
    run = Run(disk.folder / "run")
    write(run, 1000)
    before = contents(run.folder)
    disk.forbid_writing()
    with pytest.raises(InputError, match=FORBIDDEN):
        write(run, 2000)
    with pytest.raises(InputError, match=FORBIDDEN):
        write(Run(disk.folder / "another"), 1000)
    assert contents(run.folder) == before


@pytest.mark.parametrize("left", [0, 10_000, 60_000, 82_500])
def test_a_cohort_goes_on_once_there_is_room(
    left: int, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the disk fills up after it was found to have room; 20 radiographs take 80 KiB."""
    monkeypatch.setattr("boneage_lib.data.writing._check_room", lambda *_: None)
    monkeypatch.delattr(os, "posix_fallocate")  # which finds out before anything is drawn
    fill = disk.fill
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", POSIX_FALLOCATE, raising=False)
        fill(left)
    folder = disk.folder / "cohort"
    with pytest.raises(InputError, match="disk of .* is full"):
        write_phantoms(folder, 20, 64, 0)
    assert not folder.exists()
    disk.empty()
    assert len(write_phantoms(folder, 20, 64, 0)) == 20
    assert [path.name for path in disk.folder.iterdir()] == ["cohort"]
    Cohort.open(folder, verify=True)


POSIX_FALLOCATE = os.posix_fallocate


def test_a_tree_that_does_not_fit_is_explained(disk: SmallDisk) -> None:
    """As where the book's pages are put together: Python tells of a tree in words alone."""
    disk.fill(left=2**17)
    with pytest.raises(InputError, match=FULL), explained(disk.folder):
        shutil.copytree(ROOT / "book", disk.folder / "book")


NOTEBOOK = """\
# %% tags=["parameters"]
room = 10
fails = False

# %%
from pathlib import Path
import os
import pandas as pd

Path(os.environ["BONEAGE_OUTPUTS"]).mkdir(parents=True, exist_ok=True)
Path(os.environ["BONEAGE_OUTPUTS"], "2.csv").write_text("x" * room)
print("y" * room)

# %%
assert not fails
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "11_fill_disk.py"
    path.write_text(NOTEBOOK)
    return path


def test_an_executed_notebook_and_its_outputs_stay_when_the_disk_is_full(
    notebook: Path, disk: SmallDisk, tmp_path: Path
) -> None:
    run = Run(disk.folder / "run")
    place = run.notebooks / "11_fill_disk.ipynb", {"room": 10}, tmp_path, run.outputs / "11"
    execute(notebook, *place)
    before = contents(run.folder)
    for left, room in ((0, 10), (2**17, 300_000)):  # as it begins, and while its cells run
        disk.fill(left)
        with pytest.raises(InputError, match="is full|No space left"):
            execute(notebook, place[0], {"room": room}, *place[2:])
        after = contents(run.folder)
        after.pop("notebooks/11_fill_disk.failed.ipynb", None)
        assert after == before
        disk.empty()
    execute(notebook, place[0], {"room": 300_000}, *place[2:])
    assert len((run.outputs / "11" / "2.csv").read_text()) == 300_000


def test_a_disk_that_fills_up_at_the_very_end_costs_no_earlier_notebook(
    notebook: Path, disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = disk.folder / "run" / "11_fill_disk.ipynb"
    execute(notebook, out, {}, tmp_path, tmp_path / "outputs")
    before = out.read_bytes()

    def full(executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
        disk.fill()
        executed.cells[-1].source = "# " + 10_000 * "long "
        return executed

    monkeypatch.setattr("boneage_lib.report.execute.published", full)
    with pytest.raises(InputError, match=FULL):
        execute(notebook, out, {}, tmp_path, tmp_path / "outputs")
    assert out.read_bytes() == before


def test_outputs_of_the_last_good_execution_stay_with_it(notebook: Path, tmp_path: Path) -> None:
    out, outputs = tmp_path / "run" / "11.ipynb", tmp_path / "run" / "outputs" / "11"
    execute(notebook, out, {}, tmp_path, outputs)
    before = contents(tmp_path / "run")
    with pytest.raises(NotebookFailed, match="11_fill_disk, cell 4: AssertionError"):
        execute(notebook, out, {"fails": True, "room": 20}, tmp_path, outputs)
    after = contents(tmp_path / "run")
    assert "y" * 20 in after.pop("11.failed.ipynb").decode()
    assert after == before


def test_a_kernel_that_dies_before_its_first_cell_is_a_failure_with_a_name(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup" / "00_end.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("import os\nos._exit(9)\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with pytest.raises(NotebookFailed, match="11_fill_disk: its process was ended from outside"):
        execute(notebook, tmp_path / "out.ipynb", {}, tmp_path, tmp_path / "outputs")
    assert (tmp_path / "out.failed.ipynb").is_file()


def test_a_killed_step_leaves_no_kernel_and_goes_on(notebook: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    waits = f"import time\nPath({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
    notebook.write_text(NOTEBOOK + waits + "time.sleep(600)\n")
    code = (
        "import sys; from pathlib import Path; from boneage_lib.report.execute import execute\n"
        "execute(*(Path(word) for word in sys.argv[1:3]), {}, *(Path(w) for w in sys.argv[3:]))"
    )
    words = [notebook, out, tmp_path, tmp_path / "outputs"]
    with subprocess.Popen([sys.executable, "-c", code, *words]) as step:
        kernel = int(waited_for(lambda: (tmp_path / "pid").read_text(), 60))
        step.kill()
    waited_for(lambda: not alive(kernel), 30)
    assert not out.exists()
    notebook.write_text(NOTEBOOK)
    execute(notebook, out, {}, tmp_path, tmp_path / "outputs")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    assert "y" * 10 in out.read_text() and made_file(out).is_file()


def waited_for(look: Callable[[], Any], seconds: float) -> Any:
    """What a function gives once that is true, within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail(f"It did not happen within {seconds} s.")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_old_book_stays_when_the_new_one_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages(run: Run) -> Path:
        folder = run.folder / "book"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "_config.yml").write_text("title: Small\nonly_build_toc_files: true\n")
        (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
        (folder / "index.md").write_text("# One page\n")
        return folder

    monkeypatch.setattr(book, "_pages", pages)
    with mounted(tmp_path / "disk", "64m") as disk:
        run = Run(disk.folder / "run")
        build_book(run)
        before = contents(run.html)
        shutil.rmtree(run.folder / "book")
        disk.fill(left=2**20)
        with pytest.raises(InputError, match=FULL):
            build_book(run)
        assert contents(run.html) == before


def test_jupyter_books_own_word_for_a_full_disk_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes in a process of its own, and ends with the system's words."""
    said = "writing output...\nOSError: [Errno 28] No space left on device\n"
    failed = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(book.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError, match=FULL):
        book.jupyter_book(tmp_path, tmp_path / "book.log")
    assert (tmp_path / "book.log").read_text() == said


def test_a_run_is_refused_at_once_where_nothing_can_be_written(disk: SmallDisk) -> None:
    settings = settle("demo", None, None, [])
    run = Run(disk.folder / "run")
    run.write_json("scores.json", 1)
    disk.forbid_writing()
    for folder in (run, Run(disk.folder / "another")):
        with pytest.raises(InputError, match=FORBIDDEN):
            start(folder, settings, spread_out(settings, 2, gpus=0), [])


def test_a_run_is_refused_at_once_on_a_full_disk(disk: SmallDisk) -> None:
    settings = settle("demo", None, None, [])
    disk.fill(left=2**20)
    with pytest.raises(InputError, match=r"free.*Make room"):
        start(Run(disk.folder / "run"), settings, spread_out(settings, 2, gpus=0), [])


def test_a_run_whose_disk_fills_up_says_so_at_its_end(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake keeps records of its own on that disk, and tells of them in its own words."""
    monkeypatch.setattr(pipeline, "LEAST_ROOM", 2**20)

    def snakemake(*_: object) -> int:
        disk.fill()
        return 1

    monkeypatch.setattr(pipeline, "run_snakemake", snakemake)
    settings = settle("demo", None, None, [])
    with pytest.raises(InputError, match=FULL):
        start(Run(disk.folder / "run"), settings, spread_out(settings, 2, gpus=0), [])


# The pipeline; its steps are made up, and Snakemake is real.


def test_a_failing_notebook_takes_no_other_branch_and_no_earlier_result_along(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made_up = MadeUpRun(tmp_path)
    code, begun = made_up.start()
    assert code == 0 and begun == sorted([*NOTEBOOKS, "cohort", "book"])
    before = contents(made_up.run.folder / "notebooks")
    changed = settle("demo", None, None, ["03_inception_v3.epochs=2", "04_xception.epochs=2"])
    made_up.tell("fail", "03_inception_v3")
    capfd.readouterr()
    code, begun = made_up.start(notebooks=changed["notebooks"])
    assert code != 0
    said = "".join(capfd.readouterr())
    assert "03_inception_v3, cell 3: ValueError: as it was told to" in said
    # Of the other branch all is made: the attention network looks at the same maps.
    assert begun == ["03_inception_v3", "04_xception", "05_xception_attention"]
    run = made_up.run
    after = contents(run.notebooks)
    assert after["03_inception_v3.ipynb"] == before["03_inception_v3.ipynb"]
    assert (run.results / "inception_v3.json").read_text() == "03_inception_v3\n"
    assert (run.models / "inception_v3.keras").is_file()
    assert (run.html / "index.html").read_text() == "book\n"
    made_up.tell("fail")
    code, begun = made_up.start(notebooks=changed["notebooks"])
    assert code == 0
    assert begun == ["03_inception_v3", "08_ensemble_analysis", "09_claims", "book"]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_stopped_run_leaves_no_process_and_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C reaches the command alone: what it started is of another group."""
    made_up = MadeUpRun(tmp_path)
    made_up.tell("hang", "02_resampling")
    with subprocess.Popen(
        [sys.executable, "-c", STARTED_ALONE, tmp_path],
        cwd=Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        log = made_up.run.folder / "steps.log"
        waited_for(lambda: "02_resampling" in log.read_text(), 60)
        below = waited_for(lambda: [p for p in processes(tmp_path) if p != command.pid], 10)
        assert len(below) >= 3, "Snakemake, a step, and what that started"
        began = time.monotonic()
        command.send_signal(number)
        try:
            _, said = command.communicate(timeout=TO_STOP)
        except subprocess.TimeoutExpired:
            for left in processes(tmp_path):
                os.kill(left, signal.SIGKILL)  # or their end would be waited for
            raise
    waited_for(lambda: not processes(tmp_path), TO_STOP - (time.monotonic() - began))
    assert command.returncode != 0
    assert "Stopped. What was finished is kept; the same command goes on" in said
    made_up.tell("hang")
    code, begun = made_up.start()
    assert code == 0
    assert "02_resampling" in begun and "cohort" not in begun


def processes(folder: Path) -> list[int]:
    """Processes that work in a folder, or were started by one that named it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            told = (entry / "cmdline").read_bytes() + bytes(os.readlink(entry / "cwd"), "utf-8")
        except OSError:  # gone, or no process
            continue
        if str(folder).encode() in told and alive(int(entry.name)):
            found.append(int(entry.name))
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, to be changed, and worked in."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("Snakefile", "_toc.yml", "_config.yml"):
        shutil.copy2(ROOT / name, copy)
    for name in ("boneage_lib", "book", "notebooks", "profiles", "results"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.ipynb"))
    monkeypatch.chdir(copy)
    return copy


def test_a_clock_that_goes_backwards_hides_no_change_and_stops_no_run(
    project: Path, tmp_path: Path
) -> None:
    made_up = MadeUpRun(tmp_path)
    made_up.tell("late", "cohort", "03_inception_v3")
    an_hour_later = time.time() + 3600
    os.utime(project / "boneage_lib" / "errors.py", (an_hour_later, an_hour_later))
    assert made_up.start()[0] == 0, "what is older than its input is refused by Snakemake"
    assert made_up.start() == (0, []), "and nothing is done again"
    changed = project / "notebooks" / "02_resampling.py"
    changed.write_text(changed.read_text() + "\n# %%\n1\n")
    long_ago = time.time() - 86_400
    os.utime(changed, (long_ago, long_ago))
    assert made_up.start() == (0, ["02_resampling", "book"])


def test_a_clock_that_goes_backwards_stops_no_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "progress"
    monkeypatch.setenv(progress.VARIABLE, str(file))
    seconds = iter(range(100))
    monkeypatch.setattr(progress.time, "time", lambda: 1e9 - 3600 * next(seconds))
    monkeypatch.setattr(progress.time, "monotonic", lambda: 10.0 * next(seconds))
    tell = progress.reporter("steps")
    assert tell is not None
    for done in (1, 2, 3):
        tell(done, 11)
    told = json.loads(file.read_text())
    assert told["done"] == 3
    # The first call was at 10 s after the start, the last at 30 s: two steps in 30 s.
    assert told["seconds_left"] == pytest.approx(8 * 30 / 2)


def test_a_full_disk_ends_no_training_for_want_of_telling(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(progress.VARIABLE, str(disk.folder / "progress"))
    disk.fill()
    tell = progress.reporter("steps")
    assert tell is not None
    tell(1, 11)


def test_a_notebook_takes_no_negative_time(notebook: Path, tmp_path: Path) -> None:
    new = nbformat.v4
    cell = new.new_code_cell("1", metadata={"papermill": {"duration": -3599.0}})
    took = {"start_time": "2026-01-01T00:00:00+00:00", "duration": -3598.0}
    executed = new.new_notebook(cells=[cell], metadata={"papermill": took})
    record = json.loads(write_made(tmp_path / "11.ipynb", executed, {}, notebook).read_text())
    assert record["seconds"] == 0.0 and record["cell_seconds"] == [0.0]


# Damage.


def flip(file: Path, place: int, bit: int = 0) -> None:
    """Change one bit of a file."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def test_a_bit_of_a_checkpoint_is_noticed_or_means_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes from beginning to end, in its directory of arrays, too: never another state."""
    whole = checkpoint_of(tmp_path)
    whole.on_epoch_end(0, {"loss": 1.0})
    content = whole.file.read_bytes()
    expected = checkpoint_of(tmp_path)._saved
    assert expected is not None
    noticed = 0
    for place in range(0, len(content), 7):
        flip(whole.file, place, bit=place % 8)
        found = whole._read()
        if found is None:
            noticed += 1
            assert "is damaged" in capsys.readouterr().out
        else:
            assert found[0] == expected[0]
            for own, other in zip(found[1], expected[1], strict=True):
                np.testing.assert_array_equal(own, other)
        whole.file.write_bytes(content)
    assert noticed > len(content) / 7 / 2


def test_a_damaged_checkpoint_is_told_and_trained_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = checkpoint_of(tmp_path, 5000)
    first.on_epoch_end(0, {"loss": 1.0})
    # The 5 in an array's own header becomes a 1: a shorter array, which NumPy reads gladly.
    flip(first.file, first.file.read_bytes().index(b"(5000,)") + 1, bit=2)
    again = checkpoint_of(tmp_path)
    assert again.epochs_done == 0 and again.history == {}
    said = capsys.readouterr().out
    assert first.file.name in said and "training starts anew" in said


def test_a_damaged_shard_is_told_once_and_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in range(2):
        write_shard(tmp_path / "xception-1", [(row, 0)], {"pooled": np.ones((1, 9))})
    damaged = min((tmp_path / "xception-1").glob("*.npy"))
    flip(damaged, -5)
    for said in (f"xception-1/{damaged.name[:16]} are damaged or missing: they are computed", ""):
        index, arrays = read_shards(tmp_path / "xception-1", ["pooled"])
        assert len(index) == len(arrays["pooled"]) == 1
        told = capsys.readouterr().out
        assert told.startswith("Features in " + said) if said else told == ""


@pytest.mark.parametrize("name", ["images.npy", "labels.csv"])
def test_a_run_computes_nothing_from_a_damaged_cohort(name: str, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    checksum = run.cohort_or_phantoms(20, 32, 0, 0.25).checksum
    flip(run.cohort_folder / name, -3)
    with pytest.raises(InputError, match=r"is damaged.*delete .*cohort\.json and start"):
        run.cohort()
    (run.cohort_folder / "cohort.json").unlink()
    assert run.cohort_or_phantoms(20, 32, 0, 0.25).checksum == checksum


def test_a_damaged_model_is_told_with_its_notebook(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    network = small_network(128)
    file = keep_model(run, "xception", network)
    given = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(open_model(run, "xception")(given), network(given))
    flip(file, 1000)
    with pytest.raises(InputError, match=r"xception\.keras is damaged: .*04_xception.*delete"):
        open_model(run, "xception")
    file.unlink()
    with pytest.raises(InputError, match="04_xception"):
        open_model(run, "xception")


def test_a_damaged_result_is_told_with_its_notebook(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    file = run.write_json("xception.json", {"mae_months": 9.5})
    file.write_text(file.read_text()[:-6])
    with pytest.raises(InputError, match=r"xception\.json is damaged: .*04_xception.*delete"):
        run.read_json("xception.json", "04_xception")
    file = run.folder / "histories" / "xception.csv"
    file.parent.mkdir()
    file.write_bytes(b"epoch,loss\n0,1\n1,2,3\n")
    with pytest.raises(InputError, match=r"xception\.csv is damaged: .*04_xception.*delete"):
        run.read_table("histories/xception.csv", "04_xception")


def test_a_result_that_changed_or_is_gone_is_made_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made_up = MadeUpRun(tmp_path)
    assert made_up.start()[0] == 0
    assert made_up.start() == (0, []), "all is done"
    file = made_up.run.folder / RESULTS["04_xception"]
    flip(file, 5)
    capfd.readouterr()
    (made_up.run.folder / MODELS["03_inception_v3"]).unlink()
    code, begun = made_up.start()
    assert code == 0 and {"03_inception_v3", "04_xception"} <= set(begun)
    assert "06_resnet50_patches" not in begun
    assert "results/xception.json is not what its step made" in capfd.readouterr().err
    model = made_up.run.folder / MODELS["04_xception"]
    model.write_text("of another time")
    checksum_file(model).write_text(f"{sha256_of(model)}  {model.name}\n")
    assert made_up.start() == (0, []), "the notebook was executed by hand"
    flip(model, 5)
    assert "04_xception" in made_up.start()[1]
