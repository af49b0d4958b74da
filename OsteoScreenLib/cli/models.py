"""``osteoscreen models``: the networks, their cards, whether their weights are theirs, and which are used."""

from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job

models = typer.Typer(name="models", help="List, check, choose or fetch networks.", no_args_is_help=True)


@models.command("list")
def list_all(json: Annotated[bool, typer.Option("--json", help="Print the cards as one JSON object.")] = False) -> None:
    """List every model with its task, licence and what it was trained on; a star marks those in use."""
    with job() as work:
        from OsteoScreenLib.model_choice import ROLES, in_use
        from OsteoScreenLib.models import list_models

        cards = list_models()
        used = [in_use(role) for role in ROLES]
        if json:
            from json import dumps

            rows = [{**card.model_dump(mode="json"), "in_use": card.name in used} for card in cards]
            work.say(dumps({"models": rows}))
            return
        for card in cards:
            mark = "*" if card.name in used else " "
            about = f"{card.task}; {card.architecture}; {card.licence}; {card.trained_on}"
            work.say(f"{mark} {card.name} {card.version}  {about}")
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


@models.command("use")
def use_one(
    name: Annotated[str, typer.Argument(help="A model of yours, or st-unet to go back to the shipped one.")],
) -> None:
    """Use a model from now on; every result names it and the SHA-256 of its weights."""
    with job() as work:
        from OsteoScreenLib.model_choice import role_of, use

        card = use(name)
        role = role_of(card)
        work.say(
            f"{card.name} {card.version} is used{'' if card.name == role else f' in place of {role}'}: {card.sha256}"
        )


@models.command()
def fetch(engine: Annotated[Literal["totalsegmentator"], typer.Argument(help="Whose weights to download.")]) -> None:
    """Download another engine's weights; nothing else in OsteoScreen downloads."""
    with job() as work:
        from OsteoScreenLib.segmentation.totalsegmentator import fetch as run

        work.progress(0.0, f"Fetching {engine}")
        run(work.say, work.cancelled)
