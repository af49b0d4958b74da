"""Cohort: a table of scores and labels comes in, and ROC and decision curves come out."""

import asyncio
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.study import study_table
from OsteoScreenLib.labelled_table import read_table
from OsteoScreenLib.report.evaluation_page import PAGE, write_evaluation
from OsteoScreenLib.scene.evaluation import add_evaluation
from OsteoScreenLib.web.sections.number_table import number_table

if TYPE_CHECKING:
    import pandas as pd

    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.routes import Files


class CohortSection:
    """Compare predictors over many cases."""

    title = "Cohort"

    def __init__(self, desk: "Desk", files: "Files") -> None:
        self.desk, self.files = desk, files
        self.table: pd.DataFrame | None = None
        files.take("cohort", self.open_table)
        desk.state.update(
            {
                "cohort": "", "cohort_columns": [], "cohort_label": None, "cohort_scores": [], "cohort_set": None,
                "aucs": [], "curves": [], "evaluation": "", "evaluating": False,
            }
        )  # fmt: skip

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        with html.Div(classes="drop-zone", raw_attrs=['data-choose="cohort"']):
            html.Span("{{ cohort || 'Choose a table (CSV): a row per case, with a label and scores' }}", id="cohort")
        with html.Div(v_if="cohort_columns.length"):
            common = {"items": ("cohort_columns",), "density": "compact", "hide_details": True, "variant": "underlined"}
            v3.VSelect(v_model="cohort_label", label="Label (yes/no)", id="cohort-label", **common)
            v3.VSelect(v_model="cohort_scores", label="Scores", multiple=True, id="cohort-scores", **common)
            v3.VSelect(v_model="cohort_set", label="Set (optional)", clearable=True, **common)
            v3.VBtn(
                "Compare", id="compare", size="small", classes="mt-2", prepend_icon="mdi-chart-bell-curve-cumulative",
                disabled=("!cohort_label || !cohort_scores.length",), click=self.desk.action(self.compare),
            )  # fmt: skip
        number_table("aucs", "aucs")
        html.Img(v_for="address of curves", key="address", src=("address",), classes="curve", click="evaluating = true")
        v3.VBtn("Whole page", v_if="evaluation", size="small", variant="tonal", click="evaluating = true")
        with v3.VDialog(v_model="evaluating", width="1100"), v3.VCard(), html.Div(classes="reading"):
            v3.VBtn(icon="mdi-close", click="evaluating = false", size="small", classes="close", title="Close")
            html.Iframe(v_if="evaluating", src=("evaluation",), raw_attrs=['sandbox=""'])

    async def open_table(self, files: list[Path]) -> None:
        """Take a table. Raises `InputError` if it is none."""
        table = await asyncio.to_thread(read_table, files[0])
        self.table = table
        columns = [str(name) for name in table.columns]
        with self.desk.state as state:
            state.cohort, state.cohort_columns = files[0].name, columns
            state.cohort_label = "label" if "label" in columns else None
            state.cohort_scores, state.cohort_set = [], None
            state.aucs, state.curves, state.evaluation = [], [], ""

    async def compare(self) -> None:
        """Compare the chosen scores: AUCs with intervals, ROC and decision curves, here and in the scene."""
        state = self.desk.state
        if self.table is None:
            raise InputError("Choose a table first.")
        name, scores = state.cohort, list(state.cohort_scores)
        folder = Path(mkdtemp(prefix="cohort-", dir=self.desk.folder))
        with self.desk.busy(f"Comparing {len(scores)} scores"):
            parts = await asyncio.to_thread(study_table, self.table, state.cohort_label, scores, state.cohort_set)
            await asyncio.to_thread(write_evaluation, parts, folder, name)
        add_evaluation(self.desk.slicer.scene, parts, Path(name).stem)
        with state:
            state.aucs = [
                [part.name, one, f"AUC {curve.auc:.3f}", "{:.3f} to {:.3f}".format(*curve.interval())]
                for part in parts
                for one, curve in part.predictors.curves.items()
            ]
            state.curves = [self.files.offer(folder / f"{one}.svg", shown=True) for one in ("roc", "decision_curves")]
            state.evaluation = self.files.offer(folder / PAGE, shown=True)
