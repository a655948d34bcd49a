"""Profiles and overrides: what they may set, and what is refused before anything runs."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_up_run import ROOT

from boneage_lib.errors import InputError
from boneage_lib.report.profile import (
    NOTEBOOKS,
    load_profile,
    notebook_parameters,
    plain_yaml,
    resolve,
)

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
TRAINING = NOTEBOOKS[2:6]


def settings(*overrides: str, profile: str = "demo") -> dict[str, Any]:
    return resolve(load_profile(profile, ROOT), list(overrides), ROOT)


def written(folder: Path, content: Any) -> str:
    path = folder / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


PHANTOM = {"source": "phantom", "n": 40, "size": 80, "seed": 3}


def test_the_ladder_is_climbed_on_the_radiographs_of_the_study_it_is_shown_beside() -> None:
    study = settings(profile="rsna-100px")
    for name in ("rsna-ladder", "rsna-pretraining"):
        ladder = settings(profile=name)
        assert study["cohort"] == ladder["cohort"], "a split of its own would mix test and training"


def test_synthetic_radiographs_come_before_the_recipe_of_the_ladder() -> None:
    ladder, begun = (
        settings(profile=name)["notebooks"]["11_beyond"]
        for name in ("rsna-ladder", "rsna-pretraining")
    )
    assert ladder["rungs"].startswith(begun["rungs"])
    for key in ("precision", "step_epochs"):
        assert ladder[key] == begun[key]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_resolves(name: str) -> None:
    found = settings(profile=name)
    assert found["profile"] == name
    assert list(found["notebooks"]) == list(NOTEBOOKS)
    assert set(found["cohort"]) >= {"source", "n", "size", "seed"}
    assert found["title"] != name, "a profile says what it is for"
    for notebook, values in found["notebooks"].items():
        defaults = notebook_parameters(ROOT / "notebooks" / f"{notebook}.py")
        assert {key: type(value) for key, value in values.items()} == {
            key: type(defaults[key]) for key in values
        }


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_notebook_has_one_parameters_cell_that_says_where_it_works(notebook: str) -> None:
    cells = jupytext.read(ROOT / "notebooks" / f"{notebook}.py").cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    found = notebook_parameters(ROOT / "notebooks" / f"{notebook}.py")
    assert found["run_dir"] == "runs/demo"
    names = [line.split("=")[0].strip() for line in tagged[0].source.splitlines() if "=" in line]
    assert set(found) == {name for name in names if name.isidentifier()}


def test_notebooks_default_to_the_demo_profile() -> None:
    demo = settings()
    assert not any(demo["notebooks"].values()), "the demo profile changes no default"
    cohort = demo["cohort"]
    defaults = notebook_parameters(ROOT / "notebooks" / "01_data_inspection.py")
    made_here = {key: value for key, value in defaults.items() if key != "run_dir"}
    assert made_here == {key: value for key, value in cohort.items() if key != "source"}
    for notebook in NOTEBOOKS:
        weights = notebook_parameters(ROOT / "notebooks" / f"{notebook}.py").get("weights")
        assert weights in (None, demo["weights"]), notebook


def test_patches_of_every_profile_fit_its_radiographs() -> None:
    for name in PROFILES:
        found = settings(profile=name)
        default = notebook_parameters(ROOT / "notebooks" / "06_resnet50_patches.py")["patch_size"]
        size = found["notebooks"]["06_resnet50_patches"].get("patch_size", default)
        assert 32 <= size <= found["cohort"]["size"], name


def test_a_shared_parameter_reaches_the_notebooks_that_have_it() -> None:
    found = settings("epochs=3")["notebooks"]
    assert {name for name, values in found.items() if values} == set(TRAINING)
    assert all(found[name] == {"epochs": 3} for name in TRAINING)


def test_a_notebooks_own_parameter_reaches_no_other() -> None:
    found = settings("04_xception.epochs=3")["notebooks"]
    assert found["04_xception"] == {"epochs": 3}
    assert not any(values for name, values in found.items() if name != "04_xception")


def test_the_cohort_can_be_set() -> None:
    found = settings("n=80", "variation=1", "cohort.seed=4", "cohort.maturity_noise=3")["cohort"]
    assert found | {"n": 80, "variation": 1, "seed": 4, "maturity_noise": 3} == found
    assert found["size"] == 256
    assert "test_share" not in found  # synthetic radiographs are divided otherwise
    real = settings("cohort.test_share=0.3", profile="rsna-500px")["cohort"]
    assert (real["validation_share"], real["test_share"]) == (0.1, 0.3)
    with pytest.raises(InputError, match="cohort setting color='red'"):
        settings("cohort.color=red")


def test_the_last_override_counts() -> None:
    found = settings("epochs=3", "04_xception.epochs=2", "06_resnet50_patches.patch_size=64")
    assert [found["notebooks"][name]["epochs"] for name in TRAINING] == [3, 2, 3, 3]
    found = settings("04_xception.epochs=2", "epochs=3")
    assert [found["notebooks"][name]["epochs"] for name in TRAINING] == [3, 3, 3, 3]


def test_an_override_for_all_beats_a_profiles_own_value() -> None:
    found = settings("views=5", profile="rsna-500px")["notebooks"]
    assert found["07_patch_size_study"]["views"] == 5


@pytest.mark.parametrize("text", ["1e-4", "0.0001", "1.0e-4", "1E-4"])
def test_floats_may_be_written_in_any_form(text: str) -> None:
    found = settings(f"learning_rate={text}")["notebooks"]["03_inception_v3"]
    assert found["learning_rate"] == pytest.approx(1e-4)


def test_a_whole_number_does_for_a_float() -> None:
    value = settings("dropout=0")["notebooks"]["03_inception_v3"]["dropout"]
    assert value == 0 and isinstance(value, float)


def test_values_may_hold_equals_signs_and_dots(tmp_path: Path) -> None:
    found = settings("10_real_radiographs.study=a=b.c")["notebooks"]
    assert found["10_real_radiographs"] == {"study": "a=b.c"}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epochs", ["'epochs'", "KEY=VALUE"]),
        ("epoch=3", ["'epoch'", "epochs"]),
        ("04_xception.epoch=3", ["04_xception", "'epoch'", "epochs"]),
        ("04_exception.epochs=3", ["'04_exception'", "04_xception"]),
        ("01_data_inspection.epochs=3", ["01_data_inspection", "'epochs'"]),
        ("epochs=2.5", ["epochs=2.5", "float", "int such as 7"]),
        ("epochs=true", ["epochs=True", "bool", "int such as 7"]),
        ("epochs=seven", ["epochs='seven'", "str", "int such as 7"]),
        ("epochs=", ["epochs=None"]),
        ("learning_rate=true", ["learning_rate=True", "bool", "float"]),
        ("learning_rate=fast", ["learning_rate='fast'", "str", "float"]),
        ("schedule=3", ["schedule=3", "int", "str such as 'plateau'"]),
        ("04_xception.keep_maps=1", ["keep_maps=1", "int", "bool such as True"]),
        ("epochs=[1, 2]", ["epochs=[1, 2]", "list"]),
        ("run_dir=elsewhere", ["run_dir"]),
        ("04_xception.run_dir=elsewhere", ["run_dir"]),
        ("04_xception.weights=imagenet", ["weights"]),
    ],
)
def test_what_no_notebook_takes_is_refused(override: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        settings(override)
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(InputError, match="'dmeo'") as caught:
        load_profile("dmeo", ROOT)
    assert all(name in str(caught.value) for name in PROFILES)
    with pytest.raises(InputError, match=r"absent\.yaml"):
        load_profile("absent.yaml", ROOT)


def test_a_profile_by_its_path(tmp_path: Path) -> None:
    path = written(tmp_path, {"cohort": PHANTOM, "parameters": {"epochs": 2}})
    found = settings("seed=9", profile=path)
    assert (found["profile"], found["title"], found["weights"]) == ("mine", "mine", "random")
    assert found["cohort"].items() >= PHANTOM.items()
    assert found["notebooks"]["03_inception_v3"] == {"epochs": 2, "seed": 9}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("cohort: [", "YAML"),
        ("", "None"),
        ("- demo", "demo"),
        ({"weights": "random"}, "cohort is needed"),
        ({"cohort": PHANTOM, "parametres": {"epochs": 2}}, "parametres"),
        ({"cohort": PHANTOM, "parameters": {"epoch": 2}}, "'epoch'"),
        ({"cohort": PHANTOM, "parameters": {"epochs": "2"}}, "epochs='2'"),
        ({"cohort": PHANTOM, "notebooks": {"03": {"epochs": 2}}}, "'03'"),
        ({"cohort": {**PHANTOM, "px": 3}}, "px=3"),
        ({"cohort": {**PHANTOM, "size": "80"}}, "size='80'"),
        ({"cohort": {**PHANTOM, "n": True}}, "n=True"),
        ({"cohort": {**PHANTOM, "source": "mri"}}, "'mri'"),
        ({"cohort": {"n": 40}}, "None"),
        ({"cohort": 40}, "cohort"),
        ({"cohort": PHANTOM, "parameters": ["epochs"]}, "parameters"),
        ({"cohort": PHANTOM, "notebooks": {"04_xception": 3}}, "04_xception"),
        ({"cohort": PHANTOM, "parameters": {1: 2, "epochs": 3}}, "KEY: VALUE"),
        ({1: 2, "cohort": PHANTOM}, "cohort is needed"),
        ({"cohort": PHANTOM, "title": ["a"]}, "title: ['a']"),
        ({"cohort": PHANTOM, "weights": {"a": 1}}, "weights: {'a': 1}"),
        ({"cohort": None}, "source None"),
    ],
    ids=str,
)
def test_a_profile_that_cannot_be_meant_is_refused(
    content: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        settings(profile=written(tmp_path, content))
    assert words in str(caught.value)


#: YAML that would run, build objects, raise something else, or stand for gigabytes.
CRAFTED = {
    "a call": "!!python/object/apply:os.system ['touch owned']",
    "an object": "!!python/object:boneage_lib.report.run.Run {}",
    "a name": "!!python/name:os.system ''",
    "a module": "!!python/module:os ''",
    "an alias": "[&a [1, 1], *a]",
    "a merge": "{a: &a {b: 1}, <<: *a}",
    "30 February": "2001-02-30",
    "no number": "!!int ''",
    "no truth": "!!bool maybe",
    "no time": "!!timestamp noon",
    "a list as a key": "{[1]: 2}",
    "depth": "[" * 1500,
    "many digits": "1" * 5000,
    "an end": "\0",
}


@pytest.mark.parametrize("case", CRAFTED)
@pytest.mark.parametrize("place", ["profile", "title", "setting", "override"])
def test_yaml_that_is_more_than_values_is_refused(
    case: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CRAFTED[case]
    forms = {
        "profile": text,
        "title": f"cohort: {{source: phantom}}\ntitle: {text}\n",
        "setting": f"cohort: {{source: phantom}}\nparameters:\n  schedule: {text}\n",
        "override": "cohort: {source: phantom}\n",
    }
    profile = written(tmp_path, forms[place])
    with pytest.raises(InputError) as caught:
        settings(*([f"schedule={text}"] if place == "override" else []), profile=profile)
    assert len(str(caught.value)) < 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"], "and nothing was run"


def plain(value: Any) -> bool:
    """Whether a value is one, or lists and mappings of such."""
    if isinstance(value, dict):
        return all(plain(part) for item in value.items() for part in item)
    if isinstance(value, list | tuple | set):
        return all(map(plain, value))
    return isinstance(value, str | bytes | int | float | datetime.date | None)


@given(st.text(max_size=40) | st.text("[]{}:,-&*!|>'\"%@#? \n\ta1.~<=", max_size=40))
def test_any_yaml_is_plain_values_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert plain(plain_yaml(text, "mine.yaml"))


def test_aliases_are_refused_by_name() -> None:
    """Nine lines of them stand for gigabytes."""
    with pytest.raises(InputError, match="alias in line 2; write out what it names"):
        plain_yaml("a: &a [1]\nb: *a\n", "mine.yaml")


def test_a_profile_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00title: x")
    with pytest.raises(InputError, match="mine.yaml cannot be read as text"):
        load_profile(str(tmp_path / "mine.yaml"), ROOT)


def test_a_notebook_without_settings_of_its_own_has_none(tmp_path: Path) -> None:
    found = settings(
        profile=written(tmp_path, {"cohort": PHANTOM, "notebooks": {TRAINING[0]: None}})
    )
    assert not any(found["notebooks"].values())


def test_a_number_too_large_for_a_float_is_no_float() -> None:
    with pytest.raises(InputError, match="learning_rate"):
        settings("learning_rate=" + "9" * 400)


@pytest.mark.parametrize("code", ["__import__('os').abort()", "1); raise SystemExit #", "{x!r}"])
def test_code_given_for_a_parameter_is_text(code: str) -> None:
    found = settings(f"10_real_radiographs.study={code!r}")["notebooks"]
    assert found["10_real_radiographs"] == {"study": code}


@pytest.mark.parametrize("count", [0, 2])
def test_a_notebook_needs_one_parameters_cell(count: int, tmp_path: Path) -> None:
    source = tmp_path / "notebook.py"
    source.write_text('# %% tags=["parameters"]\nseed = 0\n\n' * count + "# %%\nprint(1)\n")
    with pytest.raises(InputError, match=f"has {count} parameters cells"):
        notebook_parameters(source)


def test_parameters_are_read_without_running_the_notebook(tmp_path: Path) -> None:
    source = tmp_path / "notebook.py"
    source.write_text(
        '# %%\nraise SystemExit\n\n# %% tags=["parameters"]\nrate = -1e-3  # why\nsizes = [1, 2]\n'
    )
    assert notebook_parameters(source) == {"rate": -1e-3, "sizes": [1, 2]}
