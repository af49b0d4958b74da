"""How fast our radiomics are, as whole processes beside pyradiomics and fastrad, and whether the values agree.

``python -m Testing.benchmarks.radiomics --pyradiomics PYTHON [--fastrad FOLDER] [--repeats 3]`` where PYTHON is an
interpreter that has pyradiomics (Testing/radiomics/oracle/make_oracle.py says how to build it; or set
$OSTEOSCREEN_PYRADIOMICS) and FOLDER is what ``pip install --no-deps --target FOLDER fastrad`` filled.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.levels import SCREENED, SHELL, TRABECULAR, body_mask, label
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.radiomics import compiled
from OsteoScreenLib.volume import Volume
from Testing.benchmarks.segmentation import markdown

SEED, SIZE, SPACING = 1, (200, 150, 100), (1.3, 1.3, 2.0)
BODY_MM3, TRABECULAR_MM3 = 40_000, 17_000

OURS = "import sys; from OsteoScreenLib.cli import main; sys.exit(main(sys.argv[1:]))"

PYRADIOMICS = """
import csv, sys
import radiomics, SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor
ct, labels, output, diagnostics = sys.argv[1:]
radiomics.setVerbosity(60)
kinds = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
images = dict.fromkeys(("Original", "Wavelet", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient"), {})
images["LoG"] = {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}
extractor = RadiomicsFeatureExtractor({
    "setting": {"normalize": True, "normalizeScale": 100, "resampledPixelSpacing": [1, 1, 1], "binWidth": 25},
    "imageType": images, "featureClass": dict.fromkeys(kinds)})
extractor.addProvenance(diagnostics == "yes")
image, whole = sitk.ReadImage(ct), sitk.ReadImage(labels)
codes = sitk.GetArrayFromImage(whole)
rows = []
for level, code in (("L1", 20), ("L2", 21), ("L3", 22), ("L4", 23)):
    for roi, mask in (("body", codes // 10 == code), ("trabecular", codes == 10 * code + 2)):
        region = sitk.GetImageFromArray(mask.astype("uint8"))
        region.CopyInformation(whole)
        rows.append({"level": level, "roi": roi, **extractor.execute(image, region)})
with open(output, "w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
"""

FASTRAD = """
import csv, sys
from pathlib import Path
import torch
from fastrad.extractor import FeatureExtractor
from fastrad.image import Mask, MedicalImage
from fastrad.settings import FeatureSettings
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.radiomics import extract as ours
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.readers import read_labels, read_volume
ct, labels, output = sys.argv[1:]
volume, settings = read_volume(Path(ct)), Settings()
case = ours.open_case(volume, read_labels(Path(labels), volume), settings)
kinds = ["firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm"]
peer = FeatureExtractor(FeatureSettings(kinds, bin_width=25.0, device="cpu"))
rows = []
for level, box in ours._boxes(case, SCREENED):
    for roi in ours._rois(case, level, box, settings):
        values, mask = (torch.from_numpy(array).float() for array in (roi.block.values[roi.inside], roi.mask))
        rows.append({"level": level, "roi": roi.name, **peer.extract(MedicalImage(values), Mask(mask))})
with open(output, "w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
"""
"""fastrad neither normalises, resamples nor filters: our blocks go in, and only the unfiltered image is compared."""

ONE_IMAGE = """
setting: {normalize: true, normalizeScale: 100, resampledPixelSpacing: [1, 1, 1], binWidth: 25}
imageType: {Original: {}}
"""


@dataclass(frozen=True)
class Contender:
    """A process of the table: what it is called, of how many images it computes features, and its command."""

    name: str
    images: int
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """What one process took: seconds on the clock, seconds of processor time, peak memory in MiB."""

    seconds: float
    processor: float
    peak: float


def timed(contender: Contender) -> Run:
    """Run a process to its end and return what it took; raises if it fails."""
    started = time.monotonic()
    around = {**os.environ, **contender.environment}
    process = subprocess.Popen(contender.command, env=around, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"{contender.name} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_case(folder: Path) -> None:
    """Write a phantom, enlarged to bodies of 40 ml, with a shell so thick that 17 ml of them are trabecular.

    Each voxel becomes four, with noise of their own, and air around fills 512 x 512 voxels: a CT's usual size.
    """
    from scipy.ndimage import distance_transform_edt

    phantom = make_phantom(SEED, SIZE, SPACING)
    codes = phantom.labels.voxels
    volume = np.mean([body_mask(codes, level).sum() for level in SCREENED]) * phantom.volume.voxel_volume
    matrix = phantom.volume.ijk_to_ras.copy()
    matrix[:3, :3] *= (BODY_MM3 / volume) ** (1 / 3)
    ct = Volume(phantom.volume.voxels, matrix)
    labels = np.zeros_like(codes)
    for level in SCREENED:
        body = body_mask(codes, level)
        outwards = np.argsort(-distance_transform_edt(body, ct.spacing[::-1])[body], kind="stable")
        codes_of_body = np.full(len(outwards), label(level, SHELL))
        codes_of_body[outwards[: round(len(outwards) * TRABECULAR_MM3 / BODY_MM3)]] = label(level, TRABECULAR)
        labels[body] = codes_of_body
    matrix[:3, :2] /= 2
    room = [(0, 0), *(((512 - 2 * n) // 2,) * 2 for n in ct.voxels.shape[1:])]
    fine = [np.repeat(np.repeat(voxels, 2, 1), 2, 2) for voxels in (ct.voxels, labels)]
    noise = np.random.default_rng(SEED).normal(0, 15, fine[0].shape)
    hu = np.maximum(np.rint(fine[0] + noise), -1024).astype(np.int16)  # as in a CT, and as our reader has it
    hu = np.pad(hu, room, constant_values=-1000)
    ct = Volume(hu, matrix)
    write_image(ct, folder / "ct.nii.gz")
    write_labels(ct.with_voxels(np.pad(fine[1], room)), folder / "labels.nii.gz")


def contenders(wanted: argparse.Namespace, ct: Path, labels: Path, folder: Path) -> list[Contender]:
    """Return the processes of the table, ours first."""
    given = [str(ct), str(labels)]
    ours = [sys.executable, "-c", OURS, "features", *given, "-o"]
    found = [Contender("OsteoScreen", 19, [*ours, str(folder / "ours.csv")])]
    if wanted.pyradiomics:
        theirs = [wanted.pyradiomics, "-c", PYRADIOMICS, *given, str(folder / "theirs.csv")]
        found.append(Contender("pyradiomics, default", 19, [*theirs, "yes"]))
        found.append(Contender("pyradiomics, no diagnostics", 19, [*theirs, "no"]))
    if wanted.fastrad:
        (folder / "one.yaml").write_text(ONE_IMAGE)
        one = [*ours, str(folder / "one.csv"), "--settings", str(folder / "one.yaml")]
        path = os.pathsep.join([str(wanted.fastrad), str(Path(__file__).parents[2])])
        peer = [sys.executable, "-c", FASTRAD, *given, str(folder / "fastrad.csv")]
        found.append(Contender("OsteoScreen", 1, one))
        found.append(Contender("fastrad", 1, peer, {"PYTHONPATH": path}))
    return found


def agreement(mine: Path, other: Path) -> str:
    """Say how many values agree within 1e-6 (or 1e-11 where they are zero but for rounding)."""
    ours, theirs = (pd.read_csv(path).set_index(["level", "roi"]) for path in (mine, other))
    columns = [name for name in ours.columns if name in theirs.columns]
    a, b = (table[columns].to_numpy(float) for table in (ours, theirs.loc[ours.index]))
    close, undefined = np.isclose(a, b, 1e-6, 1e-11), np.isnan(a)
    return f"{close.sum()} of {a.size} values agree within 1e-6, {undefined.sum()} more are undefined and NaN here"


def main() -> None:
    """Run the processes in turn and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pyradiomics", default=os.environ.get("OSTEOSCREEN_PYRADIOMICS"), metavar="PYTHON")
    options.add_argument("--fastrad", type=Path, metavar="FOLDER")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--folder", type=Path, help="keep the case and the tables here")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        ct, labels = folder / "ct.nii.gz", folder / "labels.nii.gz"
        if not (ct.exists() and labels.exists()):
            # Apart, for a process's peak memory begins at that of the one that starts it.
            with ProcessPoolExecutor(1) as apart:
                apart.submit(write_case, folder).result()
        processes = contenders(wanted, ct, labels, folder)
        for kept in Path(compiled.__file__).parent.glob("__pycache__/kernels.*.ll"):
            kept.unlink()
        first = timed(processes[0])
        print(f"First run, with compilation: {first.seconds:.1f} s ({first.processor:.1f} s of processor time)")
        runs: list[list[Run]] = [[] for _ in processes]
        for _ in range(wanted.repeats):
            for contender, done in zip(processes, runs, strict=True):
                done.append(timed(contender))
                print(f"{contender.name}, {contender.images}: {done[-1]}, load {os.getloadavg()[0]:.1f}", flush=True)
        best = [Run(*(min(getattr(run, key) for run in done) for key in ("seconds", "processor", "peak")))
                for done in runs]  # fmt: skip
        ours = {process.images: run for process, run in zip(processes, best, strict=True) if process.command[2] == OURS}
        rows = [{"process": process.name, "images": process.images, "seconds": f"{run.seconds:.1f}",
                 "times ours": f"{run.seconds / ours[process.images].seconds:.1f}",
                 "processor seconds": f"{run.processor:.1f}",
                 "times ours ": f"{run.processor / ours[process.images].processor:.1f}", "peak MiB": f"{run.peak:.0f}"}
                for process, run in zip(processes, best, strict=True)]  # fmt: skip
        print(f"\nThe best of {wanted.repeats} turns, {os.cpu_count()} processors.\n")
        print(markdown(pd.DataFrame(rows)))
        if wanted.pyradiomics:
            print(agreement(folder / "ours.csv", folder / "theirs.csv"))


if __name__ == "__main__":
    main()
