"""Long work in a process of its own, so that no face ever freezes: started, asked how far it is, stopped at once.

Everything passes through a folder: ``task.json`` and arrays (.npy) go in, files come out; progress and errors are
lines of JSON. Nothing is pickled. What can be asked for stands in `worker_tasks.TASKS`.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib.errors import Cancelled
from OsteoScreenLib.worker_tasks import LOG, PROGRESS, TASKS, Inputs, run_folder, save_inputs

if TYPE_CHECKING:
    from OsteoScreenLib.volume import Volume

WINDOWS = sys.platform == "win32"


@dataclass(frozen=True)
class State:
    """How far a worker is: fraction in [0, 1], message for a person, and once it is `finished` its error, if any."""

    fraction: float = 0.0
    message: str = "Starting"
    finished: bool = False
    error: str | None = None


class Worker:
    """A running task. Its folder belongs to whoever started it, to be thrown away after `result` or `cancel`."""

    def __init__(self, inputs: Inputs, process: subprocess.Popen) -> None:
        self.inputs = inputs
        self._process = process
        self._lines = (inputs.folder / PROGRESS).open("rb")
        self._unread = b""
        self._state = State()

    @classmethod
    def start(
        cls,
        task: str,
        parameters: dict[str, Any],
        volume: "Volume | None",
        labels: np.ndarray | None,
        folder: Path,
        python: str = sys.executable,
    ) -> "Worker":
        """Start one of `TASKS` with its parameters in an empty `folder`, on a CT and a label map (k, j, i) if it needs
        them. `python` is the interpreter, which is another one in the 3D Slicer application (PythonSlicer).

        Raises `KeyError` for a task that is not in the table.
        """
        TASKS[task]
        folder.mkdir(parents=True, exist_ok=True)
        inputs = Inputs(folder.resolve(), task, parameters, volume, labels)
        save_inputs(inputs)
        root = str(Path(__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        own_group = {"creationflags": subprocess.CREATE_NO_WINDOW} if WINDOWS else {"start_new_session": True}
        with (inputs.folder / PROGRESS).open("wb") as progress, (inputs.folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                [python, "-m", "OsteoScreenLib.worker", str(inputs.folder)],
                stdin=subprocess.PIPE,
                stdout=progress,
                stderr=log,
                cwd=inputs.folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                **own_group,
            )
        return cls(inputs, process)

    def poll(self) -> State:
        """Return how far the work is, at once. An error is one line for a person; the log holds the rest."""
        if self._state.finished:
            return self._state
        code = self._process.poll()
        self._read()
        if code is not None and not self._state.finished:
            self._end(error=_why(code))
        return self._state

    def cancel(self) -> None:
        """Stop the work and every process that it has started; `poll` says so from now on."""
        if not self._state.finished:
            self._end(error=str(Cancelled()))

    def result(self) -> Any:
        """Return what the task made (`TASKS` says what), once it has finished without an error."""
        return TASKS[self.inputs.task].read(self.inputs)

    @property
    def log(self) -> str:
        """What the work and the libraries below it have written on stderr so far."""
        return (self.inputs.folder / LOG).read_text(encoding="utf-8", errors="replace")

    def _read(self) -> None:
        *lines, self._unread = (self._unread + self._lines.read()).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "done" in said or "error" in said:
                self._end(error=said.get("error"))
                return
            self._state = State(said["fraction"], said["message"])

    def _end(self, error: str | None) -> None:
        _kill_tree(self._process)
        self._lines.close()
        self._state = replace(self._state, finished=True, error=error)
        if error is None:
            self._state = replace(self._state, fraction=1.0, message="Done")


def _kill_tree(process: subprocess.Popen) -> None:
    if WINDOWS:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.stdin.close()
    process.wait()


def _why(code: int) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    memory = " Perhaps the memory was not enough." if code == -9 else ""
    return f"The work was stopped from outside ({how}); nothing was changed.{memory} Run it again."


if __name__ == "__main__":
    run_folder(Path(sys.argv[1]))
