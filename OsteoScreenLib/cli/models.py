"""``osteoscreen models``: the networks, their cards, and whether their weights are what the cards say."""

from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job

models = typer.Typer(name="models", help="List, check or fetch networks.", no_args_is_help=True)


@models.command("list")
def list_all(json: Annotated[bool, typer.Option("--json", help="Print the cards as one JSON object.")] = False) -> None:
    """List every model with its task, licence and what it was trained on."""
    with job() as work:
        from OsteoScreenLib.models import list_models

        cards = list_models()
        if json:
            from json import dumps

            work.say(dumps({"models": [card.model_dump(mode="json") for card in cards]}))
            return
        for card in cards:
            work.say(f"{card.name} {card.version}  {card.task}; {card.architecture}; {card.licence}; {card.trained_on}")
        if not cards:
            work.say("No model is installed.")


@models.command()
def verify(name: Annotated[str | None, typer.Argument(help="One model; else all.")] = None) -> None:
    """Check that weights have the SHA-256 that their card states."""
    with job() as work:
        from OsteoScreenLib.models import list_models
        from OsteoScreenLib.models import verify as check

        for each in [name] if name else [card.name for card in list_models()]:
            card = check(each)
            work.say(f"{card.name} {card.version}  {card.sha256}  as its card says")


@models.command()
def fetch(engine: Annotated[Literal["totalsegmentator"], typer.Argument(help="Whose weights to download.")]) -> None:
    """Download another engine's weights; nothing else in OsteoScreen downloads."""
    with job() as work:
        from OsteoScreenLib.segmentation.totalsegmentator import fetch as run

        work.progress(0.0, f"Fetching {engine}")
        run(work.say, work.cancelled)
