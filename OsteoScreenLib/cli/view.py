"""``osteoscreen view``: the page in a browser."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.errors import OsteoScreenError


class PageMissingError(OsteoScreenError):
    """The packages of the page are not installed."""

    def __init__(self) -> None:
        super().__init__("The page needs trame-slicer, which is not installed: pip install 'osteoscreen[viewer]'.")


def view(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A CT, a DICOM folder, or a saved scene (.mrb) to open.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Other machines then need the link that is printed.")
    ] = "127.0.0.1",
) -> None:
    """Look, segment, edit and measure in a browser page. Ctrl-C ends it."""
    if find_spec("trame_slicer") is None:
        raise PageMissingError
    from OsteoScreenLib.web.app import view as run

    run(path, host=host, port=port, open_browser=browser, say=lambda link: print(f"{link}\n{RESEARCH_USE}", flush=True))
