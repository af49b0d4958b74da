"""3 Review: the vertebrae that were found, one by one: go there, correct, accept or reject; shift all names."""

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.annotation.review import Status, record_of
from OsteoScreenLib.levels import BY_NAME, SCREENED
from OsteoScreenLib.scene.measured import mark_stale
from OsteoScreenLib.scene.review import look_again, review_of, set_status, shift_levels

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Case, Desk
    from OsteoScreenLib.web.editing import Editing

ICONS = {
    Status.TO_REVIEW: "mdi-circle-outline",
    Status.EDITED: "mdi-pencil-circle-outline",
    Status.ACCEPTED: "mdi-check-circle",
    Status.REJECTED: "mdi-close-circle",
}


class ReviewSection:
    """The list of vertebrae, and the tools to correct them with."""

    title = "Review"

    def __init__(self, desk: "Desk", editing: "Editing") -> None:
        self.desk, self.editing = desk, editing
        desk.state.update({"levels": [], "level": ""})
        desk.opened.append(lambda case: desk.state.update({"levels": [], "level": ""}))
        desk.edited.append(self.refresh)

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        html.Div("Nothing to review yet: segment a CT first.", v_if="!levels.length", classes="text-caption")
        with (
            v3.VTable(v_if="levels.length", density="compact", hover=True, classes="numbers", id="levels"),
            html.Tbody(),
            html.Tr(
                v_for="one of levels", key="one.name", classes=("{ chosen: one.name === level }",),
                click=(self.desk.action(self.desk.go_to), "[one.name]"), title=("'Go to ' + one.name",),
            ),
        ):  # fmt: skip
            with html.Td():
                html.Span("{{ one.name }}", classes="level", style=("{ borderColor: one.color }",))
            with html.Td():
                v3.VIcon("{{ one.icon }}", size="small", classes="mr-1")
                html.Span("{{ one.status }}")
            with html.Td(classes="text-right"):
                for icon, status, tip in (
                    ("mdi-check", Status.ACCEPTED, "Accept (A)"),
                    ("mdi-close", Status.REJECTED, "Reject"),
                ):
                    v3.VBtn(
                        icon=icon, title=tip, classes=status.value, size="x-small", variant="text",
                        click_stop=(self.desk.action(self.decide), f"[one.name, '{status.value}']"),
                        __events=[("click_stop", "click.stop")],
                    )  # fmt: skip
        with html.Div(v_if="levels.length", classes="d-flex align-center ga-1 mt-1"):
            html.Span("All names", classes="text-caption")
            v3.VBtn("Up", id="shift-up", size="x-small", variant="outlined", prepend_icon="mdi-arrow-up",
                    title="Each vertebra takes the name of the one above: L2 becomes L1",
                    click=(self.desk.action(self.shift), "[-1]"))  # fmt: skip
            v3.VBtn("Down", id="shift-down", size="x-small", variant="outlined", prepend_icon="mdi-arrow-down",
                    title="Each vertebra takes the name of the one below: L1 becomes L2",
                    click=(self.desk.action(self.shift), "[1]"))  # fmt: skip
        with html.Div(v_if="levels.length"):
            self.editing.build()

    def decide(self, level: str, status: str) -> None:
        """Accept or reject a level; the same again takes the decision back."""
        node, wanted = self.desk.case.segmentation, Status(status)
        again = record_of(review_of(node), level).status is wanted
        set_status(node, level, Status.TO_REVIEW if again else wanted, self.desk.watch.seconds(level))
        self.desk.look_again()

    def shift(self, by: int) -> None:
        """Rename all levels by one."""
        self.editing.forget_steps()
        shift_levels(self.desk.case.segmentation, by)
        self.desk.look_again()

    def refresh(self, case: "Case") -> None:
        """Show the review as it is now."""
        review = look_again(case.segmentation, self.desk.labels)
        mark_stale(case.segmentation, self.desk.labels)
        with self.desk.state as state:
            state.levels = [
                {
                    "name": record.level,
                    "status": record.status.value,
                    "icon": ICONS[record.status],
                    "color": "rgb({:.0f}, {:.0f}, {:.0f})".format(*(255 * c for c in BY_NAME[record.level].color)),
                }
                for record in review
            ]
            levels = [record.level for record in review]
            if state.level not in levels:
                state.level = next((level for level in SCREENED if level in levels), "")
            self.desk.watch.turn_to(state.level or None)
