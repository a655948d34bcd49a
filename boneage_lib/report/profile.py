"""Named settings of a run (profiles/*.yaml) and their check against the notebooks' parameters."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any

import jupytext
import yaml

from boneage_lib.errors import InputError

NOTEBOOKS = (
    "01_data_inspection",
    "02_resampling",
    "03_inception_v3",
    "04_xception",
    "05_xception_attention",
    "06_resnet50_patches",
    "07_patch_size_study",
    "08_ensemble_analysis",
    "09_claims",
    "10_real_radiographs",
)
COHORT_SOURCES = ("phantom", "rsna")
COHORT_KEYS: dict[str, Any] = {
    "source": str,
    "n": int,
    "size": int,
    "seed": int,
    "variation": (int, float),
    "maturity_noise": (int, float),
}
#: Given without a notebook's name, these set the run's cohort.
COHORT_PARAMETERS = ("n", "size", "variation")
TOP_KEYS = {"title", "cohort", "weights", "parameters", "notebooks"}
#: Set for every notebook by the run itself.
RUN_PARAMETERS = ("run_dir", "weights")


def notebook_parameters(source: Path) -> dict[str, Any]:
    """Names and defaults of a notebook's parameters cell, read without running anything."""
    cells = jupytext.read(source).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise InputError(f"{source.name} has {len(tagged)} parameters cells; expected one.")
    found = {}
    for statement in ast.parse(tagged[0].source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            found[statement.targets[0].id] = ast.literal_eval(statement.value)
    return found


def load_profile(name: str, root: Path) -> dict[str, Any]:
    """A profile by name (profiles/<name>.yaml) or path.

    Raises:
        InputError: no such profile, or not the keys and types that a profile has.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else root / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in (root / "profiles").glob("*.yaml")))
        raise InputError(f"Found no profile {name!r}; expected one of {known}, or a .yaml file.")
    try:
        profile = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InputError(f"{path.name} is not readable YAML: {error}") from None
    if not isinstance(profile, dict) or set(profile) - TOP_KEYS or "cohort" not in profile:
        raise InputError(
            f"{path.name}: expected the keys {', '.join(sorted(TOP_KEYS))} (cohort is needed); "
            f"found {sorted(profile) if isinstance(profile, dict) else profile!r}."
        )
    sections = {key: profile.get(key) or {} for key in ("cohort", "parameters", "notebooks")}
    sections |= {f"notebooks: {key}": v or {} for key, v in dict(sections["notebooks"]).items()}
    for key, section in sections.items():
        if not isinstance(section, dict):
            raise InputError(f"{path.name}: found {key}: {section!r}; expected KEY: VALUE lines.")
    return {
        "profile": path.stem,
        "title": profile.get("title", path.stem),
        "cohort": dict(profile["cohort"]),
        "weights": str(profile.get("weights", "random")),
        "parameters": dict(profile.get("parameters") or {}),
        "notebooks": {key: dict(value) for key, value in (profile.get("notebooks") or {}).items()},
    }


def resolve(profile: dict[str, Any], overrides: list[str], root: Path) -> dict[str, Any]:
    """Each notebook's own parameters, from a profile and ``KEY=VALUE`` overrides.

    A key is a parameter's name, for every notebook that has it, or ``NOTEBOOK.KEY`` for one, or
    ``cohort.KEY`` for the run's cohort.

    Returns:
        The profile with ``notebooks`` as {notebook: {parameter: value}}, all values checked to be
        of the type of the notebook's default.

    Raises:
        InputError: a key that no notebook has, or a value of another type.
    """
    known = {name: notebook_parameters(root / "notebooks" / f"{name}.py") for name in NOTEBOOKS}
    shared, own = dict(profile["parameters"]), dict(profile["notebooks"])
    cohort = dict(profile["cohort"])
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise InputError(f"Found -p {override!r}; expected KEY=VALUE.")
        value = yaml.safe_load(text)
        notebook, dot, parameter = key.partition(".")
        if key in COHORT_PARAMETERS:
            cohort[key] = value
        elif notebook == "cohort":
            cohort[parameter] = value
        elif dot:
            own[notebook] = {**own.get(notebook, {}), parameter: value}
        else:
            shared[key] = value
            own = {
                name: {k: v for k, v in values.items() if k != key} for name, values in own.items()
            }
    if unknown := set(own) - set(NOTEBOOKS):
        raise InputError(f"Found notebooks {sorted(unknown)}; expected {', '.join(NOTEBOOKS)}.")
    everything = {key for values in known.values() for key in values} - set(RUN_PARAMETERS)
    if unknown := set(shared) - everything:
        raise InputError(
            f"Found parameters {sorted(unknown)} that no notebook has; expected some of "
            f"{', '.join(sorted(everything))}."
        )
    resolved = {}
    for name, defaults in known.items():
        free = [key for key in defaults if key not in RUN_PARAMETERS]
        if unknown := set(own.get(name, {})) - set(free):
            raise InputError(
                f"{name} has no parameters {sorted(unknown)} to be set here; it has "
                f"{', '.join(free)}."
            )
        chosen = {**{k: v for k, v in shared.items() if k in defaults}, **own.get(name, {})}
        resolved[name] = {
            key: _typed(name, key, value, defaults[key]) for key, value in chosen.items()
        }
    return {
        "profile": profile["profile"],
        "title": profile["title"],
        "cohort": _checked_cohort(cohort),
        "weights": profile["weights"],
        "notebooks": resolved,
    }


def _typed(notebook: str, key: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            value = float(value)  # YAML reads 1e-3 as text
    if type(value) is not type(default):
        raise InputError(
            f"{notebook}: found {key}={value!r}, a {type(value).__name__}; expected a "
            f"{type(default).__name__} such as {default!r}."
        )
    return value


def _checked_cohort(cohort: dict[str, Any]) -> dict[str, Any]:
    for key, value in cohort.items():
        wanted = COHORT_KEYS.get(key, ())
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise InputError(
                f"Found cohort setting {key}={value!r}; expected {', '.join(COHORT_KEYS)}."
            )
    if cohort.get("source") not in COHORT_SOURCES:
        raise InputError(
            f"Found cohort source {cohort.get('source')!r}; expected {' or '.join(COHORT_SOURCES)}."
        )
    defaults = {"n": 300, "size": 500, "seed": 0, "variation": 1.0, "maturity_noise": 6.0}
    return {**defaults, **cohort}
