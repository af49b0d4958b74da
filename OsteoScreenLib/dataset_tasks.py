"""What a worker does with a training dataset: keep a case in it, export it, fine-tune on it (`worker_tasks.TASKS`)."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.progress import Progress, never

if TYPE_CHECKING:
    from OsteoScreenLib.annotation.exports.cases import Exported
    from OsteoScreenLib.training.fine_tuning import Tuned
    from OsteoScreenLib.worker_tasks import Inputs

MADE = "made.json"


@dataclass(frozen=True)
class Kept:
    """A case in a dataset: its id, whether CT and mask are new there, and whether anybody has reviewed the mask."""

    case: str
    new_case: bool
    new_mask: bool
    reviewed: bool

    @property
    def in_words(self) -> str:
        """One line for a person to read."""
        what = "Saved" if self.new_case else "Saved beside its other masks" if self.new_mask else "There already"
        state = "may be learned from" if self.reviewed else "waits until every vertebra is accepted or rejected"
        return f"{what}: case {self.case}, which {state}."


def keep(inputs: "Inputs", progress: Progress) -> None:
    """Add the case to the dataset."""
    from OsteoScreenLib.annotation.index import write_index
    from OsteoScreenLib.annotation.submission import submit_segmentation
    from OsteoScreenLib.segmentation_json import from_json

    asked = inputs.parameters
    found = from_json(asked["segmentation"], inputs.label_map)
    header = Path(asked["header"]) if asked.get("header") else None
    progress(0.1, "Adding the case")
    added = submit_segmentation(
        found, Path(asked["dataset"]), inputs.volume, patient=asked.get("patient"), header=header
    )
    progress(0.9, "Writing the index")
    write_index(Path(asked["dataset"]))
    _save(inputs, asdict(Kept(added.case.id, added.new_case, added.new_mask, added.case.reviewed)))


def kept(inputs: "Inputs") -> Kept:
    """Return what `keep` did."""
    return Kept(**_made(inputs))


def export(inputs: "Inputs", progress: Progress) -> None:
    """Write the reviewed cases in a format; patients without a split are given one, once and for all."""
    from OsteoScreenLib.annotation.dataset import open_dataset
    from OsteoScreenLib.annotation.exports.formats import FORMATS
    from OsteoScreenLib.annotation.index import write_index
    from OsteoScreenLib.annotation.splitting import assign_splits

    asked = inputs.parameters
    chosen, folder = FORMATS[asked["format"]], Path(asked["dataset"])
    opened = open_dataset(folder)
    if any(case.reviewed for case in opened.cases):
        assign_splits(opened)
    into = Path(asked["into"]) if asked.get("into") else inputs.folder
    made = chosen.write(write_index(folder), into / chosen.folder, progress, never)
    _save(inputs, {**asdict(made), "folder": str(made.folder)})


def exported(inputs: "Inputs") -> "Exported":
    """Return what `export` wrote, and where."""
    from OsteoScreenLib.annotation.exports.cases import Exported

    made = _made(inputs)
    return Exported(**{**made, "folder": Path(made["folder"])})


def tune(inputs: "Inputs", progress: Progress) -> None:
    """Fine-tune the model in use that outlines bodies, and write the new one."""
    from OsteoScreenLib.annotation.dataset import open_dataset
    from OsteoScreenLib.device import choose
    from OsteoScreenLib.model_choice import in_use
    from OsteoScreenLib.training.fine_tuning import ROLE, Choices, fine_tune

    asked = inputs.parameters
    tuned = fine_tune(
        open_dataset(asked["dataset"]),
        asked.get("parent") or in_use(ROLE),
        Path(asked["output"]),
        inputs.folder / "run",
        Choices(**asked.get("choices", {})),
        choose(asked.get("device", "auto")),
        progress,
    )
    _save(inputs, {"card": tuned.card.model_dump(mode="json"), "notes": tuned.notes})


def tuned(inputs: "Inputs") -> "Tuned":
    """Return the card of the new model, and what there is to say about it."""
    from OsteoScreenLib.models import ModelCard
    from OsteoScreenLib.training.fine_tuning import Tuned

    made = _made(inputs)
    return Tuned(ModelCard(**made["card"]), tuple(made["notes"]))


def _save(inputs: "Inputs", made: dict[str, object]) -> None:
    with staged_folder(inputs.result) as staged:
        (staged / MADE).write_text(json.dumps(made), encoding="utf-8")


def _made(inputs: "Inputs") -> dict:
    return json.loads((inputs.result / MADE).read_text(encoding="utf-8"))
