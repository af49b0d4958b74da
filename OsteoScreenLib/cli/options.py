"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Device = Literal["auto", "cpu", "cuda", "mps"]

InputArgument = Annotated[
    Path,
    typer.Argument(metavar="INPUT", help="A NIfTI, NRRD or MHA file, a DICOM folder, or a DICOM file of a series."),
]
DeviceOption = Annotated[Device, typer.Option(help="Where the networks run; auto takes CUDA, then MPS, then the CPU.")]
EngineOption = Annotated[
    str,
    typer.Option(
        metavar="st-unet|totalsegmentator|nnunet:FOLDER|monai:FOLDER|LABELMAP",
        help="Our network, somebody else's, or a label map of yours on the CT's grid.",
    ),
]
SeriesOption = Annotated[
    str | None, typer.Option(metavar="UID|NUMBER", help="Which series of a DICOM folder; else the largest CT.")
]
FlipsOption = Annotated[
    bool, typer.Option("--flips", help="Outline on the mirror image, too, and take the mean: twice the time.")
]


UngatedOption = Annotated[
    bool, typer.Option("--ungated", help="Keep the numbers that a closed gate of quality would leave out.")
]
CutoffsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Reference lines (JSON) in place of the published ones.")
]
SiteOption = Annotated[
    Path | None,
    typer.Option("--site", metavar="JSON", help="Your department's own table (osteoscreen calibrate)."),
]
RodsOption = Annotated[
    Path | None,
    typer.Option(
        "--rods", metavar="CSV", help="Rods of a phantom in the CT: columns mg_cm3, r, a, s (RAS mm), radius_mm."
    ),
]


def engine_of(text: str) -> str | Path:
    """Return an engine's name (with the model folder after a colon), or a path where the text is a file's."""
    named = text.startswith(("nnunet:", "monai:"))
    return Path(text) if not named and (Path(text).suffix or Path(text).exists()) else text
