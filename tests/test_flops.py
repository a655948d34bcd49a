"""Operations and parameters of built networks: by hand on small ones, as printed on the true."""

from __future__ import annotations

import keras
import pytest

from boneage_lib.networks import count_flops, describe, frozen_backbone
from boneage_lib.paper.published import TABLE_3


def test_each_kind_of_layer_by_hand() -> None:
    image = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(image)  # 8·8·3·3·3·4
    maps = keras.layers.BatchNormalization()(maps)
    maps = keras.layers.SeparableConv2D(5, 3, strides=2, padding="same")(maps)  # 4·4·(3·3·4 + 4·5)
    maps = keras.layers.DepthwiseConv2D(3, padding="same")(maps)  # 4·4·3·3·5
    inner = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
    outer = keras.Model(image, keras.layers.Dense(7)(inner(image)))  # 5·7
    multiplications = 64 * 108 + 16 * (36 + 20) + 16 * 45 + 35
    assert count_flops(outer) == 2 * multiplications
    assert count_flops(outer, normalization=True) == 2 * (multiplications + 8 * 8 * 4)


@pytest.mark.parametrize(("name", "gflops"), [("xception", 45.3), ("inception_v3", 33.5)])
def test_bases_at_500_pixels(name: str, gflops: float) -> None:
    flops = count_flops(frozen_backbone(name, 500), normalization=True)
    assert round(flops / 1e9, 1) == gflops


def test_a_network_is_described_as_table_3_prints_it() -> None:
    found = describe("resnet50_patches", 32)
    printed = TABLE_3["resnet50_patches"]
    assert (found["trainable"], found["frozen"]) == (printed.trainable, printed.frozen)
    assert found["base_unchanged"] and found["base_trainable"] == 0
    assert found["side"] == 32 and found["gflops"] > 0


def test_a_base_that_moves_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def moving(name: str, side: int) -> keras.Model:
        image, female = keras.Input((side, side, 3)), keras.Input((1,))
        maps = keras.layers.BatchNormalization()(image)
        base = keras.Model(image, maps, name="resnet50")
        pooled = keras.layers.GlobalAveragePooling2D()(base(image))
        return keras.Model([image, female], keras.layers.Concatenate()([pooled, female]))

    monkeypatch.setattr("boneage_lib.networks.flops.build", moving)
    found = describe("resnet50_patches", 32)
    assert not found["base_unchanged"]
    assert found["base_trainable"] == 2
