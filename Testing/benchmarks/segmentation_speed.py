"""Time and memory of our engine on a large CT, beside MONAI's networks slid over the whole of it.

``python -m Testing.benchmarks.segmentation_speed [--write docs/segmentation-speed.md]``

Every run is a process of its own on the same phantom file, so that its peak memory is its own. MONAI's networks carry
no weights: time and memory do not depend on them. They are slid over as many windows as fit into `--seconds`, and their
time is that per window times the number of windows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd

from Testing.benchmarks.table import markdown, models_line

SIZE, SPACING, WINDOW = (512, 512, 300), (0.8, 0.8, 0.8), (96, 96, 96)
SEED = 1_000_000


def ours(path: Path, seconds: float) -> dict[str, float]:
    """Segment with our engine; `network` is the time inside the three networks' forward passes."""
    import torch

    from OsteoScreenLib.readers import read_volume
    from OsteoScreenLib.segmentation.engines import segment

    inside = 0.0
    call = torch.nn.Module.__call__
    depth = 0

    def timed(module: torch.nn.Module, *args: object, **kwargs: object) -> object:
        nonlocal inside, depth
        depth += 1
        started = time.monotonic()
        try:
            return call(module, *args, **kwargs)
        finally:
            depth -= 1
            if depth == 0:
                inside += time.monotonic() - started

    torch.nn.Module.__call__ = timed
    volume = read_volume(path)
    started = time.monotonic()
    segment(volume, device="cpu")
    return {"seconds": time.monotonic() - started, "of which networks": inside}


def swin_unetr(path: Path, seconds: float) -> dict[str, float]:
    """Slide SwinUNETR of MONAI's default size (feature size 24) over the CT."""
    from monai.networks.nets import SwinUNETR

    return _slid(SwinUNETR(in_channels=1, out_channels=3), path, seconds)


def basic_unet(path: Path, seconds: float) -> dict[str, float]:
    """Slide BasicUNet of MONAI's default size over the CT."""
    from monai.networks.nets import BasicUNet

    return _slid(BasicUNet(in_channels=1, out_channels=3), path, seconds)


def _slid(network: object, path: Path, seconds: float) -> dict[str, float]:
    import torch
    from monai.inferers import SlidingWindowInferer

    from OsteoScreenLib.readers import read_volume

    image = torch.from_numpy(read_volume(path).voxels).float()[None, None]
    done, spent, started = 0, 0.0, time.monotonic()

    class EnoughSeen(Exception):
        """The time for this run is over."""

    def window(part: torch.Tensor) -> torch.Tensor:
        nonlocal done, spent
        if done and time.monotonic() - started > seconds:
            raise EnoughSeen
        before = time.monotonic()
        output = network(part)
        done, spent = done + 1, spent + time.monotonic() - before
        return output

    with torch.inference_mode():
        network.eval()
        with suppress(EnoughSeen):
            SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=0.25)(image, window)
    windows = _windows()
    return {"seconds": spent / done * windows, "of which networks": spent / done * windows, "windows seen": done,
            "windows": windows}  # fmt: skip


def _windows() -> int:
    from monai.data.utils import dense_patch_slices

    return len(dense_patch_slices(SIZE[::-1], WINDOW, tuple(int(0.75 * n) for n in WINDOW)))


RUNS = {"OsteoScreen, L1-L4": ours, "MONAI SwinUNETR": swin_unetr, "MONAI BasicUNet": basic_unet}


def main() -> None:
    """Run each in turn, print the table and keep it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", type=Path, help="a Markdown file for the table")
    options.add_argument("--seconds", type=float, default=60, help="time for each of MONAI's networks")
    options.add_argument("--run", help=argparse.SUPPRESS)
    options.add_argument("--ct", type=Path, help="a CT of your own instead of the phantom")
    wanted = options.parse_args()
    if wanted.run:
        found = RUNS[wanted.run](wanted.ct, wanted.seconds)
        print(json.dumps({**found, "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = wanted.ct or _phantom(Path(folder) / "phantom.nii.gz")
        rows = []
        for name in RUNS:
            command = [sys.executable, "-m", "Testing.benchmarks.segmentation_speed", "--run", name, "--ct", str(path),
                       "--seconds", str(wanted.seconds)]  # fmt: skip
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows.append({"run": name, **json.loads(said.splitlines()[-1])})
            print(rows[-1], flush=True)
    page = f"{models_line()}\n\n{markdown(pd.DataFrame(rows))}\n"
    print(page)
    if wanted.write:
        wanted.write.write_text(page, encoding="utf-8")


def _phantom(path: Path) -> Path:
    from OsteoScreenLib.image_file import write_image
    from OsteoScreenLib.phantoms import make_phantom

    write_image(make_phantom(SEED, SIZE, SPACING).volume, path)
    return path


if __name__ == "__main__":
    main()
