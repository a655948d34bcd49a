"""Which library files a notebook depends on, so that only what changed runs again."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jupytext

PACKAGE = "boneage_lib"
#: What draws, by folder or module of the library.
DRAWING = (
    "report/figures/",
    "report/diagrams.py",
    "report/saliency_pictures.py",
    "report/theme.py",
)


def library_files(source: Path, root: Path) -> list[Path]:
    """Library modules that a notebook or module uses, directly or through others, sorted.

    Names that a room's ``__init__`` hands out are followed to the module that defines them, so
    that a change to one module of a room does not touch notebooks that use another. Imports inside
    functions count too; those for type checkers alone do not. A module is among its own files.

    Args:
        source: a notebook's text (.py, percent format) or a module of the library.
        root: the folder that holds the library.
    """
    if source.is_relative_to(root / PACKAGE):
        code = source.read_text()
    else:
        cells = jupytext.read(source).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    seen: set[Path] = set()
    waiting = list(_imported(code, root))
    if source.is_relative_to(root / PACKAGE):
        waiting.append(source)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(_imported(module.read_text(), root))
    data = {file for module in seen for file in _package_data(module)}
    return sorted(seen | data)


def drawing_digest(source: Path, root: Path) -> str:
    """SHA-256 of the modules that draw a notebook's figures: with another, they are stale.

    Args:
        source: a notebook's text.
        root: the folder that holds the library.
    """
    digest = hashlib.sha256()
    for file in library_files(source, root):
        if file.relative_to(root / PACKAGE).as_posix().startswith(DRAWING):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def digest_of_files(files: Iterable[Path]) -> str:
    """SHA-256 over what is in some files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(_digest(file))
    return digest.hexdigest()


@cache
def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


@cache
def _imported(code: str, root: Path) -> tuple[Path, ...]:
    found: list[Path] = []
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE]
            found += [_file(name, root) for name in names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            assert node.module is not None
            found += [_definition(node.module, alias.name, root) for alias in node.names]
    return tuple(found)


def _definition(module: str, name: str, root: Path) -> Path:
    """The file that defines ``name`` of ``module``, through the room's ``__init__`` if need be."""
    if (as_module := _path(f"{module}.{name}", root)) is not None:
        return as_module
    file = _file(module, root)
    if file.name == "__init__.py":
        for node in ast.parse(_text(file)).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _definition(node.module, alias.name, root)
    return file


def _path(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _file(module: str, root: Path) -> Path:
    found = _path(module, root)
    if found is None:
        raise ModuleNotFoundError(f"No module {module} below {root}")
    return found


@cache
def _text(file: Path) -> str:
    return file.read_text()


def _package_data(module: Path) -> list[Path]:
    """CSV files that a module names in its text and that lie beside it."""
    text = module.read_text()
    return [file for file in module.parent.glob("*.csv") if file.name in text]
