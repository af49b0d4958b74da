"""Which model the user has chosen in place of a shipped one: one small file in the user's own folder."""

import json

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.models import ModelCard, find, verify
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.plain_json import read_json
from OsteoScreenLib.user_folder import user_folder

CHOICES = "models.json"

SEGMENTING: tuple[str, ...] = ("locate", "count", "refine")
"""The shipped models that segment, in the order in which they work."""

ROLES: tuple[str, ...] = (*SEGMENTING, "detect")
"""The shipped models that another one can be used in place of."""


def in_use(role: str) -> str:
    """Return the name of the model that is used for a role: the user's choice, else the shipped one.

    Raises `ModelError` where the chosen one is gone.
    """
    name = _choices().get(role, role)
    if name != role:
        try:
            find(name)
        except ModelError:
            raise ModelError(
                f"The model {name}, chosen in place of {role}, is gone; 'osteoscreen models use {role}' goes back."
            ) from None
    return name


def use(name: str) -> ModelCard:
    """Use a model from now on for what it was made for, and return its card; a shipped one's name goes back to it.

    Raises `ModelError` where there is no such model, its weights are not those of its card, or it has no `role` here.
    """
    card = verify(name)
    role = role_of(card)
    if role is None:
        raise ModelError(f"{card.name} cannot be used in place of {', '.join(ROLES[:-1])} or {ROLES[-1]}.")
    choices = {**_choices(), role: card.name}
    if card.name == role:
        del choices[role]
    with staged_file(user_folder() / CHOICES) as staged:
        staged.write_text(json.dumps(choices, indent=2) + "\n", encoding="utf-8")
    return card


def role_of(card: ModelCard) -> str | None:
    """Return the shipped model that a model can be used in place of, itself if it is one, or None."""
    role = card.role or card.name
    return role if role in ROLES else None


def _choices() -> dict[str, str]:
    """Return the chosen models by role. Raises `ModelError` where the file is damaged."""
    path = user_folder() / CHOICES
    if not path.is_file():
        return {}
    try:
        choices = read_json(path)
        if not isinstance(choices, dict) or not all(isinstance(name, str) for name in choices.values()):
            raise ValueError
    except (OSError, ValueError):
        raise ModelError(f"{path} cannot be read; remove it, and the shipped models are used again.") from None
    return choices
