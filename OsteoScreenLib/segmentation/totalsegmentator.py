"""TotalSegmentator (task `total`) as an engine: ``--engine totalsegmentator``.

It runs as a program of its own, on a NIfTI copy in a temporary folder, with its usage statistics switched off and
without a network connection: a run neither reports nor downloads. Its weights come with `fetch`, which runs only
when a person asks for it (``osteoscreen models fetch totalsegmentator``). Wasserthal et al., Radiology: Artificial
Intelligence 2023, doi 10.1148/ryai.230024.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from OsteoScreenLib.errors import AnatomyError, LabelMapError, ModelError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.levels import TOTALSEGMENTATOR
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.readers import read_labels
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.vertebrae import Vertebrae
from OsteoScreenLib.volume import Volume

NAME = "TotalSegmentator"
LICENCE = "Apache-2.0"
SOURCE = "https://github.com/wasserth/TotalSegmentator/releases"

VERTEBRAE_MODEL = 292
MODELS = (291, 292, 293, 294, 295, 298)
"""Numbers of the networks of the task `total`: the program wants all of them there, and runs 292 and 298 for us."""

ROIS = ("vertebrae_T12", "vertebrae_L1", "vertebrae_L2", "vertebrae_L3", "vertebrae_L4", "vertebrae_L5")
DEVICES = {"cuda": "gpu", "mps": "mps", "cpu": "cpu"}


def by_totalsegmentator(volume: Volume, device: str, progress: Progress, cancelled: IsCancelled) -> Vertebrae:
    """Return the lumbar vertebrae as TotalSegmentator sees them, arches included.

    Raises `ModelError` where the program or its weights are not installed or it fails, and `AnatomyError` where it
    finds no vertebra.
    """
    _check_installed()
    weights = weights_folder()
    missing = [number for number in MODELS if not list(weights.glob(f"Dataset{number}_*"))]
    if missing:
        raise ModelError(
            f"{NAME}'s weights are not in {weights}: fetch them with osteoscreen models fetch totalsegmentator, or "
            f"unpack those of the datasets {', '.join(map(str, missing))} from {SOURCE} there."
        )
    progress(0.0, f"{NAME} is at work; without a GPU that takes minutes")
    with tempfile.TemporaryDirectory(prefix="osteoscreen-") as scratch:
        folder = Path(scratch)
        write_image(volume, folder / "ct.nii.gz")
        (folder / "config.json").write_text(json.dumps(_SILENT), encoding="utf-8")
        found = folder / "vertebrae.nii.gz"
        options = ["--ml", "--quiet", "--device", DEVICES[device], "--roi_subset", *ROIS]
        command = [sys.executable, "-m", "totalsegmentator.bin.TotalSegmentator"]
        settings = {"TOTALSEG_HOME_DIR": str(folder), "TOTALSEG_WEIGHTS_PATH": str(weights), **_NO_NETWORK}
        _run([*command, "-i", str(folder / "ct.nii.gz"), "-o", str(found), *options], settings, folder, cancelled)
        if not found.is_file():
            raise ModelError(f"{NAME} ended without a result; run it by itself on this CT to see why.")
        try:
            voxels = read_labels(found, volume).voxels
        except LabelMapError as error:
            raise AnatomyError(f"{NAME} found no lumbar vertebra; choose a CT that shows L1-L4.") from error
    checkpoints = sorted(next(weights.glob(f"Dataset{VERTEBRAE_MODEL}_*")).glob("**/checkpoint_final.pth"))
    use = ModelUse(f"{NAME} total", _version(), file_sha256(*checkpoints), f"{NAME}'s own CT data set")
    return Vertebrae(voxels, TOTALSEGMENTATOR, NAME, device, (use,))


def fetch(say: Callable[[str], None], cancelled: IsCancelled) -> None:
    """Download the weights of the task `total` with TotalSegmentator's own downloader, and say what came.

    Raises `ModelError` where TotalSegmentator is not installed or the download fails.
    """
    _check_installed()
    weights = weights_folder()
    say(f"Fetching the weights of {NAME} {_version()}, task total ({len(MODELS)} networks, {LICENCE})")
    say(f"from {SOURCE} into {weights}")
    with tempfile.TemporaryDirectory(prefix="osteoscreen-") as scratch:
        (Path(scratch) / "config.json").write_text(json.dumps(_SILENT), encoding="utf-8")
        command = [sys.executable, "-m", "totalsegmentator.bin.totalseg_download_weights", "-t", "total"]
        settings = {"TOTALSEG_HOME_DIR": scratch, "TOTALSEG_WEIGHTS_PATH": str(weights)}
        _run(command, settings, Path(scratch), cancelled)
    for file in sorted(
        path for number in MODELS for path in weights.glob(f"Dataset{number}_*/**/checkpoint_final.pth")
    ):
        place = file.relative_to(weights).parts[0]
        say(f"{place}  {file.stat().st_size / 1e6:.0f} MB  SHA-256 {file_sha256(file)}")


def weights_folder() -> Path:
    """Return where TotalSegmentator keeps its weights, by its own environment variables or in the home folder."""
    if "TOTALSEG_WEIGHTS_PATH" in os.environ:
        return Path(os.environ["TOTALSEG_WEIGHTS_PATH"])
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


_SILENT = {
    "totalseg_id": "none",
    "send_usage_stats": False,
    "prediction_counter": 0,
    "statistics_disclaimer_shown": True,
}

_NOWHERE = "http://127.0.0.1:9"
_NO_NETWORK = {
    **{f"{kind}_PROXY": _NOWHERE for kind in ("HTTP", "HTTPS", "ALL")},
    **{f"{kind}_proxy": _NOWHERE for kind in ("http", "https", "all")},
    "NO_PROXY": "",
    "no_proxy": "",
}


def _check_installed() -> None:
    if find_spec("totalsegmentator") is None:
        raise ModelError(f"{NAME} is not installed: pip install TotalSegmentator.")


def _version() -> str:
    try:
        return version("TotalSegmentator")
    except PackageNotFoundError:
        return "not stated"


def _run(command: list[str], settings: dict[str, str], folder: Path, cancelled: IsCancelled) -> None:
    """Run a program to its end, or kill it when the user wants to stop; its messages stay in `folder`."""
    messages = folder / "messages.txt"
    with messages.open("wb") as out:
        program = subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while program.poll() is None:
                stop_if(cancelled)
                try:
                    program.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            _end(program)
    if program.returncode:
        lines = messages.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"]
        raise ModelError(f"{NAME} failed: {lines[-1][:200]}")


def _end(program: subprocess.Popen) -> None:
    """End a program and the helpers that it has started."""
    if program.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(program.pid, signal.SIGKILL)
        else:
            program.kill()
    program.wait()
