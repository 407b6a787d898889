"""A pilot: what its records offer for sale, as curves of best-of-N, and what the labels cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.analyses.comparisons import check_same_judged
from results.records import plain
from results.stats.data_efficiency import Curve
from results.stats.intervals import LEAST_PROBLEMS, NAN
from results.stats.summaries import at_n, tested_n
from results.vocabulary import (
    ACQUISITIONS,
    ARMS,
    PURCHASES,
    STUDENT_ARMS,
    acquisition_words,
)

LEAST_SCALES = 3
"""Fewest data scales of an option that can be fitted: one more than the ends of a curve."""
LEAST_SEEDS = 2
"""Fewest seeds that show how much they vary."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What labeled solutions cost: ``fixed + each * solutions``."""

    fixed: float
    """Price of all candidates that an acquisition chooses from."""
    each: float
    """Price of a labeled solution."""
    label: float
    """Price of one label; NaN if the candidates include the labels."""

    def solutions(self, money: float) -> float:
        """Return how many labeled solutions an amount of money buys; not rounded, and 0 if none."""
        return max(money - self.fixed, 0.0) / self.each if self.each > 0 else np.inf

    def money(self, solutions: Any) -> Any:
        """Return what a number of labeled solutions costs."""
        return self.fixed + self.each * solutions


