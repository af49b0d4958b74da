"""``osteoscreen calibrate``: a department's own scanner offsets and reference lines."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job


def calibrate(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="SITE.csv",
            help="Cases: level, hu, manufacturer, model, kvp, and qct_mg_cm3 or t_score; a row per body.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="JSON", help="The site table to write.")],
    name: Annotated[str | None, typer.Option(help="What the table is called in results; else the CSV's name.")] = None,
) -> None:
    """Fit a site table from cases with QCT or DXA, for `screen --site`."""
    with job() as work:
        from OsteoScreenLib.measurement.site import fit_site
        from OsteoScreenLib.output import staged_file

        with staged_file(output) as staged:
            site = fit_site(table, name or table.stem)
            staged.write_text(site.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for one in site.scanners:
            line = f"; {one.mg_per_hu:.3f} mg/cm3 per HU, off by {one.residual_mg:.1f}" if one.mg_per_hu else ""
            work.say(
                f"{one.manufacturer} {one.model}, {one.kvp:g} kVp: {one.cases} cases, {one.offset_hu:+.1f} HU{line}"
            )
        for line in site.cutoffs:
            work.say(f"{line.level}: {line.hu:.0f} HU, {line.meaning}")
        work.say(f"Site table: {output}")
