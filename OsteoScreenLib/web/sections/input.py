"""1 Input: a CT comes in, and what is known of it is shown."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.measurement.acquisition import acquisition_findings
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.report.page import UNKNOWN, acquisition_facts
from OsteoScreenLib.scene.bundle import load_bundle
from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, chosen
from OsteoScreenLib.scene.volumes import add_volume, right_handed
from OsteoScreenLib.scene.working_case import ct_of
from OsteoScreenLib.volume import Volume
from OsteoScreenLib.web.desk import Case, Desk
from OsteoScreenLib.web.routes import Files
from OsteoScreenLib.web.uploads import MAX_UPLOAD, check_bundle, unpacked


class InputSection:
    """Open a CT, by path or from the browser."""

    title = "Input"

    def __init__(self, desk: Desk, files: Files) -> None:
        self.desk = desk
        desk.state.update({"ct_name": "", "facts": [], "unknown": "", "cautions": [], "upload_limit": MAX_UPLOAD})
        files.take("ct", self.open_upload)

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
        with html.Div(id="drop-zone", classes="drop-zone mt-2", raw_attrs=['data-choose="ct"']):
            v3.VIcon("mdi-tray-arrow-down", size=("ct_name ? 'small' : 'large'",))
            html.Span("Drop another CT, or click to choose", v_if="ct_name")
            html.Div(
                "Drop a CT here, or click to choose: NIfTI, NRRD, MetaImage, DICOM files or a zip of them, or a scene "
                "saved here (.mrb)", v_else=True,
            )  # fmt: skip
        v3.VProgressLinear(v_if="uploaded", model_value=("uploaded",), classes="mt-1", height=6)

    async def open_path(self, path: Path | str, name: str | None = None) -> None:
        """Open a CT or a saved scene; `name` is what the person calls it. Raises `InputError`."""
        path = Path(path)
        if self.desk.unsaved and not await self.desk.confirm(
            "What was edited or decided in this case is in no saved scene, and is lost with another one. Open it?"
        ):
            return
        with self.desk.busy(f"Reading {name or path.name}"):
            if path.suffix == ".mrb":
                self.open_scene(path)
                return
            volume = await asyncio.to_thread(read_volume, path)
            self.open_volume(replace(volume, name=name or volume.name))

    async def open_upload(self, files: list[Path]) -> None:
        """Open what the browser sent: an image, a zip, a scene, or the files of a DICOM series. Raises `InputError`."""
        first = files[0]
        if len(files) > 1:
            await self.open_path(first.parent, "DICOM")
        elif first.suffix.lower() == ".zip":
            with tempfile.TemporaryDirectory(dir=self.desk.folder) as folder:
                with self.desk.busy(f"Unpacking {first.name}"):
                    found = await asyncio.to_thread(unpacked, first, Path(folder))
                await self.open_path(found, first.stem)
        else:
            await self.open_path(first)

    def open_volume(self, volume: Volume) -> None:
        """Show a CT in place of what was open."""
        scene, volume = self.desk.slicer.scene, right_handed(volume)
        scene.Clear(False)
        self._show(Case(volume, add_volume(scene, volume)))

    def open_scene(self, path: Path) -> None:
        """Go on with a saved scene in place of what was open. Raises `InputError`."""
        scene = self.desk.slicer.scene
        check_bundle(path)
        scene.Clear(False)
        load_bundle(scene, path)
        volume_node = chosen(scene, VOLUME) or scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        if volume_node is None:
            raise InputError(f"{path.name} holds no CT; open one that was saved with its CT.")
        segmentation = chosen(scene, SEGMENTATION) or scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        self._show(Case(ct_of(volume_node), volume_node, segmentation))

    def _show(self, case: Case) -> None:
        facts = acquisition_facts(case.volume)
        with self.desk.state as state:
            state.ct_name = case.volume.name
            state.facts = [fact for fact in facts if fact[1] != UNKNOWN]
            state.unknown = ", ".join(name.lower() for name, value in facts if value == UNKNOWN)
            state.cautions = [one.sentence for one in acquisition_findings(case.volume)]
        self.desk.open(case)
