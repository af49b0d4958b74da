"""What fine-tuning gains on a kind of CT that the shipped model does badly, and what it forgets.

``python -m Testing.benchmarks.fine_tuning --folder DIR [--epochs 3] [--freeze-encoder] [--write FILE]``

The kind: healthy spines in smooth, noisy, thick slices, beyond anything that training draws. Eight of them, with their
true masks for corrections, are learned from (a fifth of them validates); four others are the test. The standard
phantoms are `fine_tuning.standard_phantom`. A stopped run goes on where it was.
"""

import argparse
import time
from pathlib import Path

import pandas as pd

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import SPLITS, open_dataset
from OsteoScreenLib.models import ModelCard, read_card
from OsteoScreenLib.output import staged_file, write_once
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.phantoms.scan import Protocol
from OsteoScreenLib.training.fine_tuning import Choices, fine_tune
from Testing.benchmarks.table import markdown

FIRST_SEED, LEARNED, UNSEEN, STANDARD = 1_700_000, 8, 4, 8
KIND = Protocol(blur=2.5, noise=80.0, grain=1.2)
"""In-plane blur (SD, mm), noise (SD, HU) and its grain (mm); training goes to 1.8 mm, 50 HU and 1.8 mm."""

SIZE, SPACING = (110, 100, 42), (1.4, 1.4, 5.0)


def dataset_of_the_kind(folder: Path) -> None:
    """Make the dataset in a folder, unless it is there: each phantom a patient, the last four the test."""
    for number in range(LEARNED + UNSEEN):
        name = f"phantom {number}"
        if (folder / f"{number}.done").is_file():
            continue
        phantom = make_phantom(FIRST_SEED + number, SIZE, SPACING, protocol=KIND)
        added = add_case(folder / "dataset", phantom.volume, NewMask(phantom.labels, reader="truth"), patient=name)
        if number >= LEARNED:
            write_once(folder / "dataset" / SPLITS / added.case.patient, "test\n")
        with staged_file(folder / f"{number}.done") as staged:
            staged.write_text(added.case.id)


def figures(card: ModelCard) -> pd.DataFrame:
    """Return mean Dice before and after on what was held out."""
    names = {
        "own_test": f"the kind: {UNSEEN} unseen phantoms",
        "own_validation": f"the kind: {card.measured['validation_cases']} that said when to stop",
        "phantoms": f"{STANDARD} standard phantoms",
    }
    rows = []
    for key, name in names.items():
        for part in ("body", "trabecular"):
            before, after = (card.measured[f"{key}_{part}_dice_{when}"] for when in ("before", "after"))
            rows.append(
                {
                    "judged on": name,
                    "Dice of": part,
                    "before": f"{before:.3f}",
                    "after": f"{after:.3f}",
                    "change": f"{after - before:+.3f}",
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="dataset, checkpoints and the new model")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--freeze-encoder", action="store_true")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    given = parser.parse_args()
    dataset_of_the_kind(given.folder)
    name = f"thick-smooth{'-frozen' if given.freeze_encoder else ''}-{given.epochs}"
    model, run = given.folder / name, given.folder / f"run-{name}"
    if not model.is_dir():
        choices = Choices(
            epochs=given.epochs,
            freeze_encoder=given.freeze_encoder,
            standard=STANDARD,
            workers=0,
            patience=given.epochs,
        )
        began = time.process_time()

        def tell(fraction: float, message: str) -> None:
            print(f"{fraction:6.1%} {time.process_time() - began:6.0f} s CPU  {message}", flush=True)

        fine_tune(open_dataset(given.folder / "dataset"), "st-unet", model, run, choices, progress=tell)
        (run / "seconds.txt").write_text(f"{time.process_time() - began:.0f}")
    card = read_card(model)
    spent = (run / "seconds.txt").read_text()
    how = f"{card.cases} of {LEARNED} phantoms to learn from, at most {given.epochs} passes; {spent} s of CPU in all."
    text = f"Made from {card.parent}.\n\n{how}\n\n{markdown(figures(card))}"
    print(text)
    if given.write:
        given.write.write_text(text + "\n")


if __name__ == "__main__":
    main()
