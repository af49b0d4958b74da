"""The three published systems in one shape: films prepared so, networks, two classes, and how each is trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiographs import prepare

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Recipe:
    """How a network learns: passes over the training films, films a step, optimiser, rate; `patience` in passes.

    `optimiser` is ``adam`` or ``sgd``, the latter with `momentum`.
    """

    epochs: int
    batch: int
    optimiser: str
    rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    patience: int | None = None


@dataclass(frozen=True)
class Variation:
    """What may differ between two looks at one film: degrees, shares of the side, of the size and of the brightness."""

    rotation: float
    shift: float = 0.0
    zoom: float = 0.0
    brightness: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    mirrored: bool = False
    upside_down: bool = False


@dataclass(frozen=True)
class Grading:
    """A score that stands for the class: ill at or below `ill_up_to`, healthy at or above `healthy_from`.

    `column` is its name in a table; what lies between is neither.
    """

    column: str
    ill_up_to: float
    healthy_from: float


@dataclass(frozen=True)
class System:
    """One published system: how films are prepared, and where they lie in that; `classes` are (healthy, ill).

    `networks` go by name, the first is the default.
    """

    name: str
    prepare: Callable[[np.ndarray], np.ndarray]
    placement: Callable[[np.ndarray], prepare.Placement]
    classes: tuple[str, str]
    networks: dict[str, "tuple[Callable[[], torch.nn.Module], Recipe]"]
    variation: Variation
    grading: Grading | None = None
    """The score that labels films, where there is one."""
    ill_share: float | None = None
    """The share that films of the ill class are drawn with in training; None for as many as there are."""
    clinical: bool = False
    """Whether age, sex and BMI, where they are known, come in behind the network."""
    paper_leaks: bool = False
    """Whether the paper varies films before it splits them, so that looks at one film stand on both sides."""

    def network(self, name: str | None) -> "tuple[str, torch.nn.Module, Recipe]":
        """Return name, untrained network and recipe; raises `InputError` for a name the system does not know."""
        chosen = name or next(iter(self.networks))
        if chosen not in self.networks:
            raise InputError(f"{self.name} has no network {chosen!r}; use one of: {', '.join(self.networks)}.")
        build, recipe = self.networks[chosen]
        return chosen, build(), recipe


def ill_logit(output: "torch.Tensor") -> "torch.Tensor":
    """Return the logit (n,) of the ill class from what a network says: (n,), (n, 1), or (n, 2) of both classes."""
    if output.ndim == 1:
        return output
    return output[:, 0] if output.shape[1] == 1 else output[:, 1] - output[:, 0]


def _verte_x() -> "torch.nn.Module":
    from OsteoScreenLib.radiographs.verte_x import VerteX

    return VerteX()


def _knee(freeze_base: bool) -> "Callable[[], torch.nn.Module]":
    def build() -> "torch.nn.Module":
        from OsteoScreenLib.radiographs.knee import ResNet50GRU

        return ResNet50GRU(freeze_base)

    return build


def _ad_hoc(n: int) -> "Callable[[], torch.nn.Module]":
    def build() -> "torch.nn.Module":
        from OsteoScreenLib.radiographs import bone_texture

        return bone_texture.ad_hoc(n)

    return build


def _transfer(name: str, head_only: bool) -> "Callable[[], torch.nn.Module]":
    def build() -> "torch.nn.Module":
        from OsteoScreenLib.radiographs import bone_texture

        return bone_texture.transfer(name, head_only)

    return build


_VERTE_X = Recipe(100, 30, "adam", 1e-4, weight_decay=1e-4, patience=15)
_TRANSFER = ("squeezenet1_0", "alexnet", "resnet18", "vgg16", "densenet121")
_BATCH_RATE_MOMENTUM = {1: (24, 1e-3, 0.6), 2: (24, 1e-4, 0.7), 3: (24, 1e-3, 0.9), 4: (48, 1e-4, 0.9)}
"""Of Models 1 to 4."""

_LATERAL = System(
    "verte-x",
    prepare.verte_x,
    prepare.verte_x_placement,
    ("negative", "positive"),
    {"efficientnet-b4": (_verte_x, _VERTE_X)},
    Variation(rotation=5, shift=0.05, zoom=0.05, noise=0.01),
    clinical=True,
)

SYSTEMS: dict[str, System] = {
    "verte-x": _LATERAL,
    "verte-x-vfa": replace(
        _LATERAL, name="verte-x-vfa", prepare=prepare.verte_x_vfa, placement=prepare.verte_x_vfa_placement
    ),
    "bone-texture": System(
        "bone-texture",
        prepare.bone_texture,
        prepare.bone_texture_placement,
        ("normal", "degraded"),
        {
            **{
                f"model-{n}": (_ad_hoc(n), Recipe(200, b, "sgd", r, m, patience=15))
                for n, (b, r, m) in _BATCH_RATE_MOMENTUM.items()
            },
            **{name: (_transfer(name, False), Recipe(50, 24, "sgd", 1e-4, 0.9)) for name in _TRANSFER},
            **{f"{name}-head": (_transfer(name, True), Recipe(20, 24, "sgd", 1e-4, 0.9)) for name in _TRANSFER},
        },
        Variation(rotation=10, brightness=(0.1, 0.4), mirrored=True),
        grading=Grading("tbs", 1.200, 1.350),
        ill_share=0.37,
    ),
    "knee": System(
        "knee",
        prepare.knee,
        prepare.knee_placement,
        ("normal", "osteoporosis"),
        {
            "resnet50-gru": (_knee(False), Recipe(100, 16, "adam", 1e-3, patience=15)),
            "resnet50-gru-frozen": (_knee(True), Recipe(100, 16, "adam", 1e-3, patience=15)),
        },
        Variation(rotation=10, shift=0.05, mirrored=True, upside_down=True),
        paper_leaks=True,
    ),
}
"""As METHODS.md sections 3 to 5 say; the weight decay and spread of VERTE-X's variation are not printed there."""


def system(name: str) -> System:
    """Return a system by name; raises `InputError` that names those there are."""
    if name not in SYSTEMS:
        raise InputError(f"There is no system {name!r}; use one of: {', '.join(SYSTEMS)}.")
    return SYSTEMS[name]


def graded_by(system: System, ill_up_to: float, healthy_from: float) -> Grading:
    """Return a system's grading with bounds of one's own; raises `InputError` where it has none, or they cross."""
    if system.grading is None:
        raise InputError(f"Films of {system.name} are not labelled by a score. Leave the bounds out.")
    if not ill_up_to < healthy_from:
        raise InputError(f"Bounds of {ill_up_to:g} and {healthy_from:g} overlap. Give the lower one first.")
    return replace(system.grading, ill_up_to=ill_up_to, healthy_from=healthy_from)
