"""The lines of a figure, and what they compare."""

from typing import Any

import pandas as pd


def compares_acquisitions(frame: pd.DataFrame) -> bool:
    """Return whether lines differ only in how solutions were chosen."""
    return bool(frame["arm"].nunique() == 1 and frame["acquisition"].nunique() > 1)


def common_scale(frame: pd.DataFrame) -> int | None:
    """Return the largest data scale that every arm and acquisition has, else the largest; None if none."""
    known = frame[frame["data_scale"].notna()]
    if known.empty:
        return None
    scales = [set(rows["data_scale"].astype(int)) for _, _, rows in lines_of(known)]
    return max(set.intersection(*scales) or set.union(*scales))


def lines_of(frame: pd.DataFrame) -> list[tuple[str, object, pd.DataFrame]]:
    """Return the lines of a figure as (arm, acquisition, its rows), in the frame's order."""
    groups: Any = frame.groupby(["arm", "acquisition"], dropna=False, sort=False)
    return [(arm, acquisition, rows) for (arm, acquisition), rows in groups]
