"""``osteoscreen screen``: the whole job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.cli.findings import finding_line
from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import (
    CutoffsOption,
    DeviceOption,
    EngineOption,
    FlipsOption,
    InputArgument,
    SeriesOption,
    SiteOption,
    UngatedOption,
    engine_of,
)

if TYPE_CHECKING:
    from OsteoScreenLib.result_folder import Record


def screen(
    source: InputArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
    device: DeviceOption = "auto",
    engine: EngineOption = "st-unet",
    series: SeriesOption = None,
    flips: FlipsOption = False,
    ungated: UngatedOption = False,
    cutoffs: CutoffsOption = None,
    site: SiteOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")] = False,
) -> None:
    """Screen a CT: outlines, tables, report, 3D Slicer scene."""
    with job() as work:
        from OsteoScreenLib.result_folder import load_record
        from OsteoScreenLib.screening import screen as run

        run(
            source,
            output,
            engine=engine_of(engine),
            device=device,
            series=series,
            cutoffs=cutoffs,
            flips=flips,
            ungated=ungated,
            site=site,
            progress=work.progress,
            cancelled=work.cancelled,
        )
        record = load_record(output)
        work.say(_as_json(record, output) if json else _as_text(record, output))


def _as_json(record: "Record", output: Path) -> str:
    import json

    return json.dumps({**record.model_dump(mode="json"), "output": str(output)})


def _as_text(record: "Record", output: Path) -> str:
    from OsteoScreenLib.result_folder import REPORT, SCENE

    lines = [
        f"{row['level']}  trabecular {_hu(row['trabecular_mean_hu'])}   anterior ellipse {_hu(row['roi_mean_hu'])}"
        f"{_remarks(record, row)}"
        for row in record.measurements
    ]
    lines += [finding_line(one) for one in record.quality]
    lines += [f"Note: {text}" for text in record.notes]
    if SCENE not in record.files:
        lines.append(f"Note: {SCENE} was left out: it needs pip install 'osteoscreen[viewer]'.")
    return "\n".join([*lines, f"Report: {output / REPORT}", RESEARCH_USE])


def _remarks(record: "Record", row: dict[str, str | float | None]) -> str:
    """Return what is closed of a row, and which checks its HU are to be read with caution for."""
    from OsteoScreenLib.measurement.gate import GATE, OPEN, cares

    with_care = ", ".join(cares(record.quality, "roi_mean_hu", row["level"]))
    said = ["" if row.get(GATE, OPEN) == OPEN else row[GATE], with_care and f"caution: {with_care}"]
    return "".join(f"   ({one})" for one in said if one)


def _hu(value: str | float | None) -> str:
    return "   - HU" if value is None else f"{value:4.0f} HU"
