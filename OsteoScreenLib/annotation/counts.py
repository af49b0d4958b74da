"""How far the review of a dataset is, counted."""

from collections import Counter
from dataclasses import dataclass

from OsteoScreenLib.annotation.dataset import Dataset
from OsteoScreenLib.annotation.review import Status


@dataclass(frozen=True)
class Counts:
    """Cases and patients, how many cases wait for a review, and the vertebrae of the masks that count, by status."""

    cases: int
    patients: int
    waiting: int
    vertebrae: dict[Status, int]

    @property
    def in_words(self) -> str:
        """One line for a person to read."""
        if not self.cases:
            return "The dataset is empty; the first case that you save begins it."
        levels = ", ".join(f"{count} {status}" for status, count in self.vertebrae.items() if count)
        done = self.cases - self.waiting
        said = f"{self.cases} cases of {self.patients} patients: {self.waiting} to review, {done} reviewed"
        return f"{said}. Vertebrae: {levels}." if levels else f"{said}."


def counts(dataset: Dataset) -> Counts:
    """Count the cases of a dataset and what has been decided about them."""
    statuses = Counter(record.status for case in dataset.cases for record in case.current.record.review)
    return Counts(
        cases=len(dataset.cases),
        patients=len(dataset.patients),
        waiting=sum(not case.reviewed for case in dataset.cases),
        vertebrae={status: statuses[status] for status in Status},
    )
