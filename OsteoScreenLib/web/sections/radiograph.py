"""Radiograph: a film scored by one of three published systems, with a heat map; none of their models is shipped."""

import asyncio
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from OsteoScreenLib.errors import InputError, ModelError
from OsteoScreenLib.radiographs.film import read_film
from OsteoScreenLib.radiographs.model_folder import asks_for_patient, card_for, card_line, how_to_train, installed
from OsteoScreenLib.radiographs.score import COLUMNS
from OsteoScreenLib.scene.films import add_scored, show_film
from OsteoScreenLib.web.folders import named_folder
from OsteoScreenLib.web.sections.number_table import number_table

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.job import Job
    from OsteoScreenLib.web.routes import Files

SYSTEMS = ("verte-x", "bone-texture", "knee")
SEXES = [
    {"title": "unknown", "value": None}, {"title": "female", "value": 1.0}, {"title": "male", "value": 0.0},
]  # fmt: skip


class RadiographSection:
    """Choose a system, its model and a film; without a model there is one line that says how to come by one."""

    title = "Radiograph"

    def __init__(self, desk: "Desk", job: "Job", files: "Files") -> None:
        self.desk, self.job = desk, job
        self._film: Path | None = None
        files.take("film", self.take_film)
        desk.state.update(
            {
                "film_system": SYSTEMS[0], "film_systems": list(SYSTEMS), "film_model": "", "film_card": "",
                "film_ready": False, "film_patient": False, "film": "", "film_age": None, "film_sex": None,
                "film_sexes": SEXES, "film_bmi": None, "film_scores": [], "film_shown": False, "local": desk.local,
            }
        )  # fmt: skip
        desk.state.change("film_system")(lambda **_: self._offer())
        desk.state.change("film_model")(lambda **_: self._read_card())
        desk.opened.append(lambda _: self._forget())
        self._offer()

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
        plain = {"density": "compact", "hide_details": True, "variant": "underlined", "classes": "mt-2"}
        v3.VSelect(v_model="film_system", items=("film_systems",), label="System", id="film-system", **plain)
        v3.VTextField(v_model="film_model", label="Folder of its model", id="film-model", disabled=("!local",), **plain)
        html.Div("{{ film_card }}", id="film-card", classes="text-caption mt-1")
        with html.Div(v_if="film_ready"):
            with html.Div(classes="drop-zone mt-2", raw_attrs=['data-choose="film"']):
                html.Span("{{ film || 'Choose a film: DICOM, PNG, TIFF or JPEG' }}", id="film")
            with html.Div(v_if="film_patient", classes="d-flex ga-2", id="film-patient"):
                v3.VTextField(v_model="film_age", label="Age", type="number", id="film-age", **plain)
                v3.VSelect(v_model="film_sex", items=("film_sexes",), label="Sex", **plain)
                v3.VTextField(v_model="film_bmi", label="BMI", type="number", **plain)
            with html.Div(classes="d-flex flex-wrap ga-2 mt-2"):
                v3.VBtn(
                    "Score the film", id="score-film", size="small", prepend_icon="mdi-image-filter-center-focus",
                    disabled=("!film || job_running",), click=self.desk.action(self.run),
                )  # fmt: skip
                v3.VBtn("Back to the CT", id="back-to-ct", v_if="film_shown && ct_name", size="small", variant="tonal",
                        click=self.desk.action(self.back))  # fmt: skip
            self.job.build("radiograph")
            number_table("film_scores", "film-scores", COLUMNS)

    async def take_film(self, paths: list[Path]) -> None:
        """Take a film. Raises `InputError` if it is none."""
        await asyncio.to_thread(read_film, paths[0])
        self._film = Path(shutil.copy(paths[0], mkdtemp(prefix="film-", dir=self.desk.folder)))
        with self.desk.state as state:
            state.film, state.film_scores = paths[0].name, []

    async def run(self) -> None:
        """Score the film, and show it with its heat map in the axial view."""
        state = self.desk.state
        if self._film is None:
            raise InputError("Choose a film first.")
        folder = self._folder()
        clinical = {}
        if asks_for_patient(card_for(state.film_system, folder)):
            clinical = {"age": _number(state.film_age), "sex": state.film_sex, "bmi": _number(state.film_bmi)}
        asked = {
            "system": state.film_system, "model": str(folder), "films": [str(self._film)], "clinical": clinical,
            "device": state.device,
        }  # fmt: skip
        scored = await self.job.run("radiograph", asked)
        scene = self.desk.slicer.scene
        show_film(scene, add_scored(scene, scored).films[0])
        with state:
            state.layout = "Axial"
            state.film_scores, state.film_shown = scored.in_words, True
        self.desk.views.reset()

    def back(self) -> None:
        """Show the CT again in place of the film."""
        self.desk.views.show(self.desk.case.volume_node)
        with self.desk.state as state:
            state.layout, state.film_shown = state.layouts[0], False

    def _folder(self) -> Path:
        typed = self.desk.state.film_model
        there = [str(path) for path in installed(self.desk.state.film_system)]
        return Path(typed) if typed in there else named_folder(self.desk, typed, "a model")

    def _offer(self) -> None:
        """Offer a model of the chosen system that is installed."""
        system = self.desk.state.film_system
        with self.desk.state as state:
            state.film_model = str(next(iter(installed(system)), ""))
        self._read_card()

    def _read_card(self) -> None:
        """Say what the chosen model learned from, or what to do without one."""
        system = self.desk.state.film_system
        card, said = None, how_to_train(system)
        if self.desk.state.film_model:
            try:
                card = card_for(system, self._folder())
                said = card_line(card)
            except (InputError, ModelError) as problem:
                said = str(problem)
        with self.desk.state as state:
            state.film_card, state.film_ready, state.film_scores = said, card is not None, []
            state.film_patient = card is not None and asks_for_patient(card)

    def _forget(self) -> None:
        with self.desk.state as state:
            if state.film_shown:
                state.layout = state.layouts[0]
            state.film_scores, state.film_shown = [], False


def _number(text: str | float | None) -> float | None:
    try:
        return float(text) if text not in (None, "") else None
    except ValueError:
        raise InputError(f"'{text}' is no number.") from None
