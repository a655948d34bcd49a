"""Running one notebook: parameters go in; a whole notebook comes out, or a failure's cause."""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from boneage_lib.errors import InputError
from boneage_lib.report.execute import NotebookFailed, execute, published
from boneage_lib.report.made import made_file

KERNEL = {"display_name": "Python 3", "name": "python3"}
SOURCE = """\
# %% [markdown]
# # Add two numbers

# %% tags=["parameters"]
first = 1
second = 2.5
run_dir = "runs/demo"

# %%
from pathlib import Path

print(first + second, run_dir)
Path("written.txt").write_text(run_dir)

# %%
assert first < 10, f"Found first={first}; expected less than 10."
first
"""


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Leave the settings that a notebook's kernel gets out of the other tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "11_add_numbers.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return path


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(
        output.get("text", "")
        for cell in cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


def test_a_good_run_then_a_bad_one_then_a_good_one(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run" / "notebooks" / "11_add_numbers.ipynb"
    assert execute(source, out, {"first": 4, "run_dir": "runs/mine"}, tmp_path) == out
    assert printed(out) == "6.5 runs/mine\n"
    assert (tmp_path / "written.txt").read_text() == "runs/mine", "it runs in the root"
    assert stored(out.parent) == [out.name, made_file(out).name]

    notebook = nbformat.read(out, as_version=4)
    nbformat.validate(notebook)
    assert "papermill" not in notebook.metadata
    for cell in notebook.cells:
        assert not {"papermill", "execution"} & set(cell.metadata)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[-1].outputs[0]["execution_count"] == 4
    injected = [c for c in code if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and "first = 4" in injected[0].source
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert str(tmp_path) not in out.read_text()

    good = out.read_text()
    with pytest.raises(NotebookFailed) as caught:
        execute(source, out, {"first": 40}, tmp_path)
    message = str(caught.value)
    failed = out.with_name("11_add_numbers.failed.ipynb")
    assert message.startswith("11_add_numbers, cell 4: AssertionError: Found first=40; expected")
    assert str(failed) in message
    assert isinstance(caught.value, InputError)
    assert printed(failed) == "42.5 runs/demo\n"
    assert out.read_text() == good
    assert stored(out.parent) == [failed.name, out.name, made_file(out).name]

    execute(source, out, {"first": 5}, tmp_path)
    assert printed(out) == "7.5 runs/demo\n"
    assert stored(out.parent) == [out.name, made_file(out).name], "the failure is history"


def test_a_notebook_that_ends_its_kernel_is_a_failure_with_a_name(
    source: Path, tmp_path: Path
) -> None:
    """As when the system ends it for want of memory."""
    source.write_text(SOURCE + "\n# %%\nimport os\n\nos._exit(9)\n")
    out = tmp_path / "run" / "11_add_numbers.ipynb"
    with pytest.raises(NotebookFailed, match="11_add_numbers"):
        execute(source, out, {}, tmp_path)
    assert stored(out.parent) in (["11_add_numbers.failed.ipynb"], [])


def test_an_unknown_parameter_is_refused_before_anything_runs(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run" / "11_add_numbers.ipynb"
    with pytest.raises(InputError) as caught:
        execute(source, out, {"first": 4, "frist": 4}, tmp_path)
    assert "11_add_numbers" in str(caught.value) and "'frist'" in str(caught.value)
    assert "first, second, run_dir" in str(caught.value)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": "4; import os"},
        {"first": True},
        {"run_dir": 3},
        {"second": [1.0]},
        {"first": None},
    ],
    ids=str,
)
def test_a_value_of_another_type_is_refused_before_anything_runs(
    wrong: dict[str, Any], source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run" / "11_add_numbers.ipynb"
    with pytest.raises(InputError, match=rf"11_add_numbers: found {next(iter(wrong))}="):
        execute(source, out, wrong, tmp_path)
    assert not out.parent.exists()


values = (
    st.text(st.characters(codec="utf-8"))
    | st.integers()
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.lists(st.integers() | st.text(st.characters(codec="utf-8")), max_size=3)
)


@given(values)
def test_what_a_notebook_is_given_is_one_literal_and_no_code(value: Any) -> None:
    """As papermill writes it into the cell of injected parameters."""
    (statement,) = ast.parse(PythonTranslator.codify({"given": value})).body
    assert isinstance(statement, ast.Assign)
    if isinstance(value, float) and math.isinf(value):
        assert ast.unparse(statement.value) in ("float('inf')", "float('-inf')")
    else:
        found = ast.literal_eval(statement.value)
        assert found == value and type(found) is type(value)


def test_code_given_to_a_notebook_stays_text(source: Path, tmp_path: Path) -> None:
    code = """'); open("owned", "w") #\n\"\"\"; open('owned', 'w')\n\\"""
    out = execute(source, tmp_path / "run" / "11_add_numbers.ipynb", {"run_dir": code}, tmp_path)
    assert (tmp_path / "written.txt").read_text() == code
    assert not (tmp_path / "owned").exists()
    assert "3.5" in printed(out)


def test_published_notebooks_lack_what_was_injected() -> None:
    new = nbformat.v4
    notebook = new.new_notebook(
        metadata={"papermill": {"duration": 3.1}, "kernelspec": dict(KERNEL)},
        cells=[
            new.new_code_cell("n = 1", metadata={"tags": ["parameters"]}, execution_count=1),
            new.new_code_cell(
                "n = 9", metadata={"tags": ["injected-parameters"]}, execution_count=2
            ),
            new.new_markdown_cell("Text", metadata={"papermill": {"status": "completed"}}),
            new.new_code_cell(
                "n",
                metadata={"execution": {"iopub.status.busy": "now"}, "tags": ["kept"]},
                outputs=[new.new_output("execute_result", {"text/plain": "9"}, execution_count=3)],
                execution_count=3,
            ),
        ],
    )
    found = published(notebook, injected=False)
    assert [cell.source for cell in found.cells] == ["n = 1", "Text", "n"]
    assert found.cells[-1].execution_count == found.cells[-1].outputs[0].execution_count == 2
    assert found.cells[-1].metadata == {"tags": ["kept"]}
    assert found.metadata == {"kernelspec": KERNEL}


@pytest.mark.parametrize("ran", [(2, 1), (1, 3), (1, None), (1, 1)])
def test_cells_that_ran_out_of_order_are_not_published(ran: tuple[int | None, ...]) -> None:
    cells = [nbformat.v4.new_code_cell("n = 1", execution_count=count) for count in ran]
    with pytest.raises(InputError, match="expected each once, from the first to the last"):
        published(nbformat.v4.new_notebook(cells=cells))
