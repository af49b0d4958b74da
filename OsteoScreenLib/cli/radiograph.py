"""``osteoscreen radiograph``: films scored by a trained VERTE-X, bone texture or knee network."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption


def radiograph(
    system: Annotated[Literal["verte-x", "verte-x-vfa", "bone-texture", "knee"], typer.Argument(help="Whose network.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="DICOM, PNG, TIFF or JPEG films.")],
    model: Annotated[
        Path, typer.Option(metavar="DIR", help="A model's folder, made by `osteoscreen train`; none is shipped.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
    age: Annotated[float | None, typer.Option(min=0, max=130, help="Years; used where the model knows age.")] = None,
    sex: Annotated[Literal["f", "m"] | None, typer.Option(case_sensitive=False, help="Used likewise.")] = None,
    bmi: Annotated[float | None, typer.Option(min=5, max=100, help="kg/m2; used likewise.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Score films: a table, and a page with a heat map of each."""
    with job() as work:
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.radiographs.score import load_scorer, score_films
        from OsteoScreenLib.report.film_pages import PAGE, write_scores

        scorer = load_scorer(system, model, choose(device))
        clinical = {"age": age, "sex": None if sex is None else float(sex == "f"), "bmi": bmi}
        scored = score_films(scorer, images, clinical, work.progress, work.cancelled)
        write_scores(scored, output)
        for one in scored.scores:
            work.say(f"{one.name}: {one.score:.3f}  {one.label}")
        if scorer.clinical is None and any(value is not None for value in clinical.values()):
            work.say("Note: this model was trained without age, sex and BMI; they were not used.")
        work.say(f"Report: {output / PAGE}")
        work.say(f"{scorer.card.name}: trained on {scorer.card.trained_on}")
        work.say(RESEARCH_USE)
