"""The ladder on a tiny cohort: what validation chooses, what is found again, what comes last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import Diverged, InputError
from boneage_lib.evaluation.correction import cross_fitted
from boneage_lib.inputs import AS_IT_IS, TURNED
from boneage_lib.notebook import Run
from boneage_lib.report import figures, tables, wording
from boneage_lib.report.ladder import climb as climbing
from boneage_lib.report.ladder import judge as judging
from boneage_lib.report.ladder.climb import climb
from boneage_lib.report.ladder.files import PHANTOMS, weights_file
from boneage_lib.report.ladder.judge import judge
from boneage_lib.report.ladder.kept import key_of, open_tuned
from boneage_lib.report.ladder.step import Ladder
from boneage_lib.report.reached import Reached, begun, reach
from boneage_lib.training import finetune, whole_networks
from boneage_lib.training.data_size import some_of_train
from boneage_lib.training.ladder import RUNGS, rungs_named, tried_on
from boneage_lib.training.tuning import Tuning

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

FIRST = Tuning(epochs=2, epoch_draws=24, learning_rate=0.01)
STEPS = "unfrozen, absolute"
#: A step of every other kind.
ALL = {"pretraining": 12, "few": 16, "longer": 3, "members": 2}
#: Those that no ladder has together with several members.
LARGER = {"longer": 2, "larger": 2, "rounds": 2}


@pytest.fixture(scope="module", autouse=True)
def on_a_tiny_base() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_networks, "frozen_backbone", tiny_base)
        yield


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=71)


@pytest.fixture(scope="module")
def climbed(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Ladder]:
    run = Run(tmp_path_factory.mktemp("run"))
    return run, climb(run, cohort, FIRST, rungs_named(STEPS), None, verbose=False)


def test_each_step_is_added_to_the_best_before_it(climbed: tuple[Run, Ladder]) -> None:
    _, ladder = climbed
    names = [step.name for step in ladder.steps]
    assert names == ["paper", "unfrozen", "absolute", "turned", "corrected"]
    best = ladder.steps[0]
    for step in ladder.steps[1:]:
        assert step.added_to == best.name
        if step.name in RUNGS:
            assert step.tuning == tried_on(best.tuning, RUNGS[step.name])
        best = step if step.mae_months < best.mae_months else best
    assert ladder.best == best
    assert best.mae_months == min(step.mae_months for step in ladder.steps)


def test_what_was_trained_is_found_again(
    climbed: tuple[Run, Ladder], cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ladder = climbed
    monkeypatch.setattr(climbing, "tune", lambda *_, **__: pytest.fail("trained again"))
    again = climb(run, cohort, FIRST, rungs_named(STEPS), None, verbose=False)
    for one, two in zip(ladder.steps, again.steps, strict=True):
        np.testing.assert_array_equal(one.validation_months, two.validation_months)
        assert one.mae_months == two.mae_months


@pytest.mark.parametrize("what", ["settings", "weights", "history"])
def test_what_is_stale_or_damaged_is_trained_again(
    climbed: tuple[Run, Ladder], cohort: Cohort, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run, _ = climbed
    file = run.models / "beyond" / "paper.weights.h5"
    history = run.histories / "beyond" / "paper.csv"
    whole, told = file.read_bytes(), history.read_text()
    first = FIRST
    if what == "settings":
        first = replace(FIRST, seed=5)
    elif what == "history":
        history.unlink()
    else:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    trained: list[Tuning] = []

    def stop(cohort: Cohort, tuning: Tuning, *_: Any, **__: Any) -> None:
        trained.append(tuning)
        raise InputError("stop here")

    monkeypatch.setattr(climbing, "tune", stop)
    with pytest.raises(InputError, match="stop here"):
        climb(run, cohort, first, [], None, verbose=False)
    assert trained == [first]
    file.write_bytes(whole)
    history.write_text(told)


def test_the_judgment_holds_every_step_and_its_difference(
    climbed: tuple[Run, Ladder], cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ladder = climbed
    stale = run.write_table("predictions/beyond/of_an_earlier_run.csv", cohort.labels)
    monkeypatch.setattr(judging, "describe_device", lambda: "a card")
    found = judge(run, cohort, ladder, None)
    assert json.loads((run.results / "timing/beyond.json").read_text())["device"] == "a card"
    assert not stale.exists() and not list((run.checkpoints / "beyond").glob("*.npz"))
    assert json.loads((run.results / "beyond.json").read_text()) == found
    by_name = {step["name"]: step for step in found["steps"]}
    assert by_name["paper"]["less"] is None
    for name, step in by_name.items():
        assert step["test"]["n"] == 12
        if step["less"]:
            before = by_name[step["added_to"]]["test"]["mae_months"]
            change = step["test"]["mae_months"] - before
            assert step["less"]["difference_months"] == pytest.approx(change), name
    kept = [name for name, step in by_name.items() if step["kept"]]
    assert found["best"] in kept
    # Twelve radiographs allow an interval of 90 %, and its groups are all that hold anyone.
    assert found["intervals"]["half_width_months"] > 0
    assert found["intervals"]["groups"][0]["n"] == 12
    assert found["data"]["cohort_kind"] == "synthetic"


def test_a_network_opened_again_answers_as_it_did(
    climbed: tuple[Run, Ladder], cohort: Cohort
) -> None:
    run, ladder = climbed
    for step in ladder.steps[:3]:
        opened = open_tuned(run, cohort.size, step.networks[0], step.tuning)
        months = finetune.answers(opened, cohort, cohort.rows("validation"))[:, 0]
        np.testing.assert_allclose(months, step.validation_months, atol=1e-3)


@pytest.fixture(scope="module")
def with_all(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Ladder]:
    """A ladder with every kind of step."""
    run = Run(tmp_path_factory.mktemp("all"))
    return run, climb(run, cohort, FIRST, [], None, **ALL, verbose=False)


def test_synthetic_radiographs_come_first_where_asked(with_all: tuple[Run, Ladder]) -> None:
    run, ladder = with_all
    assert [step.name for step in ladder.steps] == [
        "paper",
        "pretrained",
        "longer",
        "turned",
        "averaged",
        "corrected",
        "few",
        "few_pretrained",
    ]
    steps = {step.name: step for step in ladder.steps}
    assert steps["pretrained"].tuning.pretraining == 12
    assert steps["longer"].tuning.epoch_draws == 0
    assert len(run.read_table("histories/beyond/longer.csv", "")) == 3
    phantoms = Cohort.open(run.folder / PHANTOMS)
    assert phantoms.synthetic and len(phantoms.rows("train")) == 12
    # On few radiographs and on none but synthetic ones as many draws as on all.
    assert steps["few"].tuning.epoch_draws == steps["few_pretrained"].tuning.epoch_draws == 24
    assert len(run.read_table(f"histories/beyond/{PHANTOMS}.csv", "")) == 2
    assert weights_file(run, PHANTOMS).is_file()


def test_synthetic_radiographs_are_seen_once_for_all_steps(
    with_all: tuple[Run, Ladder], cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ladder = with_all
    tuned: list[Cohort] = []

    def stop(cohort: Cohort, *_: Any, **__: Any) -> None:
        tuned.append(cohort)
        raise InputError("stop here")

    monkeypatch.setattr(climbing, "tune", stop)
    weights_file(run, "few_pretrained").rename(run.folder / "moved")
    with pytest.raises(InputError, match="stop here"):
        climb(run, cohort, FIRST, [], None, **ALL, verbose=False)
    (run.folder / "moved").rename(weights_file(run, "few_pretrained"))
    assert [len(one.rows("train")) for one in tuned] == [16], "nothing on synthetic ones"
    weights = {"kind": "random"}
    keys = [key_of(FIRST, some, weights) for some in (cohort, some_of_train(cohort, 16))]
    assert keys[0] != keys[1], "other draws are another training"


@pytest.fixture(scope="module")
def with_larger(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Ladder]:
    """A ladder whose best network goes on at a larger size."""
    run = Run(tmp_path_factory.mktemp("larger"))
    return run, climb(run, cohort, FIRST, [], None, **LARGER, verbose=False)


def test_a_network_goes_on_at_a_larger_size(
    with_larger: tuple[Run, Ladder], cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ladder = with_larger
    names = [step.name for step in ladder.steps]
    assert names == ["paper", "longer", "larger", "turned", "snapshots", "corrected"]
    steps = {step.name: step for step in ladder.steps}
    before, larger = steps["longer"].tuning, steps["larger"].tuning
    assert larger == replace(
        before,
        epochs=2,
        enlarge=1.5,
        augmentation="wide",
        learning_rate=before.learning_rate / 2,
        seed=before.seed + 2,
    )
    assert ladder.tunings["larger_1"] == replace(larger, seed=before.seed + 1)
    assert steps["larger"].networks == ("larger_2",)
    began: list[Path | None] = []

    def stop(*args: Any, **_: Any) -> None:
        began.append(args[4])
        raise InputError("stop here")

    monkeypatch.setattr(climbing, "tune", stop)
    for name in ("larger_2", "larger_1"):
        weights_file(run, name).rename(run.folder / name)
        with pytest.raises(InputError, match="stop here"):
            climb(run, cohort, FIRST, [], None, **LARGER, verbose=False)
    for name in ("larger_2", "larger_1"):
        (run.folder / name).rename(weights_file(run, name))
    assert began == [weights_file(run, "larger_1"), weights_file(run, "longer")]


def test_what_went_on_is_stale_where_what_it_came_from_is_another(
    cohort: Cohort, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a network")
    two.write_text("another")
    keys = {key_of(FIRST, cohort, {}, start) for start in (None, one, two)}
    assert len(keys) == 3


def test_networks_of_two_sizes_answer_together(
    with_larger: tuple[Run, Ladder], cohort: Cohort
) -> None:
    run, ladder = with_larger
    steps = {step.name: step for step in ladder.steps}
    step = steps["snapshots"]
    assert step.networks == ("longer", "larger_1", "larger_2")
    found = []
    for name in step.networks:
        opened = open_tuned(run, cohort.size, name, ladder.tunings[name])
        poses = TURNED if step.turned else AS_IT_IS
        months = finetune.answers(opened, cohort, cohort.rows("validation"), poses)
        found.append(months.mean(axis=1))
    np.testing.assert_allclose(np.mean(found, axis=0), step.validation_months, atol=1e-3)
    judged = {s["name"]: s for s in judge(run, cohort, ladder, None)["steps"]}
    assert judged["snapshots"]["networks"] == 3
    answers = run.read_table("predictions/beyond/snapshots.csv", "")
    test = answers.query("split == 'test'")["predicted_months"]
    asked = []
    for name in step.networks:
        opened = open_tuned(run, cohort.size, name, ladder.tunings[name])
        poses = TURNED if step.turned else AS_IT_IS
        asked.append(finetune.answers(opened, cohort, cohort.rows("test"), poses).mean(axis=1))
    np.testing.assert_allclose(test, np.mean(asked, axis=0), atol=1e-3)


@pytest.mark.parametrize(
    ("fixture", "rungs", "more"),
    [
        ("climbed", STEPS, {}),
        ("with_larger", "", LARGER),
        pytest.param("with_all", "", ALL, marks=pytest.mark.long),
    ],
)
def test_test_radiographs_choose_nothing(
    fixture: str,
    rungs: str,
    more: dict[str, int],
    cohort: Cohort,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """With other test radiographs, of other ages, every step comes out the same."""
    _, ladder = request.getfixturevalue(fixture)
    test, images, labels = cohort.rows("test"), cohort.images.copy(), cohort.labels.copy()
    images[test] = 255 - images[test]
    labels.loc[labels.index[test], "boneage_months"] = 7.0
    other = replace(cohort, images=images, labels=labels)
    asked: list[np.ndarray] = []
    answers = finetune.answers

    def listen(tuned: Any, cohort: Cohort, rows: np.ndarray, *more: Any) -> np.ndarray:
        asked.append(rows)
        return answers(tuned, cohort, rows, *more)

    for module in (climbing, judging):
        monkeypatch.setattr(module, "answers", listen)
    run = Run(tmp_path)
    again = climb(run, other, FIRST, rungs_named(rungs), None, **more, verbose=False)
    assert not set(np.concatenate(asked).tolist()) & set(test.tolist())
    assert not list(run.predictions.rglob("*.csv"))
    assert [step.name for step in again.steps] == [step.name for step in ladder.steps]
    assert again.best.name == ladder.best.name
    for one, two in zip(ladder.steps, again.steps, strict=True):
        np.testing.assert_array_equal(one.validation_months, two.validation_months)
    judge(run, other, again, None)
    assert len(list(run.predictions.rglob("*.csv"))) == len(again.steps)


def test_several_trainings_answer_together(with_all: tuple[Run, Ladder], cohort: Cohort) -> None:
    run, ladder = with_all
    step = next(step for step in ladder.steps if step.name == "averaged")
    assert len(step.networks) == 2 and step.networks[1] == "member_1"
    found = []
    for name in step.networks:
        opened = open_tuned(run, cohort.size, name, step.tuning)
        poses = TURNED if step.turned else AS_IT_IS
        months = finetune.answers(opened, cohort, cohort.rows("validation"), poses)
        found.append(months.mean(axis=1))
    assert np.abs(found[0] - found[1]).min() > 0, "another seed is another network"
    np.testing.assert_allclose(np.mean(found, axis=0), step.validation_months, atol=1e-3)


def test_few_radiographs_stand_beside_the_ladder(
    with_all: tuple[Run, Ladder], cohort: Cohort
) -> None:
    run, ladder = with_all
    found = judge(run, cohort, ladder, None)
    by_name = {step["name"]: step for step in found["steps"]}
    for name, against in (("few", None), ("few_pretrained", "few")):
        step = by_name[name]
        assert step["aside"] and not step["kept"] and step["n_train"] == 16
        assert step["added_to"] == against and (step["less"] is None) == (against is None)
    assert by_name["averaged"]["networks"] == 2
    table = tables.pretraining(found)
    assert list(table.index) == ["40", "16"]
    assert len(tables.ladder(found)) == len(ladder.steps) - 2
    assert len(figures.ladder(found).axes[0].containers) == len(ladder.steps) - 2


def test_a_training_that_diverges_says_of_which_step(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: Any, **__: Any) -> None:
        raise Diverged("The loss is no longer a number.")

    monkeypatch.setattr(climbing, "tune", diverge)
    with pytest.raises(Diverged, match="no longer a number.*the step 'paper' of the ladder"):
        climb(Run(tmp_path), cohort, FIRST, [], None, verbose=False)


def test_test_is_left_alone_until_a_run_says_so(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    run.write_json("beyond.json", {"of": "an earlier run"})
    answer = run.write_table("predictions/beyond/longer.csv", cohort.labels)
    monkeypatch.setattr(Run, "cohort", lambda self: cohort)
    monkeypatch.setattr(judging, "answers", lambda *_: pytest.fail("asked"))
    first = {"epochs": 1, "epoch_draws": 16, "learning_rate": 0.01}
    found = reach(run, "paper", "study", None, judged=False, **first)
    assert found.found is None and "not asked about yet" in found.absent
    assert not (run.results / "beyond.json").exists() and not answer.exists()
    assert tables.ladder(found.found).empty and tables.pretraining(found.found).empty


def test_a_run_without_steps_shows_the_kept_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wording, "project_root", lambda: tmp_path)
    run = Run(tmp_path / "run")
    run.write_json("beyond.json", {"of": "an earlier run"})
    none = ("none", "study", None)
    absent = reach(run, *none)
    assert absent.found is None and "not measured" in absent.absent
    assert not (run.results / "beyond.json").exists(), "it would pass for this run's"
    (tmp_path / "results" / "study").mkdir(parents=True)
    (tmp_path / "results" / "study" / "beyond.json").write_text('{"best": "longer"}')
    kept = reach(run, *none)
    assert kept.found == {"best": "longer"} and kept.on == "results/study" and kept.of == "study"


def test_steps_begun_with_synthetic_radiographs_may_have_a_study_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wording, "project_root", lambda: tmp_path)
    without = Reached({"steps": [{"name": "paper"}]}, "ladder", "")
    assert begun(without, "study").found is None
    assert "Not tried" in begun(without, "study").absent
    (tmp_path / "results" / "study").mkdir(parents=True)
    (tmp_path / "results" / "study" / "beyond.json").write_text('{"steps": []}')
    kept = begun(without, "study")
    assert (kept.found, kept.of, kept.on) == ({"steps": []}, "study", "results/study")
    own = Reached({"steps": [{"name": "pretrained"}]}, "", "")
    assert begun(own, "study") is own


def test_a_run_with_steps_shows_its_own(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    monkeypatch.setattr(Run, "cohort", lambda self: cohort)
    first = {"epochs": 1, "epoch_draws": 16, "learning_rate": 0.01}
    reached = reach(run, "unfrozen+batches", "study", None, **first)
    assert reached.found is not None and (reached.of, reached.on) == ("", "this run")
    names = [step["name"] for step in reached.found["steps"]]
    assert names == ["paper", "unfrozen+batches", "turned", "corrected"]
    assert (run.results / "beyond.json").is_file()


def test_nobody_is_corrected_by_themselves() -> None:
    ages = np.linspace(20, 200, 25)
    answers = 0.8 * ages + 10
    np.testing.assert_allclose(cross_fitted(answers, ages), ages)
    odd = ages.copy()
    odd[7] += 100  # moves every line but its own part's
    moved = np.abs(cross_fitted(answers, odd) - ages)
    assert moved[7] == pytest.approx(0, abs=1e-9) and moved[8] > 0.1


def test_steps_are_named_with_commas() -> None:
    assert [rung.name for rung in rungs_named("cosine ,unfrozen")] == ["cosine", "unfrozen"]
    (both,) = rungs_named("batches + cosine")
    assert both.name == "batches+cosine" and both.change["batch_size"] == 32
    assert both.change["learning_rate"] == RUNGS["cosine"].change["learning_rate"]
    assert both.title.startswith("batches of 32; AdamW") and both.title.endswith("; rate 0.0006")
    assert len(rungs_named("all")) == len(RUNGS) - 1 >= 8
    with pytest.raises(InputError, match="steps unfreeze; expected all, or some of paper"):
        rungs_named("unfreeze")
    with pytest.raises(InputError, match="twice"):
        rungs_named("light, light")


def test_every_step_changes_something_that_is_valid() -> None:
    best = Tuning()
    for rung in rungs_named("all"):
        changed = tried_on(best, rung)
        assert changed != best, rung.name
        best = changed
