"""ScreeningResult: everything one screened case amounts to, as passed from the core to report, scene and files."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from OsteoScreenLib.annotation.review import Review
from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.findings import Findings
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd

    from OsteoScreenLib.measurement.calibration import Calibration
    from OsteoScreenLib.measurement.heights import SixPoints
    from OsteoScreenLib.measurement.hounsfield import AnteriorRoi
    from OsteoScreenLib.measurement.morphometry import Angles
    from OsteoScreenLib.models import ModelCard


@dataclass(frozen=True)
class ModelUse:
    """A model that took part in a result: name, version and SHA-256 of its weights, and what it was trained on."""

    name: str
    version: str
    sha256: str
    trained_on: str

    @classmethod
    def of(cls, card: "ModelCard") -> "ModelUse":
        """Return what a result says of the model with this card."""
        return cls(card.name, card.version, card.sha256, card.trained_on)

    @property
    def trained_in_brief(self) -> str:
        """What it was trained on, to go on with in a sentence: without the details in brackets and behind them."""
        brief = self.trained_on.split(" (")[0]
        return brief[:1].lower() + brief[1:]


@dataclass(frozen=True)
class VertebraFinding:
    """How a level was found.

    `confidence` in [0, 1] is the level's probability; `complete` is False where the field of view cuts the body;
    `centre` is the body's centroid in RAS mm.
    """

    level: str
    confidence: float
    complete: bool
    centre: tuple[float, float, float]


@dataclass(frozen=True)
class Segmentation:
    """Vertebral bodies on the input's grid (coding in `levels`), how each was found, what made it, what it doubts.

    `review` says what a person has decided since, `proposal` what the masks were before; both are empty of masks that
    nobody has looked at. `looks` are label maps, in a window of the grid, by the image alone and by its mirror image
    alone where both were outlined; they are not kept in a result's folder.
    """

    labels: Volume
    findings: tuple[VertebraFinding, ...]
    engine: str
    device: str
    models: tuple[ModelUse, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: Findings = ()
    review: Review = ()
    proposal: Volume | None = None
    looks: tuple[Volume, ...] = ()


@dataclass(frozen=True)
class SliceBox:
    """A vertebral body that a detector sees in one axial slice.

    `low` and `high` are corners of the box in RAS mm (z, the slice's, is the same in both), `scores` in [0, 1] those of
    each status of `bone_status`, `level` the vertebra, or None where the box belongs to none of L1-L4.
    """

    slice: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    scores: tuple[float, float, float]
    level: str | None = None

    @property
    def confidence(self) -> float:
        """The largest score."""
        return max(self.scores)

    @property
    def status(self) -> str:
        """The status with the largest score."""
        return NAMES[self.scores.index(self.confidence)]


@dataclass(frozen=True)
class DetectedVertebra:
    """A vertebra's status by the vote of its boxes, weighted by their confidence.

    `shares` (sum 1) are the statuses' parts of the vote, in the order of `bone_status`; `slices` counts the boxes and
    `agreeing` those that by themselves say what the vote says. `low` and `high` are corners around all boxes in RAS mm.
    """

    level: str
    shares: tuple[float, float, float]
    slices: int
    agreeing: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def confidence(self) -> float:
        """The largest share."""
        return max(self.shares)

    @property
    def status(self) -> str:
        """The status with the largest share."""
        return NAMES[self.shares.index(self.confidence)]


@dataclass(frozen=True)
class Detection:
    """What a detector of bone status sees in one case, and what saw it; a CT class is not a T-score."""

    boxes: tuple[SliceBox, ...]
    vertebrae: tuple[DetectedVertebra, ...]
    model: ModelUse
    device: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: enough to make it again."""

    software_version: str
    input_name: str
    input_sha256: str
    created: str
    seconds: float
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ScreeningResult:
    """One screened case.

    `measurements` has one row per measured level (columns in `measurement.case.measure_case`; those behind a closed
    gate empty, see `measurement.gate`), `features` one row per usable level and ROI (``case, level, roi``, then feature
    names), `rois` the anterior ellipse of each level. `quality` holds what speaks against the numbers, the worst first.
    `detection` is None where torchvision is not installed, `calibration` where it was refused; `tissues` (codes in
    `measurement.tissues.Found`) is not kept in a result's folder. `six_points` are those of each body's heights,
    `angles` how the spine bends.
    """

    volume: Volume
    segmentation: Segmentation
    measurements: "pd.DataFrame"
    features: "pd.DataFrame"
    rois: "dict[str, AnteriorRoi]"
    provenance: Provenance
    quality: Findings = ()
    detection: Detection | None = None
    calibration: "Calibration | None" = None
    tissues: Volume | None = None
    six_points: "dict[str, SixPoints]" = field(default_factory=dict)
    angles: "Angles | None" = None
