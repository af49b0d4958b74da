"""The page around the sections: bar, drawer, views, footer."""

from typing import TYPE_CHECKING

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.web.desk import Desk
from OsteoScreenLib.web.shortcuts import HELP
from OsteoScreenLib.web.views import FOUR_UP, LAYOUTS, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from OsteoScreenLib.web.sections import Section

DRAWER_WIDTH = 370
FOLDED = ("Detect", "Radiograph", "Cohort", "Training data")
"""Sections that are folded at first."""


def build_page(desk: Desk, sections: "Sequence[Section]") -> None:
    """Build the one page of the app."""
    desk.state.update(
        {
            "trame__title": "OsteoScreen",
            "trame__favicon": "",
            "busy": "", "error": "", "question": "", "uploaded": 0,
            "theme": "dark", "drawer": True,
            "open_sections": [n for n, section in enumerate(sections) if section.title not in FOLDED],
            "layout": FOUR_UP, "layouts": list(LAYOUTS), "window": next(iter(WINDOWS)), "windows": list(WINDOWS),
        }
    )  # fmt: skip
    with VAppLayout(desk.server, theme=("theme",)) as page:
        _bar(desk)
        with (
            v3.VNavigationDrawer(v_model="drawer", width=DRAWER_WIDTH, permanent=True),
            v3.VExpansionPanels(v_model="open_sections", multiple=True, variant="accordion", flat=True),
        ):
            for number, section in enumerate(sections, start=1):
                with v3.VExpansionPanel(id=f"section-{section.title.lower().replace(' ', '-')}"):
                    v3.VExpansionPanelTitle(f"{number}  {section.title}", classes="section-title")
                    with v3.VExpansionPanelText(eager=True):
                        section.build()
        with v3.VMain(), html.Div(classes="views"):
            desk.views.place(page)
        with v3.VSnackbar(model_value=("!!error",), timeout=-1, color="error", location="top", z_index=3000):
            html.Span("{{ error }}", id="error")
            with v3.Template(v_slot_actions=True):
                v3.VBtn("Close", click="error = ''", id="close-error")
        with v3.VDialog(model_value=("!!question",), persistent=True, width="420"), v3.VCard():
            v3.VCardText("{{ question }}", id="question")
            with v3.VCardActions():
                v3.VBtn("Keep this case", id="answer-no", click=(desk.answer, "[false]"))
                v3.VSpacer()
                v3.VBtn("Open the other", id="answer-yes", click=(desk.answer, "[true]"))
        with v3.VFooter(app=True, classes="footer"):
            v3.VProgressCircular(v_if="busy", indeterminate=True, size=14, width=2, classes="mr-2")
            html.Span("{{ busy }}", v_if="busy", id="busy")
            v3.VSpacer()
            html.Span(RESEARCH_USE)


def _bar(desk: Desk) -> None:
    with v3.VAppBar(density="compact", flat=True, border=True):
        v3.VAppBarNavIcon(click="drawer = !drawer", title="Show or hide the panel")
        v3.VAppBarTitle("OsteoScreen")
        v3.VSpacer()
        _choice("window", "windows", "mdi-contrast-circle", "Window of the slice views")
        _choice("layout", "layouts", "mdi-view-grid-outline", "Layout of the views")
        v3.VBtn(icon="mdi-fit-to-page-outline", click=desk.action(desk.views.reset), title="Fit the views (F)")
        v3.VBtn(icon="mdi-keyboard-outline", title=HELP)
        v3.VBtn(
            icon=("theme === 'dark' ? 'mdi-weather-sunny' : 'mdi-weather-night'",),
            click="theme = theme === 'dark' ? 'light' : 'dark'",
            title="Light or dark",
            id="theme",
        )

    desk.opened.append(lambda _: desk.state.update({"window": next(iter(WINDOWS))}))

    @desk.state.change("layout")
    def _(layout: str, **_: object) -> None:
        desk.views.arrange(layout)

    @desk.state.change("window")
    def _(window: str, **_: object) -> None:
        if desk.case is not None:
            desk.case.volume_node.GetDisplayNode().SetWindowLevel(*WINDOWS[window])


def _choice(variable: str, items: str, icon: str, title: str) -> None:
    """Add a small drop-down list for a variable."""
    v3.VSelect(
        v_model=variable, items=(items,), prepend_inner_icon=icon, title=title, density="compact", variant="plain",
        hide_details=True, style="max-width: 190px", classes="mx-1", id=variable,
    )  # fmt: skip
