"""The rad-scores of a signature that the person brings, below the measurements."""

import asyncio
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.findings import Measure
from OsteoScreenLib.levels import levels_in
from OsteoScreenLib.scene.findings import usable_levels
from OsteoScreenLib.scene.measured import show_rad_scores
from OsteoScreenLib.signature.doubt import row_in_words
from OsteoScreenLib.signature.rad_score import read
from OsteoScreenLib.web.sections.number_table import number_table

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.routes import Files


class RadScores:
    """Choose a signature (.json), apply it; scores of masks that have changed since are taken away."""

    def __init__(self, desk: "Desk", job: "Job", files: "Files") -> None:
        self.desk, self.job = desk, job
        self._signature: Path | None = None
        self._labels: np.ndarray | None = None
        files.take("signature", self.choose)
        desk.state.update({"signature": "", "scores": []})
        desk.opened.append(lambda _: self._forget())
        desk.edited.append(lambda _: self._check())

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        with html.Div(v_if="levels.length", classes="mt-2"):
            html.Div(
                "{{ signature ? 'Signature: ' + signature : 'Apply a signature (.json) for rad-scores' }}",
                classes="link", raw_attrs=['data-choose="signature"'],
            )  # fmt: skip
            v3.VBtn(
                "Rad-scores", id="rad-scores", v_if="signature", size="small", classes="mt-1",
                prepend_icon="mdi-calculator", disabled=("job_running",), click=self.desk.action(self.run),
            )  # fmt: skip
            number_table("scores", "scores")

    async def choose(self, files: list[Path]) -> None:
        """Take a signature. Raises `ModelError` if it is none."""
        await asyncio.to_thread(read, files[0])
        self._signature = Path(shutil.copy(files[0], mkdtemp(dir=self.desk.folder)))
        self._forget()
        with self.desk.state as state:
            state.signature = files[0].name

    async def run(self) -> None:
        """Compute the features of the masks as they are now, and their scores."""
        self.desk.look_again()
        case, labels = self.desk.case, self.desk.labels
        levels = usable_levels(case.segmentation, levels_in(labels), Measure.FEATURES)
        facts = {"signature": str(self._signature), "levels": levels}
        table = await self.job.run("rad_score", facts, case.volume, labels)
        if self.desk.case is not case:
            return
        show_rad_scores(case.segmentation, table)
        self._labels = labels
        with self.desk.state as state:
            state.scores = [[row["level"], row["roi"], *row_in_words(row)] for row in table.to_dict("records")]
        self._check()

    def _check(self) -> None:
        if self._labels is not None and not np.array_equal(self._labels, self.desk.labels):
            self._forget()

    def _forget(self) -> None:
        self._labels = None
        with self.desk.state as state:
            state.scores = []
