"""What the sections of the page share: the scene, the views, the open case, and a way to tell the person."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trame.app import asynchronous

from OsteoScreenLib.annotation.review import Review, begun
from OsteoScreenLib.annotation.stopwatch import Stopwatch
from OsteoScreenLib.errors import Cancelled, OsteoScreenError
from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, choose
from OsteoScreenLib.scene.review import centre_of, review_of
from OsteoScreenLib.scene.visibility import hide
from OsteoScreenLib.scene.working_case import labels_now

if TYPE_CHECKING:
    import numpy as np
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
    `local` says that the page is served to its own machine alone.

    `labels` is the label map of the case as it was last looked at, `saved` its review when it was last saved, `watch`
    knows how long the person has been at each level. `opened` are called with each new case, `outlined` when its
    segmentation is another node, `edited` when something about the segmentation may have changed. All of them run on
    the event loop, as everything that touches the scene must.
    """

    server: "Server"
    slicer: "SlicerApp"
    views: "Views"
    folder: Path
    local: bool = True
    case: Case | None = None
    labels: "np.ndarray | None" = None
    saved: Review = ()
    watch: Stopwatch = field(default_factory=Stopwatch)
    _answer: "asyncio.Future[bool] | None" = None
    opened: list[Callable[[Case], None]] = field(default_factory=list)
    outlined: list[Callable[[Case], None]] = field(default_factory=list)
    edited: list[Callable[[Case], None]] = field(default_factory=list)

    @property
    def state(self) -> "State":
        """The page's variables."""
        return self.server.state

    def open(self, case: Case) -> None:
        """Put another case on the desk."""
        self.case, self.labels, self.watch = case, None, Stopwatch()
        self.saved = review_of(case.segmentation) if case.segmentation else ()
        choose(self.slicer.scene, VOLUME, case.volume_node)
        self.views.show(case.volume_node)
        for call in self.opened:
            call(case)
        if case.segmentation is not None:
            self.outline(case.segmentation)

    def outline(self, segmentation: "slicer.vtkMRMLSegmentationNode") -> None:
        """Work on this segmentation of the open case from now on; a former one stays in the scene, hidden."""
        former = self.case.segmentation
        if former is not None and former is not segmentation:
            hide(former)
        self.case = replace(self.case, segmentation=segmentation)
        choose(self.slicer.scene, SEGMENTATION, segmentation)
        for call in self.outlined:
            call(self.case)
        self.look_again()
        self.views.reset_3d()

    def look_again(self) -> None:
        """Read the masks as they are now, and have everybody show what follows from them."""
        self.labels = labels_now(self.case.segmentation, self.case.volume_node)
        for call in self.edited:
            call(self.case)

    def go_to(self, level: str) -> None:
        """Choose a level and centre the slice views on it."""
        with self.state as state:
            state.level = level
        self.watch.turn_to(level)
        centre = centre_of(self.case.segmentation, level)
        if centre is not None:
            self.views.jump(centre)

    @property
    def unsaved(self) -> bool:
        """Whether a hand has edited or decided something that is in no saved scene."""
        node = self.case.segmentation if self.case else None
        return node is not None and review_of(node) not in (self.saved, begun(self.labels))

    def keep(self) -> None:
        """Remember that the case as it is now has been saved."""
        self.saved = review_of(self.case.segmentation) if self.case and self.case.segmentation else ()

    async def confirm(self, question: str) -> bool:
        """Ask the person a question with yes or no, and wait for the answer; no to one that was asked before."""
        self.answer(False)
        self._answer = asyncio.get_running_loop().create_future()
        with self.state as state:
            state.question = question
        try:
            return await self._answer
        finally:
            with self.state as state:
                state.question = ""

    def answer(self, yes: bool) -> None:
        """Answer the question that is being asked."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(bool(yes))

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

    def action(self, work: Callable[..., Awaitable[None] | None]) -> Callable[..., None]:
        """Return what a button calls to start `work`: whatever goes wrong is told in one line, and the page lives on.

        The call comes back at once, because the messages of a browser are taken one after the other.
        """

        async def run(*arguments: object) -> None:
            try:
                done = work(*arguments)
                if inspect.isawaitable(done):
                    await done
            except Cancelled:
                pass
            except OsteoScreenError as error:
                self.tell(" ".join(str(error).split()))
            except Exception as error:
                logger.exception("unexpected")
                self.tell(f"Unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            self.state.flush()

        def start(*arguments: object) -> None:
            asynchronous.create_task(run(*arguments))

        return start
