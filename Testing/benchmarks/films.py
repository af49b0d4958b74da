"""Does each radiograph network learn? ``python -m Testing.benchmarks.films FOLDER`` draws invented films into a folder,
trains every network on them from scratch, and writes the table of the papers to docs/radiographs-figures.md.

It is meant for a processor: all but AlexNet and Models 1 to 4 see smaller films than the papers', and all learn by
Adam in few passes. A row that is in the folder is not made again, so that the run may be stopped and started.
"""

import argparse
import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import silent
from OsteoScreenLib.radiographs.prepare import resized
from OsteoScreenLib.radiographs.systems import SYSTEMS, Recipe, System
from OsteoScreenLib.training.film_sets import prepare_films
from OsteoScreenLib.training.films import Choices, Watch, train
from OsteoScreenLib.training.phantom_films import LOSS_SD, TABLE, write_phantom_films
from OsteoScreenLib.training.pictures import read_pictures
from Testing.benchmarks.kept import kept_row
from Testing.benchmarks.table import markdown

DOCS = Path("docs/radiographs-figures.md")


@dataclass(frozen=True)
class Run:
    """How one network is trained here: on films of `shape`, the papers' where None, with Adam at `rate`.

    Of so many `films` 30 % are held out.
    """

    approach: str
    system: str
    network: str
    epochs: int
    rate: float
    shape: tuple[int, int] | None = None
    films: int = 160


HEAD = "2: the head alone, on a random body"
WHOLE = "1: all is trained"
RUNS = (
    *(Run("3: four small networks", "bone-texture", f"model-{n}", 10, 5e-4) for n in (3, 1, 2, 4)),
    Run(WHOLE, "bone-texture", "squeezenet1_0", 12, 5e-4, (96, 96)),
    Run("knee", "knee", "resnet50-gru", 10, 5e-4, (64, 64)),
    Run("VERTE-X", "verte-x", "efficientnet-b4", 8, 5e-4, (128, 64), 3200),
    Run(WHOLE, "bone-texture", "resnet18", 12, 5e-4, (64, 64)),
    Run(WHOLE, "bone-texture", "alexnet", 12, 1e-4, films=400),
    Run(WHOLE, "bone-texture", "densenet121", 12, 1e-3, (64, 64)),
    Run(HEAD, "bone-texture", "squeezenet1_0-head", 8, 5e-3, (96, 96)),
    Run(HEAD, "bone-texture", "resnet18-head", 8, 5e-3, (64, 64)),
    Run(HEAD, "bone-texture", "densenet121-head", 8, 5e-3, (64, 64)),
    Run(HEAD, "bone-texture", "alexnet-head", 6, 3e-3, (96, 96)),
    Run(WHOLE, "bone-texture", "vgg16", 12, 1e-4, (64, 64), 800),
    Run(HEAD, "bone-texture", "vgg16-head", 4, 3e-3, (64, 64)),
)
"""Cheap ones first."""

BATCH = 8


def smaller(system: System, shape: tuple[int, int] | None) -> System:
    """Return a system whose prepared films have a smaller shape."""
    if shape is None:
        return system
    return replace(system, prepare=lambda pixels: resized(system.prepare(pixels), shape))


def row_of(run: Run, folder: Path) -> dict[str, object]:
    """Train and test one network, and return what the papers print of it."""
    system = smaller(SYSTEMS[run.system], run.shape)
    data = folder / f"{run.system}-{run.films}"
    if not data.exists():
        write_phantom_films(data, system, run.films, seed=9)
    place = folder / f"{run.network}-run"
    films = prepare_films(read_pictures(data / TABLE, system)[0], system, place)
    watch = Watch(silent, time.process_time)
    recipe = Recipe(run.epochs, BATCH, "adam", run.rate)
    trained = train(
        system, films, place / "model", place, Choices(run.network, workers=0, recipe=recipe), progress=watch
    )
    values = trained.result.as_values()
    low, high = values.pop("AUC_ci95")
    shape = films.images.shape[1:]
    shutil.rmtree(place)
    return {
        "approach": run.approach,
        "network": run.network,
        "films": run.films,
        "size": f"{shape[0]} x {shape[1]}",
        "passes": run.epochs,
        **values,
        "95 % CI": f"{low:.3f} to {high:.3f}",
        "CPU s for 10 passes": round(10 * watch.seconds_per_whole / run.epochs),
    }


def document(rows: list[dict[str, object]]) -> str:
    """Return the page that the rows make."""
    order = [
        run.network for run in sorted(RUNS, key=lambda run: ("1" if run.approach[0].isdigit() else "2") + run.approach)
    ]
    table = pd.DataFrame(sorted(rows, key=lambda row: order.index(row["network"])))
    reached = int((table["AUC"] > 0.9).sum())
    missing = ", ".join(run.network for run in RUNS if run.network not in set(table["network"]))
    paragraphs = (
        "# Radiographs: what the networks learn of invented films",
        "Written by `python -m Testing.benchmarks.films FOLDER`. **Synthetic films, no patient**: these figures say\n"
        "that the code learns, and nothing of how well a system would do on films of people. No network started from\n"
        "ImageNet's weights, so that approach 2 trains a head on a body of random weights.",
        "Projected phantom spines and drawn knees, half of them with a loss of bone of 1 on average and half of 0,\n"
        f"SD {LOSS_SD}; 30 % of the films held out. Adam, batches of {BATCH}. Films were\n"
        "seen at the size in the table: only AlexNet's and those of Models 1 to 4 at the papers'. Seconds are of the\n"
        "processor, for training and watching.",
        markdown(table),
        f"AUC above 0.9 in {reached} of the {len(table)} runs done. Not run yet: {missing or 'none'}.\n",
    )
    return "\n\n".join(paragraphs)


def main() -> None:
    """Run what is not there yet, and write the page after each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = folder / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    for run in RUNS:
        print(kept_row(rows / f"{run.network}.json", partial(row_of, run, folder)), flush=True)
        made = [json.loads(path.read_text()) for path in sorted(rows.glob("*.json"))]
        with staged_file(DOCS) as staged:
            staged.write_text(document(made), encoding="utf-8")


if __name__ == "__main__":
    main()
