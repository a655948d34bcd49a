"""Named settings of a run (profiles/*.yaml) and their check against the notebooks' parameters."""

from __future__ import annotations

import ast
import contextlib
import reprlib
from pathlib import Path
from typing import Any

import jupytext
import yaml

from boneage_lib.data.splits import FRACTIONS
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
    "11_beyond",
)
COHORT_SOURCES = ("phantom", "rsna")
COHORT_KEYS: dict[str, Any] = {
    "source": str,
    "n": int,
    "size": int,
    "seed": int,
    "variation": (int, float),
    "maturity_noise": (int, float),
    "validation_share": float,
    "test_share": float,
}
#: Given without a notebook's name, these set the run's cohort.
COHORT_PARAMETERS = ("n", "size", "variation")
TOP_KEYS = {"title", "cohort", "weights", "parameters", "notebooks"}
#: Set for every notebook by the run itself.
RUN_PARAMETERS = ("run_dir", "weights")
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 80, 80


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
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as text: {error}.") from None
    profile = plain_yaml(text, path.name)
    if not isinstance(profile, dict) or set(profile) - TOP_KEYS or "cohort" not in profile:
        raise InputError(
            f"{path.name}: expected the keys {', '.join(sorted(TOP_KEYS))} (cohort is needed); "
            f"found {told(list(profile) if isinstance(profile, dict) else profile)}."
        )

    def section(key: str, found: Any) -> dict[str, Any]:
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise InputError(f"{path.name}: found {key}: {told(found)}; expected KEY: VALUE lines.")
        return dict(found)

    def words(key: str, default: str) -> str:
        found = profile.get(key, default)
        if not isinstance(found, str):
            raise InputError(f"{path.name}: found {key}: {told(found)}; expected text.")
        return found

    notebooks = section("notebooks", profile.get("notebooks"))
    return {
        "profile": path.stem,
        "title": words("title", path.stem),
        "cohort": section("cohort", profile["cohort"]),
        "weights": words("weights", "random"),
        "parameters": section("parameters", profile.get("parameters")),
        "notebooks": {k: section(f"notebooks: {k}", own) for k, own in notebooks.items()},
    }


class _Plain(yaml.SafeLoader):
    """YAML's safe loader without aliases, of which a few lines stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.YAMLError(f"found an alias in line {mark.line + 1}; write out what it names")
        return super().compose_node(parent, index)


def plain_yaml(text: str, what: str) -> Any:
    """YAML read as plain values: text, numbers, lists and mappings, never objects or code.

    Args:
        text: YAML.
        what: it is, for the error.

    Raises:
        InputError: no YAML, or tags such as ``!!python/object`` that stand for more than values.
    """
    try:
        return _Plain(text).get_single_data()
    except Exception as error:  # 30 February is a ValueError, `!!bool 3` a KeyError
        raise InputError(
            f"{what} is not readable YAML: {error}. Expected plain values: text, numbers, lists "
            "and KEY: VALUE lines."
        ) from None


def told(value: Any) -> str:
    """A value in an error, its long parts left out."""
    return _SHORT.repr(value)


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
        value = plain_yaml(text, f"-p {override}")
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
            key: typed(name, key, value, defaults[key]) for key, value in chosen.items()
        }
    return {
        "profile": profile["profile"],
        "title": profile["title"],
        "cohort": _checked_cohort(cohort),
        "weights": profile["weights"],
        "notebooks": resolved,
    }


def typed(notebook: str, key: str, value: Any, default: Any) -> Any:
    """A parameter of the type of its default: a notebook gets values, and no code.

    Args:
        notebook: whose it is.
        key: its name.
        value: a whole number, or text that is a number, does for a float.
        default: in the notebook's parameters cell.

    Raises:
        InputError: a value of another type.
    """
    if isinstance(default, float) and isinstance(value, int | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            value = float(value)  # YAML reads 1e-3 as text
    if type(value) is not type(default):
        raise InputError(
            f"{notebook}: found {key}={told(value)}, a {type(value).__name__}; expected a "
            f"{type(default).__name__} such as {default!r}."
        )
    return value


def _checked_cohort(cohort: dict[str, Any]) -> dict[str, Any]:
    for key, value in cohort.items():
        wanted = COHORT_KEYS.get(key, ())
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise InputError(
                f"Found cohort setting {key}={told(value)}; expected {', '.join(COHORT_KEYS)}."
            )
    if cohort.get("source") not in COHORT_SOURCES:
        raise InputError(
            f"Found cohort source {told(cohort.get('source'))}; expected "
            f"{' or '.join(COHORT_SOURCES)}."
        )
    if cohort["source"] == "rsna":  # of radiographs that RSNA has not divided
        shares = dict(zip(("validation_share", "test_share"), FRACTIONS[1:], strict=True))
    else:
        shares = {}
    defaults = {"n": 300, "size": 500, "seed": 0, "variation": 1.0, "maturity_noise": 6.0}
    return {**defaults, **shares, **cohort}
