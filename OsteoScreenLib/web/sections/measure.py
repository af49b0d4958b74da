"""4 Measure: the numbers of each vertebra, which of them are out of date, and measuring these again."""

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.findings import Severity
from OsteoScreenLib.panel_columns import PANEL_COLUMNS
from OsteoScreenLib.scene.findings import findings_of
from OsteoScreenLib.scene.measured import EDITED_SINCE, OUTLINE, measurements_of, show_measured, to_measure
from OsteoScreenLib.scene.tables import rows_of
from OsteoScreenLib.scene.working_case import facts_now

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Case, Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.sections.rad_score import RadScores

KINDS = {Severity.NOTE: "info", Severity.CAUTION: "warning", Severity.CLOSED: "error"}
"""How the page marks each severity of a finding."""


class MeasureSection:
    """The table of measurements."""

    title = "Measure"

    def __init__(self, desk: "Desk", job: "Job", scores: "RadScores") -> None:
        self.desk, self.job, self.scores = desk, job, scores
        desk.state.update(
            {"rows": [], "columns": [[one.title, one.unit] for one in PANEL_COLUMNS], "unmeasured": [], "quality": []}
        )
        desk.opened.append(self.refresh)
        desk.edited.append(self.refresh)

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        with v3.VTable(v_if="rows.length", density="compact", hover=True, classes="numbers", id="measurements"):
            with html.Thead(), html.Tr():
                html.Th("Level")
                with html.Th(v_for="[name, unit] of columns", key="name"):
                    html.Div("{{ name }}")
                    html.Div("{{ unit }}", classes="text-medium-emphasis")
            with (
                html.Tbody(),
                html.Tr(
                    v_for="row of rows",
                    key="row.level",
                    click=(self.desk.action(self.desk.go_to), "[row.level]"),
                    classes=("{ stale: row.stale, chosen: row.level === level }",),
                    title=("row.stale ? 'The mask was edited since this was measured' : 'Go to ' + row.level",),
                ),  # fmt: skip
            ):
                with html.Td():
                    html.Span("{{ row.level }}", classes="level", style=("{ borderColor: row.color }",))
                    v3.VIcon("mdi-alert-circle-outline", v_if="row.stale", size="x-small", classes="ml-1")
                html.Td("{{ value }}", v_for="(value, n) of row.values", key="n")
        html.Div(
            "Out of date: {{ unmeasured.join(', ') }}", v_if="rows.length && unmeasured.length", id="stale",
            classes="text-caption text-warning mt-1",
        )  # fmt: skip
        v3.VBtn(
            "{{ rows.length ? 'Measure again' : 'Measure' }}", id="measure", size="small", classes="mt-2",
            prepend_icon="mdi-ruler", disabled=("job_running || !unmeasured.length",),
            click=self.desk.action(self.run),
        )  # fmt: skip
        v3.VAlert(
            "{{ one.text }}", v_for="one of quality", key="one.text", type=("one.kind",), variant="tonal",
            density="compact", classes="caution finding",
        )  # fmt: skip
        self.scores.build()

    async def run(self) -> None:
        """Measure the levels that have no number of the mask they have now."""
        self.desk.look_again()
        case, labels = self.desk.case, self.desk.labels
        levels = to_measure(case.segmentation, labels)
        if not levels:
            return
        facts = {"levels": levels, "segmentation": facts_now(case.segmentation, case.volume_node)}
        measured = await self.job.run("measure", facts, case.volume, labels)
        if self.desk.case is case:
            show_measured(case.segmentation, measured, labels)
            self.desk.look_again()

    def refresh(self, case: "Case") -> None:
        """Show the table as it is now, and which rows are out of date."""
        table = measurements_of(case.segmentation) if case.segmentation else None
        colors = {level["name"]: level["color"] for level in self.desk.state.levels}
        rows = rows_of(table) if table else []
        findings = findings_of(case.segmentation) if case.segmentation else ()
        with self.desk.state as state:
            state.rows = [
                {
                    "level": row["level"],
                    "color": colors.get(row["level"], "#888"),
                    "stale": row[OUTLINE] == EDITED_SINCE,
                    "values": [one.text(row, findings) for one in PANEL_COLUMNS],
                }
                for row in rows
            ]
            state.quality = [{"text": one.sentence, "kind": KINDS[one.severity]} for one in findings]
            state.unmeasured = [] if self.desk.labels is None else to_measure(case.segmentation, self.desk.labels)
