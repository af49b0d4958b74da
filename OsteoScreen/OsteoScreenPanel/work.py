"""Long work from the panel: a process of its own, asked by a timer, shown where the user pressed the button."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.worker import Worker

INTERVAL_MS = 200


class Work:
    """One task at a time. The frame with bar, message and Cancel moves to the section that started it."""

    def __init__(self, ui, changed):
        self.ui = ui
        self.changed = changed
        self.worker = None
        self.folder = None
        self.done = None
        self.timer = qt.QTimer()
        self.timer.interval = INTERVAL_MS
        self.timer.connect("timeout()", self.poll)
        ui.cancelButton.connect("clicked()", self.cancel)
        ui.progressBar.visible = False
        ui.cancelButton.visible = False

    @property
    def running(self):
        return self.worker is not None

    def start(self, task, parameters, volume, labels, section, done):
        """Start a task of the library's worker; `done(result)` is called when it has succeeded."""
        self.folder = Path(tempfile.mkdtemp(prefix="osteoscreen-"))
        self.done = done
        section.layout().addWidget(self.ui.workFrame)
        self.worker = Worker.start(task, parameters, volume, labels, self.folder, python())
        self.ui.progressBar.value = 0
        self.ui.progressBar.visible = True
        self.ui.cancelButton.visible = True
        self.say(_("Starting"))
        self.timer.start()
        self.changed()

    def poll(self):
        state = self.worker.poll()
        self.ui.progressBar.value = round(100 * state.fraction)
        self.say(state.message)
        if self.ui.logTextEdit.plainText != self.worker.log:
            self.ui.logTextEdit.plainText = self.worker.log
        if not state.finished:
            return
        error = state.error
        try:
            if error is None:
                result = self.worker.result()
                self.end()
                self.done(result)
                return
        except OsteoScreenError as problem:
            error = str(problem)
        self.end()
        self.say(error)

    def cancel(self):
        """Stop the work and its processes; nothing has changed in the scene."""
        if self.running:
            self.worker.cancel()
            error = self.worker.poll().error
            self.end()
            self.say(error)

    def end(self):
        self.timer.stop()
        self.worker = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ui.progressBar.visible = False
        self.ui.cancelButton.visible = False
        self.changed()

    def say(self, text):
        self.ui.statusLabel.text = text


def run_and_wait(task, parameters, volume, labels):
    """Do a task for a script: return its result, with the application alive meanwhile. Raises OsteoScreenError."""
    with tempfile.TemporaryDirectory(prefix="osteoscreen-") as folder:
        worker = Worker.start(task, parameters, volume, labels, Path(folder), python())
        try:
            while not worker.poll().finished:
                slicer.app.processEvents()
                time.sleep(INTERVAL_MS / 1000)
        finally:
            worker.cancel()
        if worker.poll().error:
            raise OsteoScreenError(worker.poll().error)
        return worker.result()


def python():
    """Return the interpreter for work: Slicer's own, which is another program than the application."""
    return shutil.which("PythonSlicer") or sys.executable