@dataclass(frozen=True, kw_only=True, eq=False)
class Option:
    """One kind of supervision with one acquisition, as piloted."""

    arm: str
    acquisition: str
    scales: tuple[int, ...]
    """Solutions labeled per problem at each point."""
    curve: Curve
    """Best-of-N against labeled solutions."""
    labels: float
    """Labels per labeled solution: the mean number of step labels, or 1."""
    candidates: int | None
    """Solutions per problem from which the acquisition chose; None if the records do not say."""

    @property
    def words(self) -> str:
        """Name for display."""
        return _words((self.arm, self.acquisition))

    @property
    def problems(self) -> float:
        """Training problems of the pilot."""
        return float(self.curve.labels[0]) / self.scales[0]

    @property
    def buys(self) -> str | None:
        """What its labels are: a key of ``PURCHASES``."""
        return ARMS[self.arm].buys

    @property
    def _candidate(self) -> tuple[str, ...]:
        return ACQUISITIONS[self.acquisition].candidate

    @property
    def needs(self) -> dict[str, float]:
        """What each labeled solution needs beyond its candidates: key of ``PURCHASES`` -> count."""
        each = {"rollout": 1.0} if self.buys is None else {"rollout": 1.0, self.buys: self.labels}
        return {name: count for name, count in each.items() if name not in self._candidate}

    def price(
        self, prices: Mapping[str, float], candidates: int | None = None, problems: float | None = None
    ) -> Price | str:
        """Return what it costs, or the reason why that is not known.

        Args:
            prices: key of ``PURCHASES`` -> price; what is missing has no price.
            candidates: solutions per problem to choose from; None: as in the pilot.
            problems: problems whose solutions are labeled; None: as in the pilot.
        """
        if self.buys is None:
            return "its labels have no price here"
        if self.acquisition not in ACQUISITIONS:
            return "what its acquisition needs is not known"
        missing = [PURCHASES[name] for name in (*self.needs, *self._candidate) if name not in prices]
        if missing:
            return f"no price for {missing[0]}s"
        fixed = 0.0
        if self._candidate:
            per_problem = candidates or self.candidates
            if per_problem is None:
                return "the records do not say from how many candidates it chooses"
            count = per_problem * (problems or self.problems)
            fixed = count * sum(prices[name] for name in self._candidate)
        return Price(
            fixed=fixed,
            each=sum(prices[name] * count for name, count in self.needs.items()),
            label=prices[self.buys] if self.buys in self.needs else NAN,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Pilot:
    """The options of one or more runs, at the same seeds and test problems."""

    n: int
    """N of best-of-N."""
    options: tuple[Option, ...]
    """Those with ``LEAST_SCALES`` data scales or more."""
    left_out: dict[str, str]
    """Words of the other options -> reason."""
    ceiling_P: np.ndarray
    """pass@N of each test problem, which no option exceeds; 1 if the records do not have it."""


def read_pilot(frames: dict[str, pd.DataFrame], n: int | None = None) -> Pilot:
    """Read the options of runs.

    Args:
        frames: name of each run -> its records; rows where something is varied are left out.
        n: N of best-of-N; None: that of the claims.

    Raises:
        ValueError: the runs are not on the same test solutions, or differ in a cell that both have, or there
            is no best-of-N of students at n with values per problem.
    """
    check_same_judged(frames, "run")
    rows = pd.concat([plain(frame).assign(run=name) for name, frame in frames.items()], ignore_index=True)
    students = rows[(rows["metric"] == "best_of_n") & rows["arm"].isin(list(STUDENT_ARMS))]
    students = students[students["problem_values"].notna() & students["labelled_solutions"].notna()]
    n = tested_n(students) if n is None else n
    ceiling = at_n(rows[rows["metric"] == "pass_at_n"], n)["problem_values"].dropna()
    found = at_n(students, n)
    if found.empty:
        known = ", ".join(str(one) for one in sorted(students["n"].dropna().unique())) or "none"
        raise ValueError(f"at: found no best-of-{n} of students in the records; allowed: {known}")
    found = _merged(found)
    problems = len(found["problem_values"].iloc[0])
    groups: Any = found.groupby(["arm", "acquisition"])
    usable = {key: group for key, group in groups if group["data_scale"].nunique() >= LEAST_SCALES}
    cells = [cell for group in usable.values() for _, cell in group.groupby("data_scale")]
    seeds = sorted(set.intersection(*(set(map(int, cell["seed"])) for cell in cells))) if cells else []
    left_out = {
        _words(key): f"{group['data_scale'].nunique()} data scales, needs {LEAST_SCALES}"
        for key, group in groups
        if key not in usable
    }
    for name, count, least in (("seeds", len(seeds), LEAST_SEEDS), ("problems", problems, LEAST_PROBLEMS)):
        if count < least:
            left_out |= {_words(key): f"{count} {name} in common, needs {least}" for key in usable}
            usable = {}
    ceiling_P = np.ones(problems) if ceiling.empty else np.asarray(ceiling.iloc[0], dtype=np.float64)
    return Pilot(
        n=n,
        options=tuple(_option(key, usable[key], seeds) for key in sorted(usable, key=_place)),
        left_out=left_out,
        ceiling_P=ceiling_P,
    )


def _words(key: tuple[str, str]) -> str:
    """Return the words for an option, with the acquisition even if it is the default."""
    return f"{ARMS[key[0]].words}, {acquisition_words(key[1])}"


def _place(key: tuple[str, str]) -> tuple[int, int]:
    """Return where an option comes in tables: by arm, then by acquisition, unknown ones last."""
    ways = list(ACQUISITIONS)
    return list(ARMS).index(key[0]), ways.index(key[1]) if key[1] in ways else len(ways)


def _merged(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell and seed, and check that runs agree where both have it."""
    key = ["arm", "acquisition", "data_scale", "seed"]
    values = found.groupby(key)["value"].agg(["min", "max"])
    differing = values[values["max"] - values["min"] > 1e-9]
    if not differing.empty:
        arm, acquisition, scale, _ = differing.index[0]
        raise ValueError(
            f"run: found different {_words((arm, acquisition))} at {scale} labeled per problem in "
            f"{' and '.join(found['run'].unique())}; allowed: runs with the same settings"
        )
    return found.drop_duplicates(key)


def _option(key: tuple[str, str], rows: pd.DataFrame, seeds: list[int]) -> Option:
    """Make an option of its rows, one per data scale and seed."""
    config = json.loads(rows["config"].iloc[0])
    folds = max(len(config.get("chosen", [])), 1)
    source = config.get("source", config)
    candidates = next((source[name] for name in _CANDIDATES if name in source), None)
    points = [group.set_index("seed").loc[seeds] for _, group in rows.groupby("data_scale", sort=True)]
    steps = rows["labelled_steps"].sum() / rows["labelled_solutions"].sum()
    return Option(
        arm=key[0],
        acquisition=key[1],
        scales=tuple(int(scale) for scale in sorted(rows["data_scale"].unique())),
        curve=Curve(
            labels=np.array([float(point["labelled_solutions"].mean()) / folds for point in points]),
            seeds=np.array(seeds, dtype=np.int64),
            value=np.array([[list(values) for values in point["problem_values"]] for point in points]),
        ),
        labels=float(steps) if rows["labelled_steps"].notna().all() else 1.0,
        candidates=candidates,
    )


_CANDIDATES = ("train_samples", "samples", "pool_samples")
"""Names of the setting that says how many solutions per problem there are to choose from: of an embedded
world, of a pool, and in older records."""
