"""Correcting masks by hand, with Slicer's segment editor effects: paint, erase, smooth, islands, undo."""

import asyncio
from typing import TYPE_CHECKING

from trame.app import asynchronous
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_slicer.segmentation import (
    BrushDiameterMode,
    SegmentationEffectErase,
    SegmentationEffectIslands,
    SegmentationEffectNoTool,
    SegmentationEffectPaint,
    SegmentationEffectSmoothing,
    SegmentationIslandsMode,
    SegmentationOverwriteMode,
)
from trame_slicer.segmentation.segmentation_effect_smoothing import SmoothingEffectMode
from undo_stack import UndoStack

from OsteoScreenLib.annotation.segments import LAYERS, segment_named
from OsteoScreenLib.levels import body_mask, trabecular_mask
from OsteoScreenLib.scene.review import segment_id

if TYPE_CHECKING:
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    from OsteoScreenLib.web.desk import Case, Desk


class EraseThrough(SegmentationEffectErase):
    """Erases from a body and from the trabecular part within alike, as one step of undo."""

    def paint_glyph_at_world_coordinates(self, polydata: "vtkPolyData", paint_coordinates_world: "vtkPoints") -> None:
        """Erase along a stroke."""
        modifier, node = self.modifier, self.modifier.segmentation.segmentation_node
        chosen = modifier.active_segment_id
        segment = segment_named(modifier.segmentation.get_segment(chosen).GetName())
        within = segment_id(node, segment.level.name, LAYERS[1]) if segment and segment.part == LAYERS[0] else None
        with modifier.group_undo_commands("Erase"):
            for one in filter(None, (chosen, within)):
                modifier.active_segment_id = one
                super().paint_glyph_at_world_coordinates(polydata, paint_coordinates_world)
        modifier.active_segment_id = chosen


LOOK, PAINT, ERASE = "look", "paint", "erase"
TOOLS = {
    LOOK: (SegmentationEffectNoTool, "mdi-cursor-default-outline", "Look, do not edit (Esc)"),
    PAINT: (SegmentationEffectPaint, "mdi-brush", "Paint (P)"),
    ERASE: (EraseThrough, "mdi-eraser", "Erase (E)"),
}
BONE_HU = [150, 2000]
"""What the brush takes by default once it is told to stay within a range of HU."""

SMOOTHING_MM = 5.0
PAUSE_S = 0.4
"""After an edit, how long to wait for the next one before the masks are looked at."""

UNDO_BYTES = 600e6
"""Each step of undo keeps two copies of both layers; so many bytes may be spent on them."""


