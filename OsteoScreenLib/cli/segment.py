"""``osteoscreen segment``: the label map alone."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption, EngineOption, InputArgument, SeriesOption, engine_of


def segment(
    source: InputArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A .seg.nrrd segmentation, or .nii.gz, .nrrd, .mha.")
    ],
    device: DeviceOption = "auto",
    engine: EngineOption = "unet",
    series: SeriesOption = None,
) -> None:
    """Outline the vertebral bodies of a CT, and nothing else."""
    with job() as work:
        from OsteoScreenLib.image_file import check_image_path, write_labels
        from OsteoScreenLib.levels import levels_in
        from OsteoScreenLib.progress import part, stop_if
        from OsteoScreenLib.readers import read_volume
        from OsteoScreenLib.segmentation.engines import segment as run

        check_image_path(output, labels=True)
        volume = read_volume(source, series, part(work.progress, 0.0, 0.1), work.cancelled)
        found = run(volume, engine_of(engine), device, part(work.progress, 0.1, 0.95), work.cancelled)
        stop_if(work.cancelled)
        write_labels(found.labels, output)
        for note in found.notes:
            work.say(f"Note: {note}")
        work.say(f"{', '.join(levels_in(found.labels.voxels))}: {output}")
