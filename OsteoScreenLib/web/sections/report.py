"""Report: the page of the case, and everything to take away: outlines, scene, all files."""

import asyncio
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.annotation.seg_nrrd import write_segmentation
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.result_folder import REPORT, SCENE, SEGMENTATION
from OsteoScreenLib.scene.bundle import save_bundle
from OsteoScreenLib.scene.review import review_of
from OsteoScreenLib.scene.working_case import labels_now, segmentation_now
from OsteoScreenLib.segmentation_json import to_json

if TYPE_CHECKING:
    from OsteoScreenLib.annotation.review import Review
    from OsteoScreenLib.result import Segmentation
    from OsteoScreenLib.web.desk import Case, Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.routes import Files
    from OsteoScreenLib.worker import Worker


class ReportSection:
    """What is made of the case as it stands, corrected or not, without rejected levels."""

    title = "Report"

    def __init__(self, desk: "Desk", job: "Job", files: "Files") -> None:
        self.desk, self.job, self.files = desk, job, files
        self.result: Path | None = None
        self._made_of: tuple[np.ndarray, Review] | None = None
        desk.state.update({"report": "", "reading": False, "download": ""})
        desk.opened.append(lambda _: self._forget())
        desk.edited.append(self._check)

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        with html.Div(classes="d-flex flex-wrap ga-2"):
            for name, text, icon, work, ready, hint in (
                ("make-report", "Make report", "mdi-file-document-outline", self.make, "levels.length && !job_running",
                 "The report, with every radiomics feature, of the masks as they are now"),
                ("read-report", "Read", "mdi-book-open-outline", self.read, "report", "Read the report here"),
                ("save-all", "All files", "mdi-folder-zip-outline", self.save_all, "report",
                 "Report, tables, outlines and scene as one zip"),
                ("save-segmentation", "Outlines", "mdi-shape-outline", self.save_segmentation, "levels.length",
                 "The masks as they are now, as .seg.nrrd"),
                ("save-scene", "Scene", "mdi-content-save-outline", self.save_scene, "ct_name",
                 "Everything as a 3D Slicer scene (.mrb), to go on with here or in 3D Slicer"),
            ):  # fmt: skip
                v3.VBtn(
                    text, id=name, prepend_icon=icon, title=hint, disabled=(f"!({ready})",), size="small",
                    variant="tonal", click=self.desk.action(work),
                )  # fmt: skip
        with v3.VDialog(v_model="reading", width="960"), v3.VCard(), html.Div(classes="reading"):
            v3.VBtn(icon="mdi-close", click="reading = false", size="small", classes="close", title="Close")
            html.Iframe(v_if="reading", src=("report",), raw_attrs=['sandbox=""', 'id="report-page"'])

    async def make(self) -> None:
        """Write all files of the case from the masks as they are now."""
        case, found = self.desk.case, self._now()
        made_of = labels_now(case.segmentation, case.volume_node), review_of(case.segmentation)
        parameters = {"segmentation": to_json(found)}
        result = await self.job.run("screen", parameters, case.volume, found.labels.voxels, read=self._kept)
        if self.desk.case is not case:
            return
        self.result, self._made_of = result, made_of
        self._check(self.desk.case)
        if self.result is None:
            raise InputError("The masks were changed while the report was made; make it again.")
        with self.desk.state as state:
            state.report = self.files.offer(result / REPORT, shown=True)
            state.reading = True

    def read(self) -> None:
        """Show the report."""
        self.desk.state.reading = True

    async def save_all(self) -> None:
        """Hand out all files of the case."""
        name = Path(mkdtemp(dir=self.desk.folder)) / _tame(self.desk.case.volume.name)
        self._hand_out(Path(await asyncio.to_thread(shutil.make_archive, str(name), "zip", self.result)))

    async def save_segmentation(self) -> None:
        """Hand out the masks as they are now."""
        path = Path(mkdtemp(dir=self.desk.folder)) / f"{_tame(self.desk.case.volume.name)}-{SEGMENTATION}"
        await asyncio.to_thread(write_segmentation, self._now().labels, path)
        self._hand_out(path)

    def save_scene(self) -> None:
        """Hand out the scene."""
        path = Path(mkdtemp(dir=self.desk.folder)) / f"{_tame(self.desk.case.volume.name)}-{SCENE}"
        with self.desk.busy("Saving the scene"):
            save_bundle(self.desk.slicer.scene, path)
        self.desk.keep()
        self._hand_out(path)

    def _now(self) -> "Segmentation":
        case = self.desk.case
        if case is None or case.segmentation is None:
            raise InputError("There are no outlines yet; segment the CT first.")
        return segmentation_now(case.segmentation, case.volume_node)

    def _kept(self, worker: "Worker") -> Path:
        return Path(shutil.move(worker.inputs.result, mkdtemp(prefix="case-", dir=self.desk.folder)))

    def _hand_out(self, path: Path) -> None:
        with self.desk.state as state:
            state.download = self.files.offer(path)

    def _check(self, case: "Case") -> None:
        """Forget the report if masks or decisions have changed since."""
        if self.result is not None:
            labels, review = self._made_of
            if review != review_of(case.segmentation) or not np.array_equal(labels, self.desk.labels):
                self._forget()

    def _forget(self) -> None:
        if self.result is not None:
            shutil.rmtree(self.result, ignore_errors=True)
        self.result = None
        with self.desk.state as state:
            state.report, state.reading = "", False


def _tame(name: str) -> str:
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in name).strip("._") or "case"
