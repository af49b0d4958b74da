"""Which measured numbers no longer belong to the masks that are there now, and new ones in their place."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from OsteoScreenLib.levels import BY_NAME

if TYPE_CHECKING:
    import pandas as pd


def stale_levels(measured: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the levels whose mask is not the one they were measured on, or is gone, from head to foot.

    Both arguments are fingerprints by level (`digests.mask_digests`): of the masks when measured, and of those now.
    """
    return _in_order(level for level, digest in measured.items() if now.get(level) != digest)


def unmeasured_levels(measured: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the levels that have a mask but no number of it, from head to foot: the stale ones and the new ones."""
    return _in_order(level for level, digest in now.items() if measured.get(level) != digest)


def merged(table: "pd.DataFrame", again: "pd.DataFrame", present: Sequence[str]) -> "pd.DataFrame":
    """Return a table with the rows of `again` in place of its own of these levels, and only levels in `present`."""
    import pandas as pd

    kept = table[~table["level"].isin(again["level"])]
    rows = pd.concat([kept, again], ignore_index=True) if len(kept) else again
    rows = rows[rows["level"].isin(present)]
    order = rows["level"].map(lambda level: BY_NAME[level].code).sort_values(kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def _in_order(levels: Iterable[str]) -> list[str]:
    return sorted(levels, key=lambda level: BY_NAME[level].code)
