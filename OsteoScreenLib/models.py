"""Model cards: find a model, check its weights against their hash, load them, save new ones.

A model is a folder ``<name>/`` with ``model.safetensors`` (the weights, nothing executable) and ``model.json``
(the card). Folders are searched in $OSTEOSCREEN_MODELS, then in Resources/Models of the source tree or the wheel, then
in the user's own folder, so that nothing there stands in for a model that is shipped.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from OsteoScreenLib.errors import ModelError, first_fault
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.user_folder import user_folder

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CARD = "model.safetensors", "model.json"


NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What a model may be called, as a regular expression."""

ALIASES = {"st-unet": "refine"}
"""What people call a shipped model, and its name."""


class ModelCard(BaseModel):
    """What a model is, what it learned from, how well it did, and the SHA-256 of its weights.

    `architecture` names the network and `parameters` are its arguments; `measured` holds figures by name. `role` is the
    shipped model that it can be used in place of, where it has another name (`model_choice`). A fine-tuned model has a
    `parent`, and `cases` and `patients` are how many it learned from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{NAME}$")
    version: str
    task: str
    architecture: str
    parameters: dict[str, Any]
    trained_on: str
    measured: dict[str, Any]
    intended_use: str
    licence: str
    sources: tuple[str, ...]
    role: str | None = None
    parent: str | None = None
    cases: int | None = None
    patients: int | None = None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def in_full(self) -> str:
        """Name, version and hash, as a model made from this one names it."""
        return f"{self.name} {self.version}, SHA-256 {self.sha256}"


def search_path() -> list[Path]:
    """Return the folders that models are looked for in, the first first."""
    package = Path(__file__).resolve().parent
    named = [Path(folder) for folder in os.environ.get("OSTEOSCREEN_MODELS", "").split(os.pathsep) if folder]
    return [*named, package.parent / "Resources" / "Models", package / "Resources" / "Models", own_models()]


def own_models() -> Path:
    """Return the folder of the user's own models."""
    return user_folder() / "models"


def list_models() -> list[ModelCard]:
    """Return the card of every model on the search path, by name; of two of one name, the first."""
    folders = {
        card.parent.name: card.parent for root in reversed(search_path()) for card in sorted(root.glob(f"*/{CARD}"))
    }
    return [read_card(folders[name]) for name in sorted(folders)]


def find(name: str) -> Path:
    """Return the folder of a model by its name or alias; raises `ModelError` where there is none."""
    name = ALIASES.get(name, name)
    if re.fullmatch(NAME, name):
        for root in search_path():
            if (root / name / CARD).is_file():
                return root / name
    known = sorted({card.parent.name for root in search_path() for card in root.glob(f"*/{CARD}")})
    raise ModelError(f"There is no model named {name!r}. Available: {', '.join(known) or 'none'}.")


def read_card(folder: Path) -> ModelCard:
    """Read the card in a model's folder; raises `ModelError` where it is missing or malformed."""
    path = folder / CARD
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The model card {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise ModelError(f"The model card {path} is malformed: {first_fault(error)}.") from error


def verify(name: str) -> ModelCard:
    """Return the card of a model whose weights have the hash that the card states; else raise `ModelError`."""
    return _checked_weights(find(name))[0]


def load_weights(name: str) -> "tuple[ModelCard, dict[str, Tensor]]":
    """Return a model's card and its tensors by name, on the CPU; raises `ModelError` where the hash differs."""
    return load_folder(find(name))


def load_folder(folder: Path) -> "tuple[ModelCard, dict[str, Tensor]]":
    """Return the card and the tensors of the model in a folder, as `load_weights` does of a model by name."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    card, weights = _checked_weights(folder)
    try:
        return card, load(weights)
    except SafetensorError as error:
        raise ModelError(f"The weights of {card.name} are not a safetensors file: {error}.") from error


def save_model(folder: Path, state_dict: "dict[str, Tensor]", **card: Any) -> ModelCard:
    """Write weights and card into `folder` and return the card; `card` holds all fields but `sha256`.

    `name` defaults to the folder's. Other files in the folder stay. Raises `ModelError` where a field is wrong.
    """
    from safetensors.torch import save

    weights = save({key: tensor.detach().cpu().contiguous() for key, tensor in state_dict.items()})
    try:
        made = ModelCard(**{"name": folder.name, **card}, sha256=hashlib.sha256(weights).hexdigest())
    except ValidationError as error:
        raise ModelError(f"The model card is malformed: {first_fault(error)}.") from error
    with staged_folder(folder) as staged:
        (staged / WEIGHTS).write_bytes(weights)
        (staged / CARD).write_text(
            json.dumps(made.model_dump(mode="json", exclude_none=True), indent=2) + "\n", encoding="utf-8"
        )
    return made


def _checked_weights(folder: Path) -> tuple[ModelCard, bytes]:
    card = read_card(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ModelError(f"The weights {folder / WEIGHTS} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise ModelError(
            f"The weights of {card.name} are not those its card describes (SHA-256 differs); install it again."
        )
    return card, weights
