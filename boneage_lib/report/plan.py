"""What a run's notebooks train, from its settings, and whether all of it can work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boneage_lib.data import Cohort
from boneage_lib.data.histogram import SHARES
from boneage_lib.data.phantom_cohort import FEWEST, check_phantoms, phantoms_for
from boneage_lib.errors import InputError
from boneage_lib.inputs import table_5_at
from boneage_lib.report.ladder.files import NO_RUNGS
from boneage_lib.report.profile import notebook_parameters
from boneage_lib.report.run import NOTEBOOK_OF, Run, project_root

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.training import Settings

#: The notebooks that train, and the network of each.
NETWORK_OF = {notebook: network for network, notebook in NOTEBOOK_OF.items()}
PATCH_STUDY = "07_patch_size_study"
#: The notebook that trains whole networks, where it is asked to.
BEYOND = "11_beyond"
#: Parameters of a notebook that go to `boneage_lib.training.train` beside the settings.
_PASSED_ON = ("keep_maps", "input_form")


@dataclass(frozen=True)
class Plan:
    """What a notebook trains, from its parameters.

    Attributes:
        settings: of the first training.
        seeds: how many trainings.
        ablation_seeds: how many trainings of each arm of its ablations.
        weights: of the bases.
        more: further arguments of `boneage_lib.training.train`.
    """

    settings: Settings
    seeds: int
    ablation_seeds: int
    weights: str
    more: dict[str, Any]


def parameters_of(notebook: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A notebook's parameters, its own defaults where the run's settings name none."""
    defaults = notebook_parameters(project_root() / "notebooks" / f"{notebook}.py")
    return {**defaults, **settings["notebooks"][notebook]}


def plan_of(notebook: str, settings: dict[str, Any]) -> Plan:
    """A notebook's trainings under the settings of a run (see `boneage_lib.report.profile`)."""
    from boneage_lib.training import Settings

    parameters = parameters_of(notebook, settings)
    return Plan(
        Settings.named_in(parameters),
        parameters.get("seeds", 1),
        parameters.get("ablation_seeds", 0),
        settings["weights"],
        {name: parameters[name] for name in _PASSED_ON if name in parameters},
    )


@dataclass(frozen=True)
class Trainings:
    """Trainings of a network that differ in their seed alone, and so share their banks.

    Attributes:
        network: a key of `boneage_lib.networks.NETWORKS`.
        settings: of each.
        splits: what they predict.
        input_form: see `boneage_lib.training.train`.
        keep_maps: see `boneage_lib.training.train`.
    """

    network: str
    settings: list[Settings]
    splits: tuple[str, ...] = ("train", "validation", "test")
    input_form: str | None = None
    keep_maps: bool = False


def trainings_of(settings: dict[str, Any], cohort: Cohort) -> Iterator[Trainings]:
    """Everything that a run trains on its cohort: networks, arms of ablations, the patch study."""
    from boneage_lib.training import of_seeds, with_patches
    from boneage_lib.training.ablations import ABLATIONS, arms_of

    only = ("validation",)
    for notebook, network in NETWORK_OF.items():
        plan = plan_of(notebook, settings)
        yield Trainings(network, of_seeds(plan.settings, plan.seeds), **plan.more)
        studies = [name for name, ablation in ABLATIONS.items() if ablation.network == network]
        for study in studies if plan.ablation_seeds else ():
            for arm in arms_of(study, cohort, plan.settings).values():
                trained = of_seeds(arm.settings, plan.ablation_seeds)
                keep_maps = plan.more.get("keep_maps", False)
                yield Trainings(network, trained, only, arm.input_form, keep_maps)
    plan = plan_of(PATCH_STUDY, settings)
    for count, size in table_5_at(cohort.size):
        own = with_patches(plan.settings, count, size)
        yield Trainings("resnet50_patches", of_seeds(own, plan.seeds), only)


def check_beyond(settings: dict[str, Any], cohort: Cohort) -> None:
    """Raise InputError for steps, sizes or settings of the last notebook that cannot be.

    Args:
        settings: of the run.
        cohort: its radiographs.
    """
    from boneage_lib.training.data_size import as_sizes, some_of_train
    from boneage_lib.training.ladder import check_together, rungs_named
    from boneage_lib.training.settings import check_whole_number
    from boneage_lib.training.tuning import Tuning

    parameters = parameters_of(BEYOND, settings)
    as_sizes(parameters["sizes"])
    if parameters["rungs"].strip() == NO_RUNGS:
        return
    batches = [rung.change.get("batch_size", 0) for rung in rungs_named(parameters["rungs"])]
    for name, least in (("few", 0), ("longer", 0), ("larger", 0), ("rounds", 1), ("members", 1)):
        check_whole_number(name, parameters[name], least)
    check_together(parameters["larger"], parameters["members"])
    first = Tuning(
        network=parameters["network"],
        epochs=parameters["step_epochs"],
        epoch_draws=parameters["step_draws"],
        precision=parameters["precision"],
        pretraining=parameters["pretraining"],
        seed=parameters["seed"],
    )
    pretraining, few = parameters["pretraining"], parameters["few"]
    least = math.ceil(FEWEST * SHARES[0])
    if 0 < pretraining < least:
        raise InputError(
            f"Found pretraining={pretraining}; expected 0, or {least} or more radiographs."
        )
    if pretraining:
        check_phantoms(phantoms_for(pretraining), cohort.size, parameters["seed"])
    if few:
        some_of_train(cohort, few)
        least = max(first.batch_size, *batches)
        if few < least or not pretraining:
            raise InputError(
                f"Found few={few} with pretraining={pretraining}; expected {least} radiographs or "
                "more, which fill a step, and synthetic ones to begin with, or few=0."
            )


def check(run: Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Refuse before anything long what would fail later: settings, weights, room for all banks.

    Returns:
        ``bank_bytes``: how large each bank of the run will be in the end, by its folder's name.

    Raises:
        InputError: what any training of the run would raise, and too little room on the disk for
            the views that no bank holds yet.
    """
    from boneage_lib.networks import network
    from boneage_lib.training import check_trainable
    from boneage_lib.training.banks import Share, open_extractor, shares
    from boneage_lib.training.feature_bank import check_room, room_needed
    from boneage_lib.training.shards import Pair, pairs_there

    cohort, weights = run.cohort(), settings["weights"]
    check_beyond(settings, cohort)
    shapes: dict[tuple[str, int], tuple[int, ...]] = {}  # by base and side: slow to find out
    views: dict[str, set[Pair]] = {}
    bytes_a_view: dict[str, int] = {}
    for own in trainings_of(settings, cohort):
        spec, first = network(own.network), own.settings[0]
        check_trainable(spec, cohort, first, weights, own.splits)
        if first.engine != "bank":
            continue
        extractor = open_extractor(spec, cohort, first, weights, own.input_form)
        base = spec.backbone, extractor.side
        if base not in shapes:
            shapes[base] = extractor.map_shape
        share: Share
        for share in shares(
            spec, cohort, own.settings, run.bank, extractor, weights, own.keep_maps, own.splits
        ):
            name = share.bank.name
            views.setdefault(name, set()).update(share.views)
            bytes_a_view[name] = room_needed(share.looks, shapes[base], share.map_dtype)
    missing = {name: len(own - pairs_there(run.bank / name)) for name, own in views.items()}
    check_room(run.bank, sum(n * bytes_a_view[name] for name, n in missing.items()))
    return {"bank_bytes": {name: len(own) * bytes_a_view[name] for name, own in views.items()}}
