"""What fine-tuning came to, for a person to read."""

from OsteoScreenLib.models import ModelCard


def in_words(card: ModelCard) -> list[list[str]]:
    """Return a row for each figure of a fine-tuned model: its name, before, after."""
    names = [name.removesuffix("_before") for name in card.measured if name.endswith("_before")]
    return [
        [name.replace("_", " "), f"{card.measured[f'{name}_before']:.3f}", f"{card.measured[f'{name}_after']:.3f}"]
        for name in names
    ]