class Editing:
    """The tools for one segment: the body or the trabecular part of the chosen level."""

    def __init__(self, desk: "Desk") -> None:
        self.desk = desk
        self.editor = desk.slicer.segmentation_editor
        self.undo_stack = UndoStack()
        self._waiting: asyncio.Task | None = None
        desk.state.update(
            {
                "tool": LOOK, "part": LAYERS[0], "parts": list(LAYERS), "brush_mm": 8, "within": False,
                "within_hu": BONE_HU, "can_undo": False, "can_redo": False, "segment_volume": "",
            }
        )  # fmt: skip
        desk.outlined.append(self._begin)
        desk.opened.append(lambda _: self.stop())
        desk.edited.append(lambda _: self._show())
        self.editor.segmentation_modified.connect(self._changed)
        desk.state.change("level", "part")(lambda **_: self._choose())
        desk.state.change("tool")(lambda tool, **_: self._take(tool))
        desk.state.change("brush_mm", "within", "within_hu")(lambda **_: self._set_brush())

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        action = self.desk.action
        with html.Div(classes="d-flex align-center mt-2"):
            html.Span("Edit {{ level }}", classes="font-weight-medium mr-2")
            with v3.VBtnToggle(v_model="part", mandatory=True, density="compact", variant="outlined", divided=True):
                v3.VBtn("{{ one }}", v_for="one of parts", key="one", value=("one",), size="x-small")
        with html.Div(classes="d-flex align-center mt-1"):
            with v3.VBtnToggle(v_model="tool", mandatory=True, density="compact", variant="outlined", divided=True):
                for name, (_, icon, title) in TOOLS.items():
                    v3.VBtn(icon=icon, value=name, title=title, id=f"tool-{name}", size="small")
            v3.VSpacer()
            for name, icon, title, work, ready in (
                ("smooth", "mdi-blur", f"Smooth (median of {SMOOTHING_MM:g} mm)", self.smooth, "level"),
                ("islands", "mdi-island", "Keep the largest island alone", self.keep_largest, "level"),
                ("undo", "mdi-undo", "Undo (Ctrl+Z)", self.undo, "can_undo"),
                ("redo", "mdi-redo", "Redo (Ctrl+Y)", self.redo, "can_redo"),
            ):
                v3.VBtn(
                    icon=icon, id=name, title=title, click=action(work), disabled=(f"!{ready}",),
                    size="small", variant="text",
                )  # fmt: skip
        with html.Div(v_if=f"tool !== '{LOOK}'"):
            v3.VSlider(
                v_model="brush_mm", label="Brush, mm", min=2, max=40, step=1, thumb_label=True, density="compact",
                hide_details=True,
            )  # fmt: skip
            v3.VCheckbox(
                v_model="within", density="compact", hide_details=True,
                label=("within ? `Only ${within_hu[0]} to ${within_hu[1]} HU` : 'Only within a range of HU'",),
            )  # fmt: skip
            v3.VRangeSlider(
                v_if="within", v_model="within_hu", min=-200, max=2000, step=10, density="compact", hide_details=True
            )
        html.Div("{{ segment_volume }}", id="segment-volume", classes="text-caption")

    def stop(self) -> None:
        """Put the tool down."""
        self.desk.state.tool = LOOK

    def forget_steps(self) -> None:
        """Make what was done so far final: undoing it would bring back names and colours of that time, too."""
        self.stop()
        self.undo_stack.clear()

    def smooth(self) -> None:
        """Smooth the segment."""
        effect = self._effect(SegmentationEffectSmoothing)
        effect.set_smoothing_mode(SmoothingEffectMode.MEDIAN)
        effect.set_kernel_size(SMOOTHING_MM)
        effect.apply_smoothing()
        self._take(self.desk.state.tool)

    def keep_largest(self) -> None:
        """Remove all of the segment but its largest island."""
        self._effect(SegmentationEffectIslands).apply(SegmentationIslandsMode.KEEP_LARGEST_ISLAND)
        self._take(self.desk.state.tool)

    def undo(self) -> None:
        """Take the last edit back."""
        self.undo_stack.undo()
        self._changed()

    def redo(self) -> None:
        """Do again what was taken back."""
        self.undo_stack.redo()
        self._changed()

    def _begin(self, case: "Case") -> None:
        self.stop()
        steps = int(UNDO_BYTES // (4 * case.volume.voxels.size))
        self.undo_stack = UndoStack(undo_limit=min(max(steps, 2), 50))
        self.editor.set_undo_stack(self.undo_stack)
        self.editor.set_active_segmentation(case.segmentation, case.volume_node)
        self.editor.set_overwrite_mode(SegmentationOverwriteMode.ALLOW_OVERLAP)
        self.editor.show_3d(True)
        self._choose()

    def _choose(self) -> None:
        case, state = self.desk.case, self.desk.state
        if case is None or case.segmentation is None or not state.level:
            return
        chosen = segment_id(case.segmentation, state.level, state.part)
        if chosen and chosen != self.editor.active_segment_id:
            self.editor.set_active_segment_id(chosen)
        self._show()

    def _take(self, tool: str) -> None:
        if self.desk.case is None or self.desk.case.segmentation is None:
            return
        self.editor.set_active_effect_type(TOOLS[tool][0])
        self._set_brush()

    def _set_brush(self) -> None:
        state = self.desk.state
        if state.tool == LOOK:
            self.editor.editor_node.SetSourceVolumeIntensityMask(False)
            return
        effect = self.editor.get_effect(TOOLS[state.tool][0])
        effect.set_brush_diameter(float(state.brush_mm), BrushDiameterMode.Absolute)
        effect.set_use_sphere_brush(True)
        self.editor.editor_node.SetSourceVolumeIntensityMask(bool(state.within))
        self.editor.editor_node.SetSourceVolumeIntensityMaskRange(*(float(value) for value in state.within_hu))

    def _effect(self, kind: type) -> object:
        self.editor.editor_node.SetSourceVolumeIntensityMask(False)
        return self.editor.set_active_effect_type(kind)

    def _changed(self) -> None:
        """Something about the segmentation changed: look at its masks as soon as the hand rests."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asynchronous.create_task(self._look())

    async def _look(self) -> None:
        await asyncio.sleep(PAUSE_S)
        self._waiting = None
        if self.desk.case is not None and self.desk.case.segmentation is not None:
            self.desk.action(self.desk.look_again)()

    def _show(self) -> None:
        """Say how large the segment is that is being edited, and what can be undone."""
        case, state, labels = self.desk.case, self.desk.state, self.desk.labels
        state.can_undo, state.can_redo = self.undo_stack.can_undo(), self.undo_stack.can_redo()
        if labels is None or not state.level:
            state.segment_volume = ""
            return
        mask_of = body_mask if state.part == LAYERS[0] else trabecular_mask
        voxels = int(mask_of(labels, state.level).sum())
        state.segment_volume = (
            f"{state.level} {state.part}: {voxels} voxels, {voxels * case.volume.voxel_volume / 1000:.2f} ml"
        )
