"""The command ``osteoscreen``: its commands, its exit codes, and how an error reaches the person."""

import atexit
import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib import RESEARCH_USE, __version__
from OsteoScreenLib.cli.job import debugging
from OsteoScreenLib.errors import Cancelled, DiskFullError, OsteoScreenError
from OsteoScreenLib.output import says_disk_full

UNEXPECTED, REFUSED, INTERRUPTED = 1, 2, 130

COMMANDS = (
    *("screen", "cohort", "segment", "measure", "calibrate", "features", "detect", "radiograph", "drr", "dicom"),
    *("phantom", "phantom-films", "view", "models", "train", "evaluate", "signature", "dataset"),
)
"""Each is the function, or the group of commands, of its name in the file of its name; in the order of the help."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (of the process unless given) and return its exit code.

    0 done, 1 a fault of ours, 2 an input or a use that cannot be worked with, 130 stopped by the user.
    """
    atexit.register(gc.freeze)  # at the end there is nothing to collect; looking through it takes a third of a second
    given = sys.argv[1:] if arguments is None else arguments
    token = debugging.set("--debug" in given)
    try:
        plain = [argument for argument in given if argument != "--debug"]
        _app(plain[0] if plain and plain[0] in COMMANDS else None)(plain, prog_name="osteoscreen")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        if debugging.get():
            raise
        return _told(error)
    finally:
        debugging.reset(token)
    return 0


def _app(command: str | None) -> typer.Typer:
    """Return the command line with one command or, for the help and for errors, with all: to make all takes longer."""
    app = typer.Typer(
        name="osteoscreen",
        help=f"Opportunistic osteoporosis screening on CT. {RESEARCH_USE}",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in [command] if command else COMMANDS:
        place = name.replace("-", "_")
        made = getattr(import_module(f"OsteoScreenLib.cli.{place}"), place)
        app.add_typer(made) if isinstance(made, typer.Typer) else app.command()(made)
    return app


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


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show libraries' messages, and a traceback on error.")] = False,
) -> None:
    """Take the options that stand before a command; ``--debug`` counts anywhere (see `main`)."""
