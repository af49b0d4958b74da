"""Cuts show every body, in true proportions, the right way round, on any grid."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from OsteoScreenLib.measurement.frame import vertebra_frame
from OsteoScreenLib.measurement.hounsfield import anterior_roi
from OsteoScreenLib.report.pictures import overviews, vertebra_cuts

WIDTH, DEPTH, HEIGHT = 44.0, 32.0, 26.0
CENTRES = {"T12": (12, 4, 70), "L1": (2, 0, 35), "L2": (-8, 2, 0), "L3": (-2, 6, -35), "L4": (10, 2, -70)}


def grey(picture):
    return imread(io.BytesIO(base64.b64decode(picture.png)))[..., 0]


def loops(picture, kind):
    paths = [line.path for line in picture.lines if line.kind == kind]
    return [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float) for path in paths]


def area(loop):
    x, y = loop.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def bright(picture, corner, opposite):
    """Return the brightest grey between two places in mm."""
    image = grey(picture)
    pixel = picture.width / image.shape[1]
    (x0, y0), (x1, y1) = (np.clip((np.array(place) / pixel).astype(int), 0, None) for place in (corner, opposite))
    return image[y0:y1, x0:x1].max()


@pytest.fixture(scope="module")
def cuts(spine):
    ct, labels = spine
    return vertebra_cuts(ct, labels, vertebra_frame(labels, "L2"), anterior_roi(labels, "L2"))


def test_pictures_have_true_proportions(spine, cuts):
    for picture in (*overviews(*spine), *cuts):
        rows, columns = grey(picture).shape
        assert picture.width / columns == pytest.approx(picture.height / rows)


def test_outlines_enclose_the_bodys_own_area(cuts):
    axial, sagittal = cuts
    assert area(loops(axial, "body")[0]) == pytest.approx(np.pi / 4 * WIDTH * DEPTH, rel=0.04)
    assert area(loops(sagittal, "body")[0]) == pytest.approx(DEPTH * HEIGHT, rel=0.06)
    assert area(loops(axial, "trabecular")[0]) == pytest.approx(np.pi / 4 * (WIDTH - 5) * (DEPTH - 5), rel=0.06)


def test_left_of_the_patient_is_on_the_right_and_front_is_on_top(cuts):
    axial, _ = cuts
    x, y = 40.0, 32.0
    assert bright(axial, (x + 26, y - 6), (x + 34, y + 6)) == 1.0
    assert bright(axial, (x - 34, y - 6), (x - 26, y + 6)) < 0.6
    assert bright(axial, (x - 6, y - 30), (x + 6, y - 22)) == 1.0
    assert bright(axial, (x - 6, y + 22), (x + 6, y + 30)) < 0.6
    assert axial.marks == {"left": "R", "right": "L", "top": "A", "bottom": "P"}


def test_front_is_on_the_left_of_a_sagittal_cut(cuts):
    _, sagittal = cuts
    x, y = 32.0, 28.0
    assert bright(sagittal, (x - 30, y - 6), (x - 22, y + 6)) == 1.0
    assert bright(sagittal, (x + 22, y - 6), (x + 30, y + 6)) < 0.6
    assert (sagittal.marks["left"], sagittal.marks["right"]) == ("A", "P")


def test_overviews_meet_every_body_of_a_scoliotic_spine_in_its_middle(spine):
    sagittal, coronal = overviews(*spine, cut_off=["L4"])
    for picture, extent in ((sagittal, DEPTH), (coronal, WIDTH)):
        bodies = loops(picture, "body")
        assert len(bodies) == len(CENTRES)
        for body in bodies:
            assert np.ptp(body[:, 0]) == pytest.approx(extent, abs=3.0)
            assert np.ptp(body[:, 1]) == pytest.approx(HEIGHT, abs=3.0)
        assert [text for _, _, text in picture.labels] == ["T12", "L1", "L2", "L3", "L4 (cut)"]
    x = {text[:2]: place for place, _, text in coronal.labels}
    assert x["L2"] - x["L4"] == pytest.approx(CENTRES["L4"][0] - CENTRES["L2"][0], abs=2.5)


def test_the_ellipse_lies_inside_the_trabecular_outline(cuts):
    axial, _ = cuts
    from matplotlib.path import Path

    roi = loops(axial, "roi")[0]
    assert Path(loops(axial, "trabecular")[0]).contains_points(roi).all()
    assert roi[:, 1].mean() < loops(axial, "body")[0][:, 1].mean(), "the ellipse lies in the front of the body"


def test_a_label_map_without_vertebrae_still_has_overviews(spine):
    ct, labels = spine
    sagittal, _ = overviews(ct, labels.with_voxels(np.zeros_like(labels.voxels)))
    assert sagittal.lines == ()
    assert "no vertebra" in sagittal.alt
