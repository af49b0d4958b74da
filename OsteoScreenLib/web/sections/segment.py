"""2 Segment: the networks, or a label map of the person's own, outline the vertebrae; then they are measured."""

from pathlib import Path
from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.scene.working_case import add_segmented
from OsteoScreenLib.segmentation.engines import ST_UNET

if TYPE_CHECKING:
    from OsteoScreenLib.result import Segmentation
    from OsteoScreenLib.web.desk import Case, Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.routes import Files
    from OsteoScreenLib.web.sections.measure import MeasureSection

DEVICES = ("auto", "cpu", "cuda", "mps")


class SegmentSection:
    """Run an engine on the open CT."""

    title = "Segment"

    def __init__(self, desk: "Desk", job: "Job", measure: "MeasureSection", files: "Files") -> None:
        self.desk, self.job, self.measure = desk, job, measure
        files.take("labels", lambda paths: self.run(paths[0]))
        desk.state.update({"device": DEVICES[0], "devices": list(DEVICES), "made_by": "", "notes": []})
        desk.opened.append(self._forget)

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        with html.Div(classes="d-flex align-center ga-2"):
            v3.VBtn(
                "Segment", id="segment", prepend_icon="mdi-play", color="primary", size="small",
                disabled=("!ct_name || job_running",), click=self.desk.action(self.run),
            )  # fmt: skip
            v3.VBtn(
                "Cancel", id="cancel", size="small", variant="outlined", v_if="job_running",
                click=self.desk.action(self.job.cancel),
            )  # fmt: skip
            v3.VSpacer()
            v3.VSelect(
                v_model="device", items=("devices",), density="compact", variant="plain", hide_details=True,
                title="Where the networks run", style="max-width: 90px",
            )  # fmt: skip
        with html.Div(v_if="job_running", classes="mt-2"):
            v3.VProgressLinear(model_value=("job_percent",), height=8, rounded=True, color="primary", id="progress")
            html.Div("{{ job_message }} ({{ job_percent }} %)", id="job", classes="text-caption")
        html.Div(
            "Or use a label map of your own",
            classes="link mt-2", v_if="ct_name && !job_running", raw_attrs=['data-choose="labels"'],
        )  # fmt: skip
        html.Div("{{ made_by }}", v_if="made_by", id="made-by", classes="text-caption mt-2")
        html.Div("{{ note }}", v_for="note of notes", key="note", classes="text-caption text-medium-emphasis")

    async def run(self, engine: str | Path = ST_UNET) -> None:
        """Outline the vertebrae of the open CT, by our networks or from a label map, and measure them."""
        case = self.desk.case
        if case is None:
            raise InputError("There is no CT yet; open one first.")
        parameters = {"engine": str(engine), "device": self.desk.state.device}
        found = await self.job.run("segment", parameters, case.volume)
        if self.desk.case is case:
            self._show(case, found)
            await self.measure.run()

    def _show(self, case: "Case", found: "Segmentation") -> None:
        node = add_segmented(self.desk.slicer.scene, found, case.volume_node)
        self.desk.outline(node)
        with self.desk.state as state:
            where = "" if found.device == "none" else f", on {found.device}"
            state.made_by = f"{len(found.findings)} vertebrae by {found.engine}{where}"
            state.notes = list(found.notes)

    def _forget(self, _: "Case") -> None:
        self.desk.state.update({"made_by": "", "notes": []})
