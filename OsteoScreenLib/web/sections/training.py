"""Training data: corrected cases become a dataset, the next one comes up for review, and networks learn from all."""

import asyncio
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.annotation.counts import counts
from OsteoScreenLib.annotation.dataset import MARK, open_dataset
from OsteoScreenLib.annotation.exports.formats import FORMATS
from OsteoScreenLib.annotation.queue import queue
from OsteoScreenLib.annotation.reopened import reopened
from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.errors import InputError, OsteoScreenError
from OsteoScreenLib.model_choice import in_use, use
from OsteoScreenLib.models import own_models
from OsteoScreenLib.scene.review import review_of, set_status
from OsteoScreenLib.scene.working_case import add_segmented, segmentation_now
from OsteoScreenLib.segmentation_json import to_json
from OsteoScreenLib.training.tuned_in_words import in_words
from OsteoScreenLib.web.folders import named_folder
from OsteoScreenLib.web.sections.number_table import number_table

if TYPE_CHECKING:
    from OsteoScreenLib.annotation.dataset import Dataset
    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.routes import Files
    from OsteoScreenLib.web.sections.input import InputSection
    from OsteoScreenLib.worker import Worker

NONE_YET = "No dataset there yet; the first case that you save begins one."


class TrainingSection:
    """Keep the case, open the next, take exports away, and fine-tune."""

    title = "Training data"

    def __init__(self, desk: "Desk", job: "Job", files: "Files", source: "InputSection") -> None:
        self.desk, self.job, self.files, self.source = desk, job, files, source
        desk.state.update(
            {
                "dataset": "", "dataset_ready": False, "dataset_counts": "", "patient": "", "kept": "",
                "formats": [{"title": one.title, "value": name} for name, one in FORMATS.items()],
                "export_format": next(iter(FORMATS)), "model_name": "", "epochs": 10, "freeze": False,
                "tuned": [], "tuned_name": "", "tuned_notes": [], "model_in_use": "", "local": desk.local,
            }
        )  # fmt: skip
        desk.state.change("dataset")(lambda **_: self._look())
        desk.opened.append(lambda _: desk.state.update({"kept": "", "patient": ""}))
        self._say_model()

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        plain = {"density": "compact", "hide_details": True, "variant": "underlined", "classes": "mt-2"}
        button = {"size": "small", "variant": "tonal"}
        action = self.desk.action
        v3.VTextField(v_model="dataset", label="Folder of the dataset", id="dataset", disabled=("!local",), **plain)
        html.Div("{{ dataset_counts }}", id="dataset-counts", classes="text-caption mt-1")
        whose = "Patient (optional; kept as a pseudonym)"
        v3.VTextField(v_model="patient", label=whose, v_if="levels.length", id="patient", **plain)
        with html.Div(classes="d-flex flex-wrap ga-2 mt-2"):
            v3.VBtn("Accept the rest", id="accept-rest", disabled=("!levels.length",), click=action(self.accept_rest),
                    title="Accept every vertebra that nobody has decided about", **button)  # fmt: skip
            v3.VBtn("Save", id="keep-case", disabled=("!levels.length || !dataset || job_running",),
                    title="Add CT, outlines and decisions to the dataset, without anything that tells whose they are",
                    click=action(self.keep), **button)  # fmt: skip
            v3.VBtn("Next case", id="next-case", disabled=("!dataset_ready || job_running",),
                    title="Open the case that needs a review most", click=action(self.next), **button)  # fmt: skip
        html.Div("{{ kept }}", v_if="kept", id="kept", classes="text-caption mt-1")
        self.job.build("keep", "export", "fine_tune")
        with html.Div(v_if="dataset_ready", classes="mt-3"):
            with html.Div(classes="d-flex align-end ga-2"):
                v3.VSelect(v_model="export_format", items=("formats",), label="Format", id="export-format", **plain)
                v3.VBtn("Export", id="export", disabled=("job_running",), click=action(self.export),
                        title="The reviewed cases as a zip; patients in no split yet are given one, once and for all",
                        **button)  # fmt: skip
            with html.Div(classes="d-flex align-end ga-2 mt-2"):
                v3.VTextField(v_model="model_name", label="New model", id="model-name", **plain)
                v3.VTextField(v_model="epochs", label="Epochs", type="number", style="max-width: 70px", **plain)
                v3.VBtn("Fine-tune", id="fine-tune", disabled=("job_running || !model_name",),
                        title="Go on training the model in use; no model is ever replaced",
                        click=action(self.fine_tune), **button)  # fmt: skip
            v3.VCheckbox(v_model="freeze", label="Keep the encoder as it is", density="compact", hide_details=True)
            number_table("tuned", "tuned", ("Dice", "before", "after"))
            html.Div("{{ note }}", v_for="note of tuned_notes", key="note", classes="text-caption")
        html.Div("{{ model_in_use }}", id="model-in-use", classes="text-caption mt-2")
        with html.Div(classes="d-flex flex-wrap ga-2 mt-1"):
            v3.VBtn("Use {{ tuned_name }}", v_if="tuned_name", id="use-model",
                    click=action(lambda: self.use(self.desk.state.tuned_name)), **button)  # fmt: skip
            v3.VBtn("Use the shipped model", id="use-shipped", click=action(lambda: self.use("st-unet")), **button)

    def accept_rest(self) -> None:
        """Accept every vertebra of the case that nobody has decided about."""
        node = self.desk.case.segmentation
        for record in review_of(node):
            if record.status in (Status.TO_REVIEW, Status.EDITED):
                set_status(node, record.level, Status.ACCEPTED)
        self.desk.look_again()

    async def keep(self) -> None:
        """Add the case as it is now to the dataset."""
        state, folder = self.desk.state, self._folder()
        case = self.desk.case
        found = segmentation_now(case.segmentation, case.volume_node)
        asked = {
            "dataset": str(folder), "segmentation": to_json(found), "patient": (state.patient or "").strip() or None,
        }  # fmt: skip
        review = review_of(case.segmentation)
        kept = await self.job.run("keep", asked, case.volume, found.labels.voxels)
        if self.desk.case is case and review_of(case.segmentation) == review:
            self.desk.keep()
        self._look()
        with state:
            state.kept = kept.in_words

    async def next(self) -> None:
        """Open the case whose masks are most in doubt, and say why it is this one."""
        dataset = await asyncio.to_thread(open_dataset, self._folder())
        shown = self.desk.case.volume.name if self.desk.case else ""
        waiting = [one for one in queue(dataset) if one.case.id != shown]
        if not waiting:
            raise InputError("No other case waits for a review.")
        if self.desk.unsaved and not await self.desk.confirm(
            "What was edited or decided in this case is saved nowhere, and is lost with another one. Open it?"
        ):
            return
        with self.desk.busy(f"Reading case {waiting[0].case.id}"):
            volume, found = await asyncio.to_thread(reopened, waiting[0].case)
        self.source.open_volume(volume)
        self.desk.outline(add_segmented(self.desk.slicer.scene, found, self.desk.case.volume_node))
        with self.desk.state as state:
            state.kept = "; ".join(waiting[0].reasons)

    async def export(self) -> None:
        """Hand out the reviewed cases in the chosen format as a zip."""
        asked = {"dataset": str(self._folder()), "format": self.desk.state.export_format}
        path, made = await self.job.run("export", asked, read=self._zipped)
        self._look()
        with self.desk.state as state:
            waiting = f"; {made.left_out} wait for a review" if made.left_out else ""
            state.kept = f"{made.cases} cases in {path.name}{waiting}."
            state.download = self.files.offer(path)

    async def fine_tune(self) -> None:
        """Make a new model from the model in use and the reviewed cases."""
        state = self.desk.state
        asked = {
            "dataset": str(self._folder()), "output": str(own_models() / Path(str(state.model_name)).name),
            "choices": {"epochs": _whole(state.epochs), "freeze_encoder": bool(state.freeze)}, "device": state.device,
        }  # fmt: skip
        made = await self.job.run("fine_tune", asked)
        with state:
            state.tuned, state.tuned_name = in_words(made.card), made.card.name
            state.tuned_notes = list(made.notes)

    def use(self, name: str) -> None:
        """Outline with this model from now on."""
        use(name)
        self._say_model()

    def _folder(self) -> Path:
        return named_folder(self.desk, self.desk.state.dataset, "a dataset")

    def _look(self) -> None:
        """Say what the dataset holds."""
        said, dataset = "Type the folder of a dataset; a new one begins with the first case.", None
        if not self.desk.local or self.desk.state.dataset:
            said, dataset = self._read()
        with self.desk.state as state:
            state.dataset_counts, state.dataset_ready = said, dataset is not None
            if dataset is not None and not state.model_name:
                state.model_name = dataset.folder.name

    def _read(self) -> "tuple[str, Dataset | None]":
        try:
            folder = self._folder()
            if not (folder / MARK).exists():
                return NONE_YET, None
            dataset = open_dataset(folder)
        except OsteoScreenError as problem:
            return str(problem), None
        return counts(dataset).in_words, dataset

    def _say_model(self) -> None:
        try:
            said = f"Outlines are made by the model {in_use('refine')}."
        except OsteoScreenError as problem:
            said = str(problem)
        with self.desk.state as state:
            state.model_in_use = said

    def _zipped(self, worker: "Worker") -> tuple[Path, object]:
        made = worker.result()
        name = Path(mkdtemp(prefix="export-", dir=self.desk.folder)) / made.folder.name
        return Path(shutil.make_archive(str(name), "zip", made.folder.parent, made.folder.name)), made


def _whole(text: str | float) -> int:
    try:
        number = int(text)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise InputError(f"Epochs must be a whole number from 1 on, not '{text}'.")
    return number
