"""Decision accuracy: how often one run's choice between two arms is that of another run.

The term is that of "DataDecide" (Magnusson et al., arXiv 2504.11393): the share of pairs that a cheap
experiment orders as the expensive one does. Here the cheap run is of an embedded world, and the expensive one
of real solutions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd

from results.records import plain
from results.stats.differences import REFERENCE_METRIC
from results.stats.intervals import RESAMPLES, mean_interval, resample_weights, subtract_shares
from results.stats.summaries import at_n, check_one_run
from results.vocabulary import PLAIN_ACQUISITION, REFERENCE_ARMS, STUDENT_ARMS

BASELINES = ("majority", "random")
"""Arms without a reward model that the others are compared with."""
Question = tuple[str, str]
"""Two arms, of which one is to be chosen."""
Values = dict[str, list[pd.DataFrame]]
"""Arm -> best-of-N at each data scale, ascending: a row per seed, a column per problem. A reference arm has a
single row."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One choice between two arms at one data scale, in two runs."""

    question: Question
    place: int
    """Number of the second run's data scale, from 0, the smallest; 0 if the arms have none."""
    gaps: tuple[float, float]
    """First arm minus second in each run."""
    verdicts: tuple[str, str]
    """Where the gap lies in each run, by its 95% interval."""
    draws: tuple[np.ndarray, np.ndarray]
    """float64 [B]: the gap in each resample of the run's problems and seeds."""

    @property
    def decided(self) -> bool:
        """Whether both runs show a difference."""
        return all(verdict in ("above zero", "below zero") for verdict in self.verdicts)

    @property
    def agrees(self) -> float:
        """1 if both runs choose the same arm, 0 if they choose different ones, 0.5 if one is tied."""
        first, second = np.sign(self.gaps)
        return float((1 + first * second) / 2)


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Agreement of two runs over some decisions, as shares in [0, 1]."""

    decisions: int
    agreement: float
    """Share of decisions for which both runs choose the same arm; ties count half."""
    lower: float
    """Lower end of its 95% interval, over resamples of the problems and seeds of both runs."""
    upper: float
    ceiling: float
    """Expected agreement of the second run with a repeat of itself, on other problems and seeds."""
    decided: int
    """Decisions for which both runs show a difference."""
    decided_alike: int
    """Those among them for which both choose the same arm."""


def best_of_n(frame: pd.DataFrame, n: int) -> Values:
    """Selects best-of-N per seed and problem of each arm with uniform acquisition where nothing is varied.

    Raises:
        ValueError: the frame mixes runs.
    """
    check_one_run(frame)
    frame = plain(frame)
    frame = frame[frame["acquisition"].isna() | (frame["acquisition"] == PLAIN_ACQUISITION)]
    found: Values = {}
    for arm in frame["arm"].unique():
        metric = REFERENCE_METRIC.get(arm, "best_of_n")
        rows = frame[(frame["arm"] == arm) & (frame["metric"] == metric) & frame["problem_values"].notna()]
        rows = at_n(rows, 1 if metric == "random" else n).sort_values("seed")
        scales = [rows] if arm in REFERENCE_ARMS else [group for _, group in rows.groupby("data_scale")]
        if not rows.empty:
            found[arm] = [
                pd.DataFrame(np.stack(list(scale["problem_values"])), index=scale["seed"]) for scale in scales
            ]
    return found


def questions(values: Sequence[Values]) -> dict[str, list[Question]]:
    """Lists the choices between arms that all runs have, by kind."""
    shared = set.intersection(*map(set, values))
    students = [arm for arm in STUDENT_ARMS if arm in shared]
    baselines = [arm for arm in BASELINES if arm in shared]
    labelers = [arm for arm in ("labeler",) if arm in shared]
    kinds = {
        "which form of supervision": list(combinations(students, 2)),
        "whether a student beats majority voting and pass@1": [
            (arm, other) for arm in students for other in baselines
        ],
        "whether the labeler beats a student, majority voting and pass@1": [
            (arm, other) for arm in labelers for other in (*students, *baselines)
        ],
    }
    return {kind: pairs for kind, pairs in kinds.items() if pairs}


def decisions(proxy: Values, target: Values, pairs: Sequence[Question]) -> list[Decision]:
    """Makes each choice in both runs, at each data scale of the target.

    The proxy's data scale is the one with the same rank, as a share of their number: the smallest for the
    smallest, the largest for the largest.
    """
    made = []
    for pair in pairs:
        count = max(len(target[arm]) for arm in pair)
        for place in range(count):
            share = place / (count - 1) if count > 1 else 1.0
            gaps = [_gap(values, pair, share) for values in (proxy, target)]
            found = [mean_interval(gap_SP) for gap_SP in gaps]
            made.append(
                Decision(
                    question=pair,
                    place=place,
                    gaps=(found[0].estimate, found[1].estimate),
                    verdicts=(found[0].verdict, found[1].verdict),
                    draws=(_draws(gaps[0], 0), _draws(gaps[1], 1)),
                )
            )
    return made


def accuracy(made: Sequence[Decision]) -> Accuracy:
    """Computes the agreement over decisions of two runs.

    Raises:
        ValueError: there is no decision.
    """
    if not made:
        raise ValueError("decisions: found none; allowed: one or more")
    proxy_DB, target_DB = (np.stack([decision.draws[run] for decision in made]) for run in (0, 1))
    alike_B = _alike(proxy_DB, target_DB)
    lower, upper = np.percentile(alike_B, [2.5, 97.5])
    decided = [decision for decision in made if decision.decided]
    return Accuracy(
        decisions=len(made),
        agreement=float(np.mean([decision.agrees for decision in made])),
        lower=float(lower),
        upper=float(upper),
        ceiling=float(_alike(target_DB, np.roll(target_DB, 1, axis=1)).mean()),
        decided=len(decided),
        decided_alike=sum(decision.agrees == 1 for decision in decided),
    )


def _alike(one_DB: np.ndarray, other_DB: np.ndarray) -> np.ndarray:
    """Returns the share of decisions with the same sign in each resample, [B]; ties count half."""
    return ((1 + np.sign(one_DB) * np.sign(other_DB)) / 2).mean(axis=0)


def _gap(values: Values, pair: Question, share: float) -> np.ndarray:
    """Returns the first arm minus the second at a data scale, by seed that both have and problem, [S, P]."""
    first, second = (values[arm][round(share * (len(values[arm]) - 1))] for arm in pair)
    if not {*pair} & REFERENCE_ARMS.keys():
        seeds = first.index.intersection(second.index)
        first, second = first.loc[seeds], second.loc[seeds]
    return subtract_shares(first.to_numpy(np.float64), second.to_numpy(np.float64))


def _draws(gap_SP: np.ndarray, run: int) -> np.ndarray:
    """Resamples problems and seeds, [B]: in the same way for all decisions of a run, but not of both."""
    weight_SB, weight_PB = _resamples(*gap_SP.shape, run)
    return np.asarray((weight_SB * (gap_SP @ weight_PB)).sum(axis=0))


@cache
def _resamples(seeds: int, problems: int, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the weights of seeds [S, B] and of problems [P, B] in each resample of a run."""
    weight_PB = np.roll(resample_weights(problems), run * (RESAMPLES // 2), axis=1)
    count_BS = np.random.default_rng([run, seeds]).multinomial(
        seeds, np.full(seeds, 1 / seeds), size=RESAMPLES
    )
    return count_BS.T / seeds, weight_PB
