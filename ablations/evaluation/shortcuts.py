"""Shortcuts: how well length, position, format or the problem alone predict the labels of a training.

A reward model may learn such a shortcut instead of what is right. A probe is a logistic regression on a few
features of one kind. It is trained on some problems and predicts the labels of the others, so that it cannot
remember them. Its AUROC is 0.5 if there is nothing to learn.

Shape letters: R solutions, S steps in all, F features.
"""

from __future__ import annotations

import logging
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.special

from ablations.data.ragged import Ragged
from ablations.evaluation.discrimination import auroc, solution_auroc
from ablations.evaluation.scoring_rules import REDUCERS
from ablations.supervision import Supervision
from lightning_modules.encoding import IGNORE
from results.stats.intervals import Estimate, seed_interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

log = logging.getLogger(__name__)
GROUPS = 10
"""Groups of problems: a probe predicts the labels of one after it was trained on the others."""
MOST = 30_000
"""Approximate maximum of steps or solutions that a probe reads; more would only narrow its interval."""
NOTABLE = 0.6
"""AUROC above which the whole interval of a shortcut must lie for a warning."""
_PENALTY = 1.0
_BUCKETS = 64


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What is labeled: S steps, or R solutions as a whole, with their problems."""

    text: Sequence[str]
    """The step or the whole solution."""
    problem: Sequence[str]
    """Text of its problem."""
    index: Ints
    """Number of the step in its solution, from 0; 0 for a solution."""
    before: Ints
    """Characters of the solution before it."""
    steps: Ints
    """Number of steps of the solution up to it, or in all."""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """What a probe predicts."""

    labels: Estimate
    """AUROC of the labels, over all problems, with an interval over groups of problems."""
    solutions: float
    """AUROC of right final answers within problems, if the probe's prediction ranks the solutions: that of a
    reward model that learned nothing else. NaN if no problem has both right and wrong solutions."""


def _length(texts: Texts) -> Floats:
    characters = np.array([len(text) for text in texts.text])
    return np.stack([np.log1p(characters), np.log1p(texts.before), np.log1p(texts.steps)], axis=1)


def _position(texts: Texts) -> Floats:
    return np.stack([texts.index, 1 / (1 + texts.index), texts.index == 0], axis=1).astype(np.float64)


def _format(texts: Texts) -> Floats:
    kinds = [*string.punctuation, "0123456789", string.ascii_uppercase, string.ascii_lowercase, " ", "\n"]
    count = np.array([[sum(map(text.count, kind)) for kind in kinds] for text in texts.text], dtype=float)
    size = np.maximum([len(text) for text in texts.text], 1)
    return np.concatenate([count / size[:, None], count > 0], axis=1)


def _prompt(texts: Texts) -> Floats:
    rows = {}
    for problem in dict.fromkeys(texts.problem):
        buckets = [zlib.crc32(word.encode()) % _BUCKETS for word in problem.lower().split()]
        count = np.bincount(np.array(buckets, dtype=np.int64), minlength=_BUCKETS)
        rows[problem] = np.append(np.log1p(count), np.log1p(len(problem)))
    return np.stack([rows[problem] for problem in texts.problem])


PROBES: dict[str, Callable[[Texts], Floats]] = {
    "length": _length,
    "position": _position,
    "format": _format,
    "prompt": _prompt,
}
"""What a probe knows -> its features, float64 [S or R, F]. ``position`` is for steps only."""


def shortcuts(
    supervision: Supervision,
    problems: Sequence[str],
    problem: npt.NDArray[np.integer],
    steps: Sequence[Sequence[str]],
    final_correct: Bools | None = None,
    finished: Bools | None = None,
) -> dict[str, Shortcut]:
    """Measures what each probe predicts of the targets of R solutions. Soft targets count as decisions.

    Args:
        supervision: targets of the R solutions, or of their steps.
        problems: texts of the problems.
        problem: int [R], the problem of each solution.
        steps: steps of each solution.
        final_correct: whether each final answer is right; None: unknown.
        finished: whether each solution is finished; None: all are.

    Returns:
        Probe -> what it predicts; probes that have nothing to predict are left out: too few problems, or
        labels of one kind only.
    """
    step_target, solution_target = supervision.step_target, supervision.solution_target
    counts = np.ones(len(steps), np.int64) if step_target is None else step_target.lengths
    read = np.arange(len(steps))[np.cumsum(counts) - counts < MOST]
    problem, steps = np.asarray(problem, np.int64)[read], [steps[row] for row in read]
    correct = np.zeros(len(read), bool) if final_correct is None else final_correct[read]
    ended = np.ones(len(read), bool) if finished is None else finished[read]
    if step_target is not None:
        step_target = step_target.take(read)
        target, solution = step_target.values, step_target.row_index
        texts = _each_step(problems, problem, steps)
    else:
        assert solution_target is not None
        target, solution = solution_target[read], read
        texts = _whole(problems, problem, steps)
    known = np.asarray(target.any(axis=1) if target.ndim == 2 else target != IGNORE)
    right = target.argmax(axis=1) > 0 if target.ndim == 2 else target > 0
    group = _groups(problem)[solution]
    found: dict[str, Shortcut] = {}
    if not known.any():
        return found
    for name, features in PROBES.items():
        if name == "position" and step_target is None:
            continue
        logit = _cross_fit(features(texts), right, known, group)
        areas = [auroc(logit[held], right[held]) for held in (known & (group == g) for g in range(GROUPS))]
        defined = [area for area in areas if not np.isnan(area)]
        if len(defined) < 2:
            continue
        score = logit
        if step_target is not None:
            good = Ragged(values=scipy.special.expit(logit), offsets=step_target.offsets)
            score = REDUCERS["product"](good)
        found[name] = Shortcut(
            labels=seed_interval(defined),
            solutions=solution_auroc(score, correct, ended, problem),
        )
    return found


def warn(found: Mapping[str, Shortcut], labels: str) -> None:
    """Warns of shortcuts that predict much of the labels; ``labels`` says which labels they are."""
    notable = {name: one.labels.estimate for name, one in found.items() if one.labels.lower > NOTABLE}
    if notable:
        log.warning(
            "shortcut: %s alone predicts %s (AUROC %s): a reward model may learn that instead",
            " or ".join(notable),
            labels,
            " and ".join(f"{area:.2f}" for area in notable.values()),
        )


def _whole(problems: Sequence[str], problem: Ints, steps: Sequence[Sequence[str]]) -> Texts:
    none = np.zeros(len(steps), np.int64)
    return Texts(
        text=["\n".join(row) for row in steps],
        problem=[problems[p] for p in problem],
        index=none,
        before=none,
        steps=np.array([len(row) for row in steps], dtype=np.int64),
    )


def _each_step(problems: Sequence[str], problem: Ints, steps: Sequence[Sequence[str]]) -> Texts:
    index = [at for row in steps for at in range(len(row))]
    before = [total for row in steps for total in np.cumsum([0, *map(len, row[:-1])])[: len(row)].tolist()]
    return Texts(
        text=[text for row in steps for text in row],
        problem=[problems[p] for p, row in zip(problem, steps, strict=True) for _ in row],
        index=np.array(index, dtype=np.int64),
        before=np.array(before, dtype=np.int64),
        steps=np.array(index, dtype=np.int64) + 1,
    )


def _groups(problem: Ints) -> Ints:
    """Assigns each solution to a group by its problem, int64 [R]."""
    _, number = np.unique(problem, return_inverse=True)
    order = np.random.default_rng(0).permutation(int(number.max(initial=-1)) + 1)
    return np.asarray(order[number] % GROUPS, dtype=np.int64)


def _cross_fit(features: Floats, right: Bools, seen: Bools, group: Ints) -> Floats:
    """Predicts the log odds of "right" of each group's rows by a probe trained on the other groups, [S]."""
    spread = features[seen].std(axis=0)
    features = (features - features[seen].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    logit = np.zeros(len(features))
    for number in range(GROUPS):
        held, others = group == number, seen & (group != number)
        if held.any() and others.any():
            logit[held] = features[held] @ _logistic(features[others], right[others])
    return logit


def _logistic(features: Floats, right: Bools) -> Floats:
    """Fits a logistic regression with an L2 penalty on all weights but the last, the bias: float64 [F]."""
    sign = np.where(right, 1.0, -1.0)
    penalty = np.append(np.full(features.shape[1] - 1, _PENALTY), 0.0)

    def loss(weight: Floats) -> tuple[float, Floats]:
        margin = sign * (features @ weight)
        slope = -sign * scipy.special.expit(-margin)
        value = np.logaddexp(0, -margin).sum() + (penalty * weight**2).sum() / 2
        return float(value), features.T @ slope + penalty * weight

    start = np.zeros(features.shape[1])
    return np.asarray(scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x)
