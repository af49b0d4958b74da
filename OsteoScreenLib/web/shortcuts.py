"""Keys that do what buttons do."""

from typing import TYPE_CHECKING

from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.web.editing import ERASE, LOOK, PAINT

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Desk
    from OsteoScreenLib.web.editing import Editing
    from OsteoScreenLib.web.sections.review import ReviewSection

HELP = "N next vertebra, B back, A accept, P paint, E erase, Esc look, Ctrl+Z undo, Ctrl+Y redo, F fit the views"


def add_shortcuts(desk: "Desk", review: "ReviewSection", editing: "Editing") -> None:
    """Listen to the keys in `HELP`, while nothing is being typed."""

    def choose(tool: str) -> None:
        if desk.labels is not None:
            desk.state.tool = tool

    def step(by: int) -> None:
        levels = [level["name"] for level in desk.state.levels]
        if levels:
            place = levels.index(desk.state.level) if desk.state.level in levels else 0
            desk.go_to(levels[min(max(place + by, 0), len(levels) - 1)])

    def accept() -> None:
        if desk.state.level and desk.labels is not None:
            review.decide(desk.state.level, Status.ACCEPTED.value)

    actions = {
        "n": lambda: step(1),
        "b": lambda: step(-1),
        "a": accept,
        "p": lambda: choose(PAINT),
        "e": lambda: choose(ERASE),
        "escape": lambda: choose(LOOK),
        "ctrl+z": editing.undo,
        "ctrl+y": editing.redo,
        "f": desk.views.reset,
    }
    desk.state.shortcuts = list(actions)

    @desk.server.controller.trigger("shortcut")
    def press(key: str) -> None:
        if key in actions:
            desk.action(actions[key])()
