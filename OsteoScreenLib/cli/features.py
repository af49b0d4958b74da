"""``osteoscreen features``: radiomics from a CT and its label map."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import collector_off, job
from OsteoScreenLib.cli.options import InputArgument, SeriesOption

FeatureEngine = Literal["native", "pyradiomics"]


def features(
    source: InputArgument,
    labelmap: Annotated[
        Path, typer.Argument(metavar="LABELMAP", help="Your masks on the CT's grid: a label map or .seg.nrrd.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="CSV", help="The table to write.")],
    settings: Annotated[
        Path | None, typer.Option(metavar="YAML", help="A pyradiomics parameter file in place of the defaults.")
    ] = None,
    engine: Annotated[FeatureEngine, typer.Option(help="pyradiomics gives the same, where installed.")] = "native",
    stability: Annotated[
        bool, typer.Option("--stability", help="Write CSV.stability.csv, too: each feature's ICC over changed masks.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; else all processors.")] = None,
    series: SeriesOption = None,
) -> None:
    """Compute the radiomics features of every vertebra in a label map."""
    with job() as work, collector_off():
        from contextlib import ExitStack
        from os import environ
        from threading import Thread

        environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the blocks are small; its threads would wait beside ours

        from OsteoScreenLib.radiomics.extract import LOG, NOTHING_TO_SAY, columns, prepare, rows

        if engine == "native":
            Thread(target=prepare).start()  # loading compiled code takes as long as reading the files

        from OsteoScreenLib.levels import in_our_coding, levels_in
        from OsteoScreenLib.output import staged_file
        from OsteoScreenLib.progress import part, stop_if
        from OsteoScreenLib.radiomics.images import bounding_box
        from OsteoScreenLib.radiomics.settings import Settings, read_settings
        from OsteoScreenLib.readers import read_labels, read_volume

        chosen = read_settings(settings) if settings else Settings()
        second = output.with_suffix(".stability.csv")
        with ExitStack() as stack:
            staged = stack.enter_context(staged_file(output))
            staged_second = stack.enter_context(staged_file(second)) if stability else None
            volume = read_volume(source, series, part(work.progress, 0.0, 0.2), work.cancelled)
            labels, notes = read_labels(labelmap, volume), ()
            near = labels.voxels[bounding_box(labels.voxels)]
            if not in_our_coding(near):
                from OsteoScreenLib.segmentation.engines import segment

                found = segment(volume, labelmap, "cpu", part(work.progress, 0.2, 0.4), work.cancelled)
                labels, notes, near = found.labels, found.notes, found.labels.voxels
            levels = tuple(levels_in(near))
            table = rows(
                volume, labels, volume.name, levels, chosen, engine=engine, workers=workers,
                progress=part(work.progress, 0.4, 0.6 if stability else 1.0), cancelled=work.cancelled,
            )  # fmt: skip
            _write(table, columns(chosen), staged)
            if staged_second:
                from OsteoScreenLib.radiomics.stability import stability as agreement

                agreement(
                    volume, labels, volume.name, levels, chosen, workers=workers,
                    progress=part(work.progress, 0.6, 1.0), cancelled=work.cancelled,
                ).to_csv(staged_second, index=False)  # fmt: skip
            stop_if(work.cancelled)
        for note in (*notes, *chosen.cautions):
            work.say(f"Note: {note}")
        for row in table:
            if row[LOG] != NOTHING_TO_SAY:
                work.say(f"Note: {row['level']} {row['roi']}: {row[LOG]}")
        work.say(f"{', '.join(levels)}: {len(chosen.columns)} features of each region: {output}")
        if stability:
            work.say(f"Stability: {second}")


def _write(rows: list[dict[str, float | str]], columns: list[str], path: Path) -> None:
    """Write a table as pandas does, whose import would take longer than all else here: NaN is nothing."""
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if row[name] != row[name] else row[name] for name in columns] for row in rows])
