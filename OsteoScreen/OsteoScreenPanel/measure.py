"""Section 4: Hounsfield units per vertebra, and which rows are stale since a hand has edited their masks."""

from html import escape
from pathlib import Path

import ctk
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.findings import Measure, Severity
from OsteoScreenLib.levels import levels_in
from OsteoScreenLib.panel_columns import PANEL_COLUMNS
from OsteoScreenLib.scene.findings import findings_of, usable_levels
from OsteoScreenLib.scene.measured import (
    CHART,
    EDITED_SINCE,
    OUTLINE,
    measurements_of,
    show_measured,
    show_rad_scores,
    to_measure,
)
from OsteoScreenLib.scene.tables import rows_of
from OsteoScreenLib.scene.working_case import facts_now
from OsteoScreenPanel import dependencies
from OsteoScreenPanel.plots import show_charts
from OsteoScreenPanel.tables import fill, select_row

SIGNS = {Severity.NOTE: "·", Severity.CAUTION: "⚠", Severity.CLOSED: "✗"}

RAD_SCORE = ["Level", "Region", "Rad-score", "Probability", "Training range"]


class MeasureSection:
    """The section's widgets, wired; `select` follows the chosen vertebra."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.ui.measureButton.connect("clicked()", self.onMeasure)
        self.ui.chartButton.connect("clicked()", self.onChart)
        self.ui.liveCheckBox.connect("toggled(bool)", self.onLive)
        self.ui.measureTable.connect("cellClicked(int,int)", self.onRow)
        self.ui.measureInstallButton.connect("clicked()", self.onInstall)
        self.ui.signaturePathLineEdit.filters = ctk.ctkPathLineEdit.Files
        self.ui.signaturePathLineEdit.connect("currentPathChanged(QString)", lambda path: self.refreshButtons())
        self.ui.radScoreButton.connect("clicked()", self.onRadScore)
        self.scored = None

    @property
    def rows(self):
        case = self.panel.case
        table = measurements_of(case.segmentation) if case.segmentation is not None else None
        return rows_of(table) if table is not None else []

    @property
    def findings(self):
        segmentation = self.panel.case.segmentation
        return findings_of(segmentation) if segmentation is not None else ()

    def onMeasure(self):
        case = self.panel.case
        try:
            labels = case.labels()
            levels = to_measure(case.segmentation, labels)
            node = case.segmentation
            parameters = {"levels": levels, "segmentation": facts_now(node, case.volume)}
            self.panel.work.start(
                "measure", parameters, case.ct(), labels, self.ui.measureCollapsibleButton,
                lambda measured: self.onMeasured(node, measured, labels),
            )  # fmt: skip
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def onMeasured(self, node, measured, labels):
        slicer.mrmlScene.SaveStateForUndo()
        show_measured(node, measured, labels)
        self.panel.work.say(_("Measured {levels}.").format(levels=", ".join(measured.table["level"])))
        self.panel.onEditsSettled()

    def onRadScore(self):
        case = self.panel.case
        parameters = {"signature": str(Path(self.ui.signaturePathLineEdit.currentPath).absolute())}
        try:
            node = case.segmentation
            labels = case.labels()
            parameters["levels"] = usable_levels(node, levels_in(labels), Measure.FEATURES)
            self.panel.work.start(
                "rad_score", parameters, case.ct(), labels, self.ui.radScoreGroupBox,
                lambda table: self.onScored(node, table),
            )  # fmt: skip
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def onScored(self, node, table):
        from OsteoScreenLib.signature.doubt import row_in_words

        self.scored = self.masks
        slicer.mrmlScene.SaveStateForUndo()
        show_rad_scores(node, table)
        self.panel.work.say("")
        fill(
            self.ui.radScoreTable,
            RAD_SCORE,
            [[row["level"], row["roi"], *row_in_words(row)] for row in table.to_dict("records")],
        )

    @property
    def masks(self):
        """The outlines as they are, to tell whether scores still belong to them."""
        return [(record.level, record.mask) for record in self.panel.case.review()]

    def remeasureIfLive(self):
        stale = any(row[OUTLINE] == EDITED_SINCE for row in self.rows)
        if stale and self.ui.liveCheckBox.checked and self.ui.measureButton.enabled:
            self.onMeasure()

    def onLive(self, live):
        self.panel.case.setParameter("live", "yes" if live else "")
        self.remeasureIfLive()

    def onChart(self):
        show_charts([self.panel.case.segmentation.GetNodeReference(CHART)])

    def onRow(self, row, column):
        self.panel.goTo(self.rows[row]["level"])

    def onInstall(self):
        dependencies.install("measure", self.panel.work.say)
        self.panel.refresh()

    def refresh(self):
        rows, findings = self.rows, self.findings
        stale = [number for number, row in enumerate(rows) if row[OUTLINE] == EDITED_SINCE]
        fill(
            self.ui.measureTable,
            [_("Level"), *(f"{_(one.title)}\n{one.unit}" for one in PANEL_COLUMNS), _("Outline")],
            [[row["level"], *(one.text(row, findings) for one in PANEL_COLUMNS), _outline(row)] for row in rows],
            stale,
        )
        self.ui.findingsLabel.text = "".join(
            f"<p>{SIGNS[one.severity]} {escape(one.sentence, quote=False)}</p>" for one in findings
        )
        self.ui.findingsLabel.visible = bool(findings)
        if self.scored != self.masks:
            fill(self.ui.radScoreTable, RAD_SCORE, [])
        again = _("Measure {n} edited again").format(n=len(stale))
        self.ui.measureButton.text = again if stale else _("Measure")
        self.ui.liveCheckBox.checked = bool(self.panel.case.parameter("live"))
        self.select(self.panel.case.level)
        self.refreshButtons()

    def refreshButtons(self):
        missing = dependencies.missing("measure")
        self.ui.measureDependenciesLabel.text = dependencies.describe(missing)
        self.ui.measureDependenciesLabel.visible = bool(missing)
        self.ui.measureInstallButton.visible = bool(missing)
        ready = self.panel.case.complete and not self.panel.work.running and not missing
        self.ui.measureButton.enabled = ready
        self.ui.chartButton.enabled = bool(self.rows)
        missing = dependencies.missing("report")
        self.ui.radScoreDependenciesLabel.text = dependencies.describe(missing)
        self.ui.radScoreDependenciesLabel.visible = bool(missing)
        idle = self.panel.case.complete and not self.panel.work.running and not missing
        self.ui.radScoreButton.enabled = idle and Path(self.ui.signaturePathLineEdit.currentPath).is_file()

    def select(self, level):
        select_row(self.ui.measureTable, [row["level"] for row in self.rows], level)


def _outline(row):
    return _("✎ edited since") if row[OUTLINE] == EDITED_SINCE else _("as measured")
