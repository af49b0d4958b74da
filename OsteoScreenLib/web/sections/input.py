"""1 Input: a CT comes in, and what is known of it is shown."""

import asyncio
from dataclasses import replace
from pathlib import Path

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.measurement.quality import cautions
from OsteoScreenLib.progress import never, silent
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.report.page import UNKNOWN, acquisition_facts
from OsteoScreenLib.scene.volumes import add_volume, right_handed
from OsteoScreenLib.volume import Volume
from OsteoScreenLib.web.desk import Case, Desk


class InputSection:
    """Open a CT, by path or from the browser."""

    title = "Input"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.state.update({"ct_name": "", "facts": [], "unknown": "", "cautions": []})

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        html.Div("{{ ct_name }}", v_if="ct_name", classes="font-weight-medium mb-1", id="ct-name")
        with (
            v3.VTable(v_if="facts.length", density="compact", classes="facts"),
            html.Tbody(),
            html.Tr(v_for="[name, value] of facts", key="name"),
        ):
            html.Td("{{ name }}", classes="text-medium-emphasis")
            html.Td("{{ value }}")
        html.Div("Unknown: {{ unknown }}", v_if="unknown", classes="text-caption text-medium-emphasis mt-1")
        v3.VAlert(
            "{{ text }}",
            v_for="text of cautions", key="text", type="warning", variant="tonal", density="compact", classes="caution",
        )  # fmt: skip
        with html.Div(classes="drop-zone mt-2", click="osteoscreen.choose()"):
            v3.VIcon("mdi-tray-arrow-down", size="large")
            html.Div("Drop a CT here, or click to choose: NIfTI, NRRD, MetaImage, DICOM files or a zip of them")
        v3.VProgressLinear(v_if="uploaded", model_value=("uploaded",), classes="mt-1", height=6)

    async def open_path(self, path: Path | str, name: str | None = None) -> None:
        """Open a CT or a saved scene; `name` is what the person calls it. Raises `InputError`."""
        with self.desk.busy(f"Reading {name or Path(path).name}"):
            volume = await asyncio.to_thread(read_volume, path, None, silent, never)
            self.open_volume(replace(volume, name=name or volume.name))

    def open_volume(self, volume: Volume) -> None:
        """Show a CT in place of what was open."""
        desk = self.desk
        volume = right_handed(volume)
        desk.slicer.scene.Clear(False)
        desk.case = Case(volume, add_volume(desk.slicer.scene, volume))
        desk.views.show(desk.case.volume_node)
        with desk.state as state:
            state.ct_name = volume.name
            facts = acquisition_facts(volume)
            state.facts = [fact for fact in facts if fact[1] != UNKNOWN]
            state.unknown = ", ".join(name.lower() for name, value in facts if value == UNKNOWN)
            state.cautions = list(cautions(volume))
        for call in desk.opened:
            call(desk.case)
