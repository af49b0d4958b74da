import numpy as np
import pytest

from OsteoScreenLib.annotation.segments import LAYERS, labels_of, layer_of, segment_named, segments_of
from OsteoScreenLib.levels import BY_NAME, SHELL, TRABECULAR, label


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((12, 8, 8), dtype=np.uint16)
    for k, level in ((7, "L1"), (1, "L2")):
        labels[k : k + 4, 1:7, 1:7] = label(level, SHELL)
        labels[k + 1 : k + 3, 2:6, 2:6] = label(level, TRABECULAR)
    return labels


def test_every_level_has_a_body_and_a_trabecular_segment(labels: np.ndarray) -> None:
    assert [s.name for s in segments_of(labels)] == ["L1 body", "L1 trabecular", "L2 body", "L2 trabecular"]
    assert all(segment_named(s.name) == s for s in segments_of(labels))
    assert segment_named("liver") is None


def test_layers_hold_whole_bodies_and_their_trabecular_parts(labels: np.ndarray) -> None:
    body, trabecular = (layer_of(labels, part) for part in LAYERS)
    assert body.dtype == np.uint8
    assert np.array_equal(body == 20, labels // 10 == 20)
    assert np.array_equal(trabecular == 21, labels == 212)


def test_layers_leave_out_what_is_no_vertebra() -> None:
    others = np.array([[[0, 1, 79, 255, 999]]], dtype=np.uint16)
    assert not layer_of(others, "body").any()


def test_labels_come_back_from_segments_in_any_order(labels: np.ndarray) -> None:
    masks = [(s, (), layer_of(labels, s.part) == s.level.code) for s in reversed(segments_of(labels))]
    assert np.array_equal(labels_of(labels.shape, masks), labels)


def test_trabecular_voxels_painted_outside_the_body_belong_to_it(labels: np.ndarray) -> None:
    masks = {s.name: layer_of(labels, s.part) == s.level.code for s in segments_of(labels)}
    masks["L1 trabecular"][11, 0, 0] = True
    edited = labels_of(labels.shape, [(segment_named(name), (), mask) for name, mask in masks.items()])
    assert edited[11, 0, 0] == label("L1", TRABECULAR)


def test_terminology_is_the_vertebra_and_the_bone_within_it() -> None:
    body, trabecular = (segment_named(name).terminology.split("~") for name in ("L3 body", "L3 trabecular"))
    vertebra = f"SCT^{BY_NAME['L3'].snomed}^L3 vertebra"
    assert len(body) == len(trabecular) == 7
    assert body[1:3] == ["SCT^123037004^Anatomical Structure", vertebra]
    assert trabecular[1:3] == ["SCT^85756007^Tissue", "SCT^272673000^Bone"]
    assert trabecular[5] == vertebra


def test_a_levels_segments_share_its_hue_but_not_their_colour() -> None:
    body, trabecular = segment_named("L2 body").color, segment_named("L2 trabecular").color
    assert body == BY_NAME["L2"].color
    assert trabecular == pytest.approx([(c + 1) / 2 for c in body], abs=1e-12)
