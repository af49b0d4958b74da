"""The command ``osteoscreen``: its commands, its exit codes, and how an error reaches the person."""

import atexit
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib import RESEARCH_USE, __version__
from OsteoScreenLib.cli.boxes import boxes
from OsteoScreenLib.cli.calibrate import calibrate
from OsteoScreenLib.cli.cohort import cohort
from OsteoScreenLib.cli.dataset import dataset
from OsteoScreenLib.cli.detect import detect
from OsteoScreenLib.cli.dicom import dicom
from OsteoScreenLib.cli.drr import drr
from OsteoScreenLib.cli.evaluate import evaluate
from OsteoScreenLib.cli.features import features
from OsteoScreenLib.cli.job import debugging
from OsteoScreenLib.cli.measure import measure
from OsteoScreenLib.cli.models import models
from OsteoScreenLib.cli.phantom import phantom
from OsteoScreenLib.cli.phantom_films import phantom_films
from OsteoScreenLib.cli.radiograph import radiograph
from OsteoScreenLib.cli.screen import screen
from OsteoScreenLib.cli.segment import segment
from OsteoScreenLib.cli.signature import signature
from OsteoScreenLib.cli.train import train
from OsteoScreenLib.cli.view import view
from OsteoScreenLib.errors import Cancelled, DiskFullError, OsteoScreenError
from OsteoScreenLib.output import says_disk_full

UNEXPECTED, REFUSED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="osteoscreen",
    help=f"Opportunistic osteoporosis screening on CT. {RESEARCH_USE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    screen,
    cohort,
    segment,
    measure,
    calibrate,
    features,
    detect,
    radiograph,
    drr,
    dicom,
    phantom,
    phantom_films,
    view,
):
    app.command()(command)
app.add_typer(models)
app.add_typer(train)
evaluate.command()(boxes)
app.add_typer(evaluate)
app.add_typer(signature)
app.add_typer(dataset)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (of the process unless given) and return its exit code.

    0 done, 1 a fault of ours, 2 an input or a use that cannot be worked with, 130 stopped by the user.
    """
    atexit.register(gc.freeze)  # at the end there is nothing to collect; looking through it takes a third of a second
    given = sys.argv[1:] if arguments is None else arguments
    token = debugging.set("--debug" in given)
    try:
        app([argument for argument in given if argument != "--debug"], prog_name="osteoscreen")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        if debugging.get():
            raise
        return _told(error)
    finally:
        debugging.reset(token)
    return 0


def _told(error: Exception) -> int:
    """Say one line about an error on stderr and return the exit code."""
    if says_disk_full(error):
        error = DiskFullError(Path(getattr(error, "filename", None) or Path.cwd()))
    message = " ".join(str(error).split())
    if isinstance(error, OsteoScreenError):
        print(f"osteoscreen: {message}", file=sys.stderr)
        return INTERRUPTED if isinstance(error, Cancelled) else REFUSED
    name = type(error).__name__
    print(f"osteoscreen: unexpected {name}: {message[:200]} (run again with --debug to see where)", file=sys.stderr)
    return UNEXPECTED


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"osteoscreen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show libraries' messages, and a traceback on error.")] = False,
) -> None:
    """Take the options that stand before a command; ``--debug`` counts anywhere (see `main`)."""
