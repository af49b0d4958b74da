"""Which trained models there are for a system, and what a card says of one, in words; no weights are loaded."""

from pathlib import Path

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.models import CARD, ModelCard, read_card, search_path
from OsteoScreenLib.result import ModelUse


def installed(system: str) -> list[Path]:
    """Return the folders of the models on the search path that are made for a system (`systems.SYSTEMS`)."""
    found = []
    for card in (path for root in search_path() for path in sorted(root.glob(f"*/{CARD}"))):
        try:
            card_for(system, card.parent)
        except ModelError:
            continue
        found.append(card.parent)
    return found


def card_for(system: str, folder: Path) -> ModelCard:
    """Return the card of the model in a folder. Raises `ModelError` where there is none, or it is another system's."""
    card = read_card(folder)
    if card.parameters.get("system") != system:
        raise ModelError(
            f"The model {folder.name} is not one of {system}; it was made for another purpose: {card.task}"
        )
    return card


def asks_for_patient(card: ModelCard) -> bool:
    """Tell whether a model uses age, sex and BMI."""
    return card.parameters.get("clinical") is not None


def card_line(card: ModelCard) -> str:
    """Return in one line which model it is and what it learned from."""
    use = ModelUse.of(card)
    return f"{card.name} {card.version} ({card.architecture}), trained on {use.trained_in_brief.rstrip('.')}."


def how_to_train(system: str) -> str:
    """Return what to do where there is no model for a system."""
    return (
        f"There is no model for {system}: none is shipped. Train one on your own films with "
        f"'osteoscreen train {system} DATA -o DIR', and choose its folder here."
    )
