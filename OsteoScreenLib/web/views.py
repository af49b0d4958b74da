"""Slicer's slice and 3D views in the page, in layouts to choose from."""

from typing import TYPE_CHECKING

import numpy as np
from trame.widgets import html
from trame_slicer.app.ui import create_vertical_slice_view_gutter_ui, create_vertical_view_gutter_ui
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import register_rca_factories
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition

from OsteoScreenLib.scene.volumes import BONE_WINDOW

if TYPE_CHECKING:
    import slicer
    from trame.ui.vuetify3 import VAppLayout
    from trame_server import Server
    from trame_slicer.views import SliceView, ThreeDView

FOUR_UP = "Four-up"
WINDOWS: dict[str, tuple[float, float]] = {
    "Bone": BONE_WINDOW,
    "Soft tissue": (400.0, 40.0),
    "Lung": (1500.0, -500.0),
    "Trabecular": (500.0, 150.0),
}
"""Width and level in HU; the first is what a CT opens in."""

_AXIAL, _SAGITTAL, _CORONAL, _3D = (
    ViewLayoutDefinition.axial_view(),
    ViewLayoutDefinition.sagittal_view(),
    ViewLayoutDefinition.coronal_view(),
    ViewLayoutDefinition.threed_view(),
)
_ROW, _COLUMN = LayoutDirection.Horizontal, LayoutDirection.Vertical
LAYOUTS: dict[str, Layout] = {
    FOUR_UP: Layout(_COLUMN, [Layout(_ROW, [_AXIAL, _3D]), Layout(_ROW, [_SAGITTAL, _CORONAL])]),
    "Sagittal first": Layout(_ROW, [_SAGITTAL, Layout(_COLUMN, [_AXIAL, _CORONAL, _3D])], ["2", "1"]),
    "Axial": Layout(_COLUMN, [_AXIAL]),
    "Sagittal": Layout(_COLUMN, [_SAGITTAL]),
    "Coronal": Layout(_COLUMN, [_CORONAL]),
    "3D": Layout(_COLUMN, [_3D]),
}


class Views:
    """The views of one page on one scene."""

    def __init__(self, server: "Server", app: SlicerApp) -> None:
        register_rca_factories(app.view_manager, server, _slice_frame, _threed_frame, target_fps=20.0)
        self._manager = app.view_manager
        self._layouts = LayoutManager(app.scene, app.view_manager, server)
        self._layouts.register_layout_dict(LAYOUTS)
        self._layouts.set_layout(FOUR_UP)

    def place(self, page: "VAppLayout") -> None:
        """Put the views where the page is being built."""
        self._layouts.initialize_layout_grid(page)

    def arrange(self, layout: str) -> None:
        """Show one of `LAYOUTS`."""
        self._layouts.set_layout(layout)

    def show(self, volume_node: "slicer.vtkMRMLScalarVolumeNode | None") -> None:
        """Show a CT in all slice views, whole."""
        for view in self._manager.get_slice_views():
            view.set_background_volume_id(volume_node.GetID() if volume_node else None)
            view.set_foreground_volume_id(None)
        self.reset()

    def reset(self) -> None:
        """Fit every view to what it shows."""
        for view in self._manager.get_views():
            view.reset_view()

    def reset_3d(self) -> None:
        """Fit the 3D view to what it shows."""
        for view in self._manager.get_threed_views():
            view.reset_view()

    def jump(self, ras: np.ndarray | tuple[float, float, float]) -> None:
        """Centre the slice views on a point in RAS mm."""
        for view in self._manager.get_slice_views():
            with view.trigger_modified_once():
                view.get_view_node().JumpSliceByCentering(*(float(value) for value in ras))


def _slice_frame(server: "Server", view_id: str, view: "SliceView") -> None:
    create_vertical_slice_view_gutter_ui(server, view_id, view)
    _name(view.get_singleton_tag(), view.get_orientation())


def _threed_frame(server: "Server", view_id: str, view: "ThreeDView") -> None:
    create_vertical_view_gutter_ui(server, view_id, view)
    _name(view.get_singleton_tag(), "3D")


def _name(tag: str, title: str) -> None:
    """Write a view's name over it; clicks go through."""
    html.Div(title, id=f"view-{tag}", classes="view-name")
