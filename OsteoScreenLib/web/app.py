"""The app: one process, one scene, one page."""

import secrets
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trame.app import get_server
from trame_slicer import module as trame_slicer_module
from trame_slicer.core import SlicerApp
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

from OsteoScreenLib.detection.detect import MODEL as DETECTOR
from OsteoScreenLib.models import list_models
from OsteoScreenLib.readers.files import reachable
from OsteoScreenLib.web.desk import Desk
from OsteoScreenLib.web.editing import Editing
from OsteoScreenLib.web.job import Job
from OsteoScreenLib.web.page import build_page
from OsteoScreenLib.web.routes import Files
from OsteoScreenLib.web.sections.cohort import CohortSection
from OsteoScreenLib.web.sections.detect import DetectSection
from OsteoScreenLib.web.sections.input import InputSection
from OsteoScreenLib.web.sections.measure import MeasureSection
from OsteoScreenLib.web.sections.rad_score import RadScores
from OsteoScreenLib.web.sections.radiograph import RadiographSection
from OsteoScreenLib.web.sections.report import ReportSection
from OsteoScreenLib.web.sections.review import ReviewSection
from OsteoScreenLib.web.sections.segment import SegmentSection
from OsteoScreenLib.web.sections.training import TrainingSection
from OsteoScreenLib.web.security import Door, check_address, is_loopback
from OsteoScreenLib.web.shortcuts import add_shortcuts
from OsteoScreenLib.web.views import Views

ASSETS = {
    "serve": {"osteoscreen": str(Path(__file__).with_name("serve"))},
    "scripts": ["osteoscreen/page.js"],
    "styles": ["osteoscreen/page.css"],
}


def view(path: Path | None, *, host: str, port: int, open_browser: bool, say: Callable[[str], None]) -> None:
    """Serve the page until the process is stopped; `path` is opened first, `say` prints the link.

    Port 0 takes a free one. On another `host` than this machine's own the link holds a token that is needed.
    """
    path = path and reachable(path)
    check_address(host, port)
    door = Door(host, None if is_loopback(host) else secrets.token_urlsafe(24))
    with tempfile.TemporaryDirectory(prefix="osteoscreen-", ignore_cleanup_errors=True) as folder:
        server = get_server("osteoscreen", client_type="vue3")
        server.enable_module(trame_slicer_module)
        server.enable_module(ASSETS)
        app = _slicer()
        desk = Desk(server, app, Views(server, app), Path(folder), is_loopback(host))
        files, job, editing = Files(Path(folder)), Job(desk), Editing(desk)
        source, review = InputSection(desk, files), ReviewSection(desk, editing)
        measure = MeasureSection(desk, job, RadScores(desk, job, files))
        segment = SegmentSection(desk, job, measure, files)
        report, cohort = ReportSection(desk, job, files), CohortSection(desk, files)
        radiograph, training = RadiographSection(desk, job, files), TrainingSection(desk, job, files, source)
        detectors = [DetectSection(desk, job)] if any(card.name == DETECTOR for card in list_models()) else []
        add_shortcuts(desk, review, editing)
        build_page(desk, [source, segment, review, measure, *detectors, radiograph, report, cohort, training])

        @server.controller.add("on_server_bind")
        def bind(web_server: Any) -> None:
            web_server.app.middlewares.append(door.guard)
            files.add_routes(web_server.app)

        @server.controller.add("on_server_ready")
        def ready(**_: object) -> None:
            link = door.link(server.port)
            say(link)
            if path is not None:
                desk.action(source.open_path)(path)
            if open_browser:
                webbrowser.open(link)

        try:
            server.start(
                host=host, port=port, open_browser=False, show_connection_info=False, disable_logging=True, timeout=0
            )
        finally:
            job.cancel()


def _slicer() -> SlicerApp:
    """Return Slicer without a window, with VTK's warnings about that kept off the terminal."""
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    app = SlicerApp()
    vtkOutputWindow.SetInstance(vtkStringOutputWindow())
    return app
