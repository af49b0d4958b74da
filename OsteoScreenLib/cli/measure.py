"""``osteoscreen measure``: Hounsfield units from a CT and its label map."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.findings import finding_line
from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import InputArgument, RodsOption, SeriesOption, SiteOption, UngatedOption


def measure(
    source: InputArgument,
    labelmap: Annotated[
        Path, typer.Argument(metavar="LABELMAP", help="Your masks on the CT's grid: a label map or .seg.nrrd.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="CSV", help="The table to write.")],
    series: SeriesOption = None,
    ungated: UngatedOption = False,
    site: SiteOption = None,
    rods: RodsOption = None,
) -> None:
    """Measure HU, vBMD and heights of every vertebra in a label map."""
    with job() as work:
        from OsteoScreenLib.errors import InputError
        from OsteoScreenLib.levels import levels_in
        from OsteoScreenLib.measurement.case import measure_case
        from OsteoScreenLib.measurement.rods import load_rods
        from OsteoScreenLib.measurement.site import load_site
        from OsteoScreenLib.output import staged_file
        from OsteoScreenLib.progress import part, stop_if
        from OsteoScreenLib.readers import read_volume
        from OsteoScreenLib.segmentation.engines import segment

        if site and rods:
            raise InputError("Give --rods or --site, not both: each has its own line to mg/cm3.")
        table = load_site(site)[0] if site else None
        phantom = load_rods(rods) if rods else ()
        with staged_file(output) as staged:
            volume = read_volume(source, series, part(work.progress, 0.0, 0.2), work.cancelled)
            found = segment(volume, labelmap, "cpu", part(work.progress, 0.2, 0.5), work.cancelled)
            levels = levels_in(found.labels.voxels)
            work.progress(0.5, "Measuring")
            measured = measure_case(volume, found, levels, ungated=ungated, site=table, rods=phantom)
            measured.table.to_csv(staged, index=False)
            stop_if(work.cancelled)
        for one in measured.findings:
            work.say(finding_line(one))
        for note in found.notes:
            work.say(f"Note: {note}")
        work.say(f"{', '.join(levels)}: {output}")
