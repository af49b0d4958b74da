"""Long work for the page: one task at a time in a worker process, with its progress, and stopped on a click."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.errors import Cancelled, OsteoScreenError
from OsteoScreenLib.worker import Worker

if TYPE_CHECKING:
    import numpy as np

    from OsteoScreenLib.volume import Volume
    from OsteoScreenLib.web.desk import Desk

ASK_S = 0.2
"""How often a worker is asked how far it is."""


class WorkError(OsteoScreenError):
    """What a worker said before it ended without a result, or why none was started."""


class Job:
    """The page's place for long work."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._worker: Worker | None = None
        self._stopped = False
        desk.opened.append(lambda _: self.cancel())
        desk.state.update({"job_running": False, "job_percent": 0, "job_message": "", "job_task": ""})

    def build(self, *tasks: str) -> None:
        """Put bar, message and Cancel of these tasks where the panel is being built, hidden while none is under way."""
        here = f"job_running && {list(tasks)}.includes(job_task)"
        with html.Div(v_if=(here,), classes="d-flex align-center ga-2 mt-2"):
            with html.Div(classes="flex-grow-1"):
                v3.VProgressLinear(model_value=("job_percent",), height=8, rounded=True, color="primary")
                html.Div("{{ job_message }} ({{ job_percent }} %)", id=f"job-{tasks[0]}", classes="text-caption")
            v3.VBtn("Cancel", id=f"cancel-{tasks[0]}", size="small", variant="outlined",
                    click=self._desk.action(self.cancel))  # fmt: skip

    async def run(
        self,
        task: str,
        parameters: dict[str, Any],
        volume: "Volume | None" = None,
        labels: "np.ndarray | None" = None,
        read: Callable[[Worker], Any] = Worker.result,
    ) -> Any:
        """Do one of `worker_tasks.TASKS` and return what `read` takes from it, before its folder is thrown away.

        Neither the work nor reading its result holds up the page. Raises `Cancelled` when stopped, and `WorkError`.
        """
        if self._desk.state.job_running:
            raise WorkError("Other work is under way; wait for it or cancel it.")
        self._stopped = False
        self._desk.state.job_task = task
        self._show(running=True, percent=0, message="Starting")
        folder = Path(tempfile.mkdtemp(prefix=f"{task}-", dir=self._desk.folder))
        try:
            self._worker = await asyncio.to_thread(Worker.start, task, parameters, volume, labels, folder)
            await self._wait(self._worker)
            return await asyncio.to_thread(read, self._worker)
        finally:
            if self._worker is not None:
                self._worker.cancel()
            self._worker = None
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            self._show(running=False, percent=0, message="")

    def cancel(self) -> None:
        """Stop the work at once; nothing is left of it."""
        self._stopped = True
        if self._worker is not None:
            self._worker.cancel()

    async def _wait(self, worker: Worker) -> None:
        while True:
            if self._stopped:
                raise Cancelled
            seen = worker.poll()
            if seen.finished:
                break
            self._show(running=True, percent=round(100 * seen.fraction), message=seen.message)
            await asyncio.sleep(ASK_S)
        if seen.error is not None:
            raise WorkError(seen.error)

    def _show(self, *, running: bool, percent: int, message: str) -> None:
        with self._desk.state as state:
            state.job_running, state.job_percent, state.job_message = running, percent, message
