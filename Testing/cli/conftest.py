"""Commands are tested without most features: what those are is tested elsewhere."""

from functools import partial

import pytest

from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings


@pytest.fixture(autouse=True)
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(extract, settings=Settings(image_types=("Original",), features=("firstorder_Mean",)))
    monkeypatch.setattr("OsteoScreenLib.screening.extract", quick)
