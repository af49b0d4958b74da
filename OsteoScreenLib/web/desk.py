"""What the sections of the page share: the scene, the views, the open case, and a way to tell the person."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import OsteoScreenError

if TYPE_CHECKING:
    import slicer
    from trame_server import Server
    from trame_server.state import State
    from trame_slicer.core import SlicerApp

    from OsteoScreenLib.volume import Volume
    from OsteoScreenLib.web.views import Views

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Case:
    """The open CT, right-handed as its node is, and the segmentation that the person works on."""

    volume: "Volume"
    volume_node: "slicer.vtkMRMLScalarVolumeNode"
    segmentation: "slicer.vtkMRMLSegmentationNode | None" = None


@dataclass(eq=False)
class Desk:
    """One page's case and what it is shown with; `folder` is private and goes when the process ends.

    `opened` are called with each new case, `outlined` when its segmentation is another node, `edited` when a mask in
    it changed. All of them run on the event loop, as everything that touches the scene must.
    """

    server: "Server"
    slicer: "SlicerApp"
    views: "Views"
    folder: Path
    case: Case | None = None
    opened: list[Callable[[Case], None]] = field(default_factory=list)
    outlined: list[Callable[[Case], None]] = field(default_factory=list)
    edited: list[Callable[[Case], None]] = field(default_factory=list)

    @property
    def state(self) -> "State":
        """The page's variables."""
        return self.server.state

    def tell(self, message: str) -> None:
        """Show one line until the person closes it."""
        with self.state as state:
            state.error = message

    @contextmanager
    def busy(self, message: str) -> Iterator[None]:
        """Show that something is being done which cannot be stopped."""
        with self.state as state:
            state.busy = message
        try:
            yield
        finally:
            with self.state as state:
                state.busy = ""

    def action(self, work: Callable[..., Awaitable[None] | None]) -> Callable[..., Awaitable[None]]:
        """Return what a button calls to do `work`: whatever goes wrong is told in one line, and the page lives on."""

        async def run(*arguments: object) -> None:
            try:
                done = work(*arguments)
                if inspect.isawaitable(done):
                    await done
            except OsteoScreenError as error:
                self.tell(" ".join(str(error).split()))
            except Exception as error:
                logger.exception("unexpected")
                self.tell(f"Unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            self.state.flush()

        return run
