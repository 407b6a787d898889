"""The lines of a figure, and what they compare."""

from typing import Any

import pandas as pd


def compares_acquisitions(frame: pd.DataFrame) -> bool:
    """Whether lines differ in how solutions were chosen, and in nothing else."""
    return bool(frame["arm"].nunique() == 1 and frame["acquisition"].nunique() > 1)


def common_scale(frame: pd.DataFrame) -> int | None:
    """The largest data scale that every arm and acquisition has, else the largest; None without any."""
    known = frame[frame["data_scale"].notna()]
    if known.empty:
        return None
    scales = [set(rows["data_scale"].astype(int)) for _, _, rows in lines_of(known)]
    return max(set.intersection(*scales) or set.union(*scales))


def lines_of(frame: pd.DataFrame) -> list[tuple[str, object, pd.DataFrame]]:
    """The lines of a figure: (arm, acquisition, its rows), in the frame's order."""
    groups: Any = frame.groupby(["arm", "acquisition"], dropna=False, sort=False)
    return [(arm, acquisition, rows) for (arm, acquisition), rows in groups]
