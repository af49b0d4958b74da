"""The case in the panel: which CT, which outlines, which vertebra. All of it is kept in the scene."""

import slicer

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.measured import mark_stale_masks
from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, choose, chosen, parameter_node
from OsteoScreenLib.scene.review import centre_of, jump_to, look_again, review_of
from OsteoScreenLib.scene.working_case import ct_of, labels_now

LEVEL = "level"


class Case:
    """The nodes and the vertebra that the panel works on, read from the scene's parameter node each time."""

    @property
    def volume(self):
        return chosen(slicer.mrmlScene, VOLUME)

    @volume.setter
    def volume(self, node):
        choose(slicer.mrmlScene, VOLUME, node)

    @property
    def segmentation(self):
        return chosen(slicer.mrmlScene, SEGMENTATION)

    @segmentation.setter
    def segmentation(self, node):
        choose(slicer.mrmlScene, SEGMENTATION, node)
        if self.complete:
            self.lookAgain()

    @property
    def complete(self):
        """Whether there are a CT and outlines over it."""
        return self.volume is not None and self.segmentation is not None

    @property
    def level(self):
        """The name of the chosen vertebra, or None."""
        return self.parameter(LEVEL) or None

    def parameter(self, name, default=""):
        return parameter_node(slicer.mrmlScene).GetParameter(name) or default

    def setParameter(self, name, value):
        parameter_node(slicer.mrmlScene).SetParameter(name, value)

    def ct(self):
        return ct_of(self.volume)

    def labels(self):
        return labels_now(self.segmentation, self.volume)

    def review(self):
        return review_of(self.segmentation) if self.complete else ()

    def lookAgain(self):
        """Note what a hand has changed; return whether the outlines can be read as ours."""
        if not self.complete:
            return False
        try:
            labels = self.labels()
        except OsteoScreenError:
            return False
        review = look_again(self.segmentation, labels)
        mark_stale_masks(self.segmentation, {record.level: record.mask for record in review if record.mask})
        return True

    def goTo(self, level):
        self.setParameter(LEVEL, level)
        centre = centre_of(self.segmentation, level)
        if centre is not None:
            jump_to(slicer.mrmlScene, centre)
