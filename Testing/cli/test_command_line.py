"""How the command behaves: quick help, one line per error, exit codes, silence from libraries, Ctrl-C."""

import errno
import os
import signal
import subprocess
import sys

import pytest

import OsteoScreenLib
from OsteoScreenLib.cli import main
from OsteoScreenLib.cli.job import job
from OsteoScreenLib.errors import Cancelled, InputError
from OsteoScreenLib.progress import stop_if

HELP = "import sys; from OsteoScreenLib.cli import main; code = main(['--help']); print(*sys.modules); sys.exit(code)"
HEAVY = {"torch", "monai", "pandas", "matplotlib", "SimpleITK", "numpy", "scipy", "pydicom", "pydantic", "vtk"}


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    seconds = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))  # of the processor, which others may be using
    for command in ("screen", "segment", "measure", "phantom", "models"):
        assert f"\n  {command} " in done.stdout
    assert not HEAVY & set(done.stdout.split())
    assert min(seconds) < 0.5


def test_the_version_is_the_librarys(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"osteoscreen {OsteoScreenLib.__version__}\n"


@pytest.mark.parametrize("arguments", [["screen"], ["nonsense"], ["screen", "x", "-o", "y", "--device", "abacus"]])
def test_wrong_use_exits_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err


def failing(error: BaseException):
    def run(*_: object, **__: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("This is no CT."), 2, "osteoscreen: This is no CT.\n"),
        (Cancelled(), 130, "osteoscreen: Cancelled. Nothing was written.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/curve.csv"),
            2,
            "osteoscreen: The disk of runs/curve.csv is full. Make room, or choose another place.\n",
        ),
        (
            ZeroDivisionError("by\nzero"),
            1,
            "osteoscreen: unexpected ZeroDivisionError: by zero (run again with --debug to see where)\n",
        ),
    ],
)
def test_an_error_is_one_line_and_a_code(
    error: Exception, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("OsteoScreenLib.models.list_models", failing(error))
    assert main(["models", "list"]) == code
    assert capfd.readouterr() == ("", line)


@pytest.mark.parametrize("arguments", [["--debug", "models", "list"], ["models", "list", "--debug"]])
def test_debug_shows_where(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("OsteoScreenLib.models.list_models", failing(InputError("This is no CT.")))
    with pytest.raises(InputError):
        main(arguments)


def test_libraries_are_silent_and_the_command_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with job() as work:
        print("a library")
        print("a library", file=sys.stderr)
        os.write(1, b"below python")
        os.write(2, b"below python")
        work.say("the answer")
    assert capfd.readouterr() == ("the answer\n", "")
    os.write(1, b"after")
    assert capfd.readouterr().out == "after"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_stops(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def asked() -> None:
        with job() as work:
            assert not work.cancelled()
            os.kill(os.getpid(), number)
            assert work.cancelled()
            stop_if(work.cancelled)

    def deaf() -> None:
        with job():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            pytest.fail("went on")

    for work in (asked, deaf):
        with pytest.raises(Cancelled):
            work()
        assert signal.getsignal(number) == before


WORK = """
import os, signal
from OsteoScreenLib.cli.job import job
with job() as work:
    work.progress(0.5, "Half way")
    work.say("the answer")
    os.kill(os.getpid(), signal.SIGINT)
    assert work.cancelled()
"""


def test_a_terminal_sees_a_bar_and_a_program_does_not() -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True
        )
        shown = terminal.read(65536).decode()
        os.close(theirs)
    assert done.stdout == "the answer\n"
    assert "50%" in shown
    assert "Stopping" in shown
    piped = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert (piped.stdout, piped.stderr) == ("the answer\n", "")
