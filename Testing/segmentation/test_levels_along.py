"""The spine's line and its levels, found by the networks alone, in the CT's own frame however the patient lies."""

import numpy as np
import pytest

from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.segmentation.levels_along import levels_along
from OsteoScreenLib.segmentation.pose import moved, rotation

OFF_MM, OFF_LEVELS = 20.0, 0.6
"""How far the line may run from a body's middle, and how far off its height may be there."""


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_line_and_heights_are_true_however_the_patient_lies(degrees: float) -> None:
    phantom = make_phantom(1_000_003, (110, 90, 130), (3.5, 3.5, 3.5))
    turn = rotation(phantom.volume, degrees, 0)
    line = levels_along(moved(phantom.volume, turn), "cpu").line
    for n, level in enumerate(SCREENED):
        body = turn[:3, :3] @ phantom.scene.centre(level) + turn[:3, 3]
        nearest = np.linalg.norm(line.points - body, axis=1).argmin()
        assert np.linalg.norm(line.points[nearest] - body) < OFF_MM
        assert abs(line.heights[nearest] - n) < OFF_LEVELS
