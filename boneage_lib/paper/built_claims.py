"""Claims that the networks decide once they are built: no radiograph and no weights needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boneage_lib.paper.choice_claims import attention_parameters
from boneage_lib.paper.claim import Claim, Verdict, by_match
from boneage_lib.paper.findings import absent
from boneage_lib.paper.published import TABLE_3, TABLE_4, TITLES, number
from boneage_lib.paper.statements import stated

Built = Mapping[str, Any]
ATTENTION = "xception_attention"


def built_claims(built: Built) -> list[Claim]:
    """Counts, frozen bases, cost, and the settings that a run trains with.

    Args:
        built: ``networks`` ({network: `boneage_lib.networks.describe`}), and where they are known
            ``speed`` ({network: {way of computing: images/s through the base}}), ``settings``
            ({network: `boneage_lib.training.Settings` as a dict}) and ``image_size`` (the side of
            the radiographs they were trained on, pixels).
    """
    return [
        _table_3(built),
        _attention(built),
        _frozen(built),
        _cheaper(built),
        _faster(built),
        _protocol(built),
    ]


def _networks(built: Built) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = built.get("networks") or {}
    return found


def _table_3(built: Built) -> Claim:
    networks = _networks(built)
    half: dict[str, Any]
    if not set(TABLE_3) <= set(networks):
        half = absent("network, built")
    else:
        matches = [
            networks[name][kind] == printed
            for name, row in TABLE_3.items()
            for kind, printed in (("trainable", row.trainable), ("frozen", row.frozen))
        ]
        half = {
            "measured": "; ".join(
                f"{TITLES[n]} {networks[n]['trainable']:,} + {networks[n]['frozen']:,}"
                for n in TABLE_3
            ),
            "value": float(sum(matches)),
            "interval": None,
            "verdict": by_match(matches),
            "reason": f"{sum(matches)} of {len(matches)} counts as printed.",
        }
    return stated("table-3-built", test="Count the weights of the built networks.", **half)


def _attention(built: Built) -> Claim:
    own = _networks(built).get(ATTENTION)
    half: dict[str, Any]
    if own is None:
        half = absent("attention network, built")
    else:
        expected = attention_parameters()
        half = {
            "measured": f"{own['trainable']:,} trainable; by arithmetic {expected:,}",
            "value": float(own["trainable"]),
            "interval": None,
            # Only a printed count could confirm the reading.
            "verdict": Verdict.AMBIGUOUS if own["trainable"] == expected else Verdict.CONTRADICTED,
            "reason": "The built layer is the reading that is described here; whether it is the "
            "paper's, no printed number says.",
        }
    return stated("attention-built", test="Count the weights of the built network.", **half)


def _frozen(built: Built) -> Claim:
    networks = {
        n: own for n, own in _networks(built).items() if own.get("base_unchanged") is not None
    }
    half: dict[str, Any]
    if not networks:
        half = absent("network, built and run in training mode")
    else:
        kept = {
            n: own["base_unchanged"] and not own["base_trainable"] for n, own in networks.items()
        }
        half = {
            "measured": f"{sum(kept.values())} of {len(kept)} bases bit-identical, none of their "
            "weights trainable"
            if all(kept.values())
            else f"changed: {', '.join(TITLES[n] for n, same in kept.items() if not same)}",
            "value": float(sum(kept.values())),
            "interval": None,
            "verdict": by_match(kept.values()),
            "reason": "Freezing has to hold for batch-norm's moving averages, too: Keras would "
            "otherwise move them although no gradient does.",
        }
    return stated(
        "frozen-base",
        test="Weights of the base, moving averages included, before and after a pass in training "
        "mode.",
        **half,
    )


def _cheaper(built: Built) -> Claim:
    networks = _networks(built)
    xception, inception = networks.get("xception"), networks.get("inception_v3")
    half: dict[str, Any]
    if xception is None or inception is None:
        half = absent("operations a radiograph of Xception and InceptionV3")
    else:
        ratio = xception["gflops"] / inception["gflops"]
        half = {
            "measured": f"{xception['gflops']:.1f} against {inception['gflops']:.1f} GFLOPs at "
            f"{xception['side']} px; {xception['trainable']:,} against "
            f"{inception['trainable']:,} trainable parameters",
            "value": float(ratio),
            "interval": None,
            "verdict": Verdict.CONFIRMED if ratio < 1 else Verdict.CONTRADICTED,
            "reason": f"A radiograph costs {ratio:.2f} times the operations of InceptionV3. With a "
            "frozen base it is there that time goes, not into the head.",
        }
    return stated(
        "xception-cheaper",
        test="Multiplications and additions of the built bases for one radiograph.",
        **half,
    )


def _faster(built: Built) -> Claim:
    speed = built.get("speed") or {}
    xception, inception = speed.get("xception") or {}, speed.get("inception_v3") or {}
    ways = [way for way in xception if way in inception]
    half: dict[str, Any]
    if not ways:
        half = absent("measured speed of Xception and InceptionV3 side by side")
    else:
        ratios = {way: xception[way] / inception[way] for way in ways}
        half = {
            "measured": "images/s: "
            + "; ".join(f"{xception[w]:.2f} against {inception[w]:.2f} ({w})" for w in ways),
            "value": float(min(ratios.values())),
            "interval": None,
            "verdict": by_match(ratio > 1 for ratio in ratios.values()),
            "reason": "Medians of a benchmark that takes both in turn, in every way to compute "
            "that its machine has; another machine may rank them otherwise.",
        }
    return stated(
        "xception-faster",
        test="Images a second through both frozen bases, from results/benchmarks/training.json.",
        **half,
    )


def _protocol(built: Built) -> Claim:
    settings = built.get("settings") or {}
    half: dict[str, Any]
    if not settings:
        half = absent("settings of trained networks")
    else:
        side, printed_side = built.get("image_size"), int(number("image_size"))
        matches, others = [side == printed_side], []
        if side != printed_side:
            others.append("radiographs of " + ("unknown size" if side is None else f"{side} px"))
        for network, own in settings.items():
            printed = {"epochs", "batch_size", "learning_rate"}
            if TABLE_4[network].data == "patches":
                printed |= {"patch_count", "patch_size"}
            names = {"patch_count": "patches_per_image"}
            for key in sorted(printed):
                same = own.get(key) == number(names.get(key, key))
                matches.append(same)
                if not same:
                    others.append(f"{TITLES[network]}: {key} {own.get(key)}")
        half = {
            "measured": f"{sum(matches)} of {len(matches)} settings as printed"
            + (f"; {'; '.join(others)}" if others else ""),
            "value": float(sum(matches)),
            "interval": None,
            "verdict": by_match(matches),
            "reason": "Settings of this run's networks against the printed ones; optimizer and "
            "loss are fixed in code. At another size a patch that keeps the printed share of the "
            "radiograph counts as printed.",
        }
    return stated(
        "paper-protocol", test="Settings that this run's networks were trained with.", **half
    )
