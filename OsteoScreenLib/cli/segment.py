"""``osteoscreen segment``: the label map alone, and how it agrees with another one."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption, EngineOption, FlipsOption, InputArgument, SeriesOption, engine_of


def segment(
    source: InputArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A .seg.nrrd segmentation, or .nii.gz, .nrrd, .mha.")
    ],
    device: DeviceOption = "auto",
    engine: EngineOption = "st-unet",
    series: SeriesOption = None,
    flips: FlipsOption = False,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="REF", help="Print Dice and surface distances to this label map on the CT's grid."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")] = False,
) -> None:
    """Outline the vertebral bodies of a CT, and nothing else."""
    with job() as work:
        from OsteoScreenLib.cli.comparison_table import as_table, as_values
        from OsteoScreenLib.evaluation.comparison import compare as agreement
        from OsteoScreenLib.image_file import check_image_path, write_labels
        from OsteoScreenLib.levels import levels_in
        from OsteoScreenLib.progress import part, stop_if
        from OsteoScreenLib.readers import read_labels, read_volume
        from OsteoScreenLib.segmentation.engines import segment as run

        check_image_path(output, labels=True)
        volume = read_volume(source, series, part(work.progress, 0.0, 0.1), work.cancelled)
        reference = read_labels(compare, volume) if compare else None
        found = run(volume, engine_of(engine), device, part(work.progress, 0.1, 0.9), work.cancelled, flips=flips)
        stop_if(work.cancelled)
        levels, notes, compared = levels_in(found.labels.voxels), found.notes, None
        if reference is not None:
            work.progress(0.9, "Comparing")
            compared = agreement(found.labels.voxels, reference.voxels, volume.spacing)
            notes = (*notes, *compared.notes)
        write_labels(found.labels, output)
        if json:
            from json import dumps

            rows = as_values(compared) if compared else None
            values = {"levels": levels, "engine": found.engine, "notes": notes, "comparison": rows}
            work.say(dumps({**values, "output": str(output)}))
            return
        if compared:
            work.say(as_table(compared))
        for note in notes:
            work.say(f"Note: {note}")
        work.say(f"{', '.join(levels)}: {output}")
