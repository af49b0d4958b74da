"""Detect: what a detector sees on axial slices along the outlined vertebrae. A CT class is not a T-score."""

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.bone_status import STATUSES
from OsteoScreenLib.scene.detected import detection_of, set_boxes_visible, show_detection

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.job import Job

_COLORS = {one.name: "rgb({:.0f}, {:.0f}, {:.0f})".format(*(255 * c for c in one.color)) for one in STATUSES}


class DetectSection:
    """Boxes on slices, and each vertebra's status by their vote."""

    title = "Detect"

    def __init__(self, desk: "Desk", job: "Job") -> None:
        self.desk, self.job = desk, job
        desk.state.update({"detected": [], "detector": "", "boxes": True, "box_confidence": 0.3})
        desk.opened.append(lambda _: self._refresh())
        desk.outlined.append(lambda _: self._refresh())
        desk.state.change("boxes")(lambda **_: self._show_boxes())
        desk.state.change("box_confidence")(lambda **_: self._show())

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        v3.VBtn(
            "Detect", id="detect", size="small", prepend_icon="mdi-image-search-outline",
            disabled=("!levels.length || job_running",), click=self.desk.action(self.run),
        )  # fmt: skip
        with (
            v3.VTable(v_if="detected.length", density="compact", hover=True, classes="numbers mt-2", id="detected"),
            html.Tbody(),
            html.Tr(v_for="one of detected", key="one.level", click=(self.desk.action(self.desk.go_to), "[one.level]")),
        ):
            html.Td("{{ one.level }}")
            with html.Td():
                html.Span("{{ one.status }}", classes="level", style=("{ borderColor: one.color }",))
            html.Td("{{ one.share }} of the vote")
            html.Td("{{ one.agreeing }}/{{ one.slices }} slices")
        with html.Div(v_if="detected.length"):
            v3.VCheckbox(v_model="boxes", label="Boxes", density="compact", hide_details=True)
            v3.VSlider(
                v_model="box_confidence", label="Confidence from", min=0, max=1, step=0.05, thumb_label=True,
                density="compact", hide_details=True,
            )  # fmt: skip
        html.Div("{{ detector }}", v_if="detector", classes="text-caption mt-1")

    async def run(self) -> None:
        """Look at the slices along the outlined bodies."""
        case = self.desk.case
        found = await self.job.run("detect", {"device": self.desk.state.device}, case.volume, self.desk.labels)
        if self.desk.case is case:
            show_detection(case.segmentation, found, self.desk.state.box_confidence)
            self._refresh()

    def _refresh(self) -> None:
        case = self.desk.case
        found = detection_of(case.segmentation) if case.segmentation else None
        with self.desk.state as state:
            state.detected = [
                {
                    "level": one.level, "status": one.status, "color": _COLORS[one.status],
                    "share": f"{one.confidence:.0%}", "agreeing": one.agreeing, "slices": one.slices,
                }
                for one in (found.vertebrae if found else ())
            ]  # fmt: skip
            trained = (
                f"Detector trained on {found.model.trained_in_brief}. A CT class is not a T-score." if found else ""
            )
            state.detector = " ".join([trained, *(found.notes if found else ())])
        self._show_boxes()

    def _show(self) -> None:
        case = self.desk.case
        if case is not None and case.segmentation is not None and (found := detection_of(case.segmentation)):
            show_detection(case.segmentation, found, self.desk.state.box_confidence)
            self._show_boxes()

    def _show_boxes(self) -> None:
        case = self.desk.case
        if case is not None and case.segmentation is not None:
            set_boxes_visible(case.segmentation, self.desk.state.boxes)
