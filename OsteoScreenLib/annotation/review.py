"""What a person has decided about each proposed vertebra. Plain data; the scene and the files keep it as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

import numpy as np

from OsteoScreenLib.annotation.digests import mask_digests
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.levels import BY_NAME, LEVELS, levels_in
from OsteoScreenLib.plain_json import from_text


class Status(StrEnum):
    """Where a vertebra stands: an edited one waits to be accepted, like one that nobody has looked at."""

    TO_REVIEW = "to review"
    EDITED = "edited"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Decision:
    """Who decided about a vertebra, when (ISO 8601), after how many seconds of work on it, and with what.

    `models` made the proposal. Everything is empty where no decision has been made, or where nobody has said.
    """

    who: str | None = None
    when: str | None = None
    seconds: float | None = None
    software: str | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReviewRecord:
    """One vertebra: the name it has now, and the name and mask (fingerprint) it was proposed with.

    `mask` is the fingerprint of the mask when it was last looked at; None where there is none, as `proposed_level` and
    `proposed_mask` are for a level that a hand has added. `dice` (0 to 1) and `assd` (mm) compare the body with the
    proposed one (`against_proposal`); None where that was not done or cannot be.
    """

    level: str
    proposed_level: str | None
    proposed_mask: str | None
    mask: str | None
    status: Status = Status.TO_REVIEW
    decision: Decision = Decision()
    dice: float | None = None
    assd: float | None = None

    @property
    def edited(self) -> bool:
        """Whether the mask is another one than proposed, whatever has been decided since."""
        return self.mask != self.proposed_mask


Review = tuple[ReviewRecord, ...]
"""A case: its vertebrae from head to foot."""


def begun(labels: np.ndarray) -> Review:
    """Return the review of a proposal (label map): everything is to be reviewed."""
    return tuple(ReviewRecord(level, level, digest, digest) for level, digest in mask_digests(labels).items())


def record_of(review: Review, level: str) -> ReviewRecord:
    """Return a level's record. Raises `LabelMapError` if the case has no such level."""
    for record in review:
        if record.level == level:
            return record
    known = ", ".join(record.level for record in review) or "none"
    raise LabelMapError(f"There is no {level} in this case; it has {known}.")


def accepted(review: Review, level: str, decision: Decision = Decision()) -> Review:
    """Return the review with a level's mask accepted as it is."""
    return _with_status(review, level, Status.ACCEPTED, decision)


def rejected(review: Review, level: str, decision: Decision = Decision()) -> Review:
    """Return the review with a level's mask rejected: not to be measured from or learned from."""
    return _with_status(review, level, Status.REJECTED, decision)


def decided(review: Review) -> bool:
    """Tell whether every level of a case has been accepted or rejected, and there is one."""
    return bool(review) and all(record.status in (Status.ACCEPTED, Status.REJECTED) for record in review)


def reopened(review: Review, level: str) -> Review:
    """Return the review with a level's decision taken back."""
    record = record_of(review, level)
    return _with_status(review, level, Status.EDITED if record.edited else Status.TO_REVIEW, Decision())


def looked_at(review: Review, labels: np.ndarray) -> Review:
    """Return the review brought up to a label map: masks that have changed since are edited, a decision or not.

    A mask that is again as it was proposed is to be reviewed; a level that was not proposed is a new, edited one.
    """
    now = mask_digests(labels)
    records = []
    for record in review:
        seen = replace(record, mask=now.get(record.level))
        if seen.mask != record.mask:
            status = Status.EDITED if seen.edited else Status.TO_REVIEW
            seen = replace(seen, status=status, decision=Decision(), dice=None, assd=None)
        records.append(seen)
    known = {record.level for record in review}
    added = [ReviewRecord(level, None, None, mask, Status.EDITED) for level, mask in now.items() if level not in known]
    return _in_order([*records, *added])


def without_rejected(review: Review, labels: np.ndarray) -> np.ndarray:
    """Return a label map without the levels that were rejected."""
    codes = [BY_NAME[record.level].code for record in review if record.status is Status.REJECTED]
    return np.where(np.isin(labels // 10, codes), 0, labels).astype(labels.dtype) if codes else labels


def renamed(levels: Iterable[str], by: int) -> dict[str, str]:
    """Return what each level is called when all are shifted by one down (1, L1 becomes L2) or up (-1).

    Raises `LabelMapError` where one would leave the table of levels, which goes from T1 to S1.
    """
    names = [level.name for level in LEVELS]
    found = {}
    for level in levels:
        place = names.index(level) + by
        if not 0 <= place < len(names):
            raise LabelMapError(
                f"The levels cannot be shifted {'down' if by > 0 else 'up'}: {level} is the "
                f"{'lowest' if by > 0 else 'highest'} there is."
            )
        found[level] = names[place]
    return found


def shifted(review: Review, labels: np.ndarray, by: int) -> tuple[Review, np.ndarray]:
    """Return review and label map with all levels renamed by one down (1) or up (-1); no voxel changes its part.

    Raises `LabelMapError` where a level would leave the table.
    """
    names = renamed([*dict.fromkeys([*(record.level for record in review), *levels_in(labels)])], by)
    codes = np.arange(2**16, dtype=np.uint16)
    for old, new in names.items():
        start, end = 10 * BY_NAME[old].code, 10 * BY_NAME[new].code
        codes[start : start + 10] = np.arange(end, end + 10)
    return with_names(review, names), codes[labels]


def with_names(review: Review, names: dict[str, str]) -> Review:
    """Return the review with its levels renamed; decisions about their masks stay."""
    return _in_order([replace(record, level=names[record.level]) for record in review])


def renamed_by_hand(review: Review) -> bool:
    """Tell whether some level has another name than proposed."""
    return any(record.level != record.proposed_level for record in review if record.proposed_level)


def to_json(review: Review) -> str:
    """Return the review as JSON; `from_json` reads it."""
    return json.dumps([asdict(record) for record in review])


def from_json(text: str) -> Review:
    """Return the review that `to_json` wrote, in this version or before decisions were signed.

    Raises `InputError` where the text is none, or speaks of a level that there is not.
    """
    review = from_text(text, Review, "The review")
    if unknown := [record.level for record in review if record.level not in BY_NAME]:
        raise InputError(f"The review speaks of '{unknown[0][:20]}', which is no vertebra. Begin it again.")
    return review


def _with_status(review: Review, level: str, status: Status, decision: Decision) -> Review:
    record_of(review, level)
    return tuple(
        replace(record, status=status, decision=decision) if record.level == level else record for record in review
    )


def _in_order(records: list[ReviewRecord]) -> Review:
    return tuple(sorted(records, key=lambda record: BY_NAME[record.level].code))
