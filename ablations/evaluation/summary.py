"""Metrics of the labelers in a score file, as tidy rows; all are computed from stored step scores.

A row is one labeler, scoring strategy, metric and n. Rows of the reference lines, majority voting and pass@N,
have no labeler. Undefined values have no row. Comparisons need two more entries of a row: ``found``, its
``Estimate``; and ``values``, float64 [P], if it is a mean over problems.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.thresholds import exceeds
from ablations.evaluation.best_of_n import best_of_n, majority, over_problems, pass_at_n, weighted_vote
from ablations.evaluation.discrimination import calibration
from ablations.evaluation.first_error import UNRATED, Threshold, choose_threshold, first_error, hits
from ablations.evaluation.score_file import Finals, Scored
from ablations.evaluation.scoring_rules import REDUCERS, neutral_positive, over_steps
from ablations.evaluation.step_metrics import (
    auroc_interval,
    calibration_interval,
    judged,
    step_f1,
    within_problems_interval,
)
from results.analyses.evaluations import COLUMNS, WHOLE
from results.stats.intervals import Estimate, clip, mean_interval, subtract_shares

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]

REDUCTION = {name.replace(" ", "_"): name for name in REDUCERS}
"""Scoring strategy, as named on the command line -> key of ``scoring_rules.REDUCERS``."""
AS_LOGARITHM = ("product", "geometric_mean")
"""Strategies whose scores are logarithms."""
DRAWS = 100
"""Seeded random orders per problem, over which votes of fewer than all solutions are averaged."""
MEANS = (
    *("step_auroc", "calibration_error", "first_error_f1", "first_error_found", "no_error_found"),
    *("right_step_f1", "wrong_step_f1", "step_f1", "solution_auroc"),
)
"""Metrics that have a mean over files."""
BINS = 10
"""Number of equally wide bins in the reliability table."""


def powers(drawn: int) -> list[int]:
    """Returns 1, 2, 4, ... below a number, and the number itself."""
    return [2**k for k in range(drawn.bit_length()) if 2**k < drawn] + [drawn]


def final_rows(scored: Scored, scorings: Sequence[str]) -> list[Row]:
    """Makes rows of best-of-N and votes of every labeler and strategy, and of majority voting and pass@N.

    Every N is measured on the same problems, so N goes up to the smallest number of graded solutions of a
    problem. Each problem's value is the expectation over all of its solutions. Scorings are keys of
    ``REDUCTION``; scores of whole solutions are used unchanged, once.
    """
    assert scored.finals is not None
    finals = scored.finals
    correct, finished, voted = finals.correct, finals.finished, finals.voted
    ns = powers(finals.most_n)
    single = bool((finals.rows.lengths == finals.most_n).all())
    of_majority_PK = over_problems(partial(majority, ns=ns, draws=DRAWS, seed=0), voted, correct)
    of_any_PK = over_problems(partial(pass_at_n, ns=ns), correct)
    rows = _by_n("pass_at_n", of_any_PK, ns, single) + _by_n("majority", of_majority_PK, ns, single)
    for named, scores in _solution_scores(scored, scorings):
        score = finals.per_solution(scores)
        best_PK = over_problems(partial(best_of_n, ns=ns), score, correct, finished)
        rows += _by_n("best_of_n", best_PK, ns, single, **named)
        gain_PK = subtract_shares(best_PK, of_majority_PK)
        rows += _by_n("best_of_n_minus_majority", gain_PK, ns, single, **named)
        auroc = within_problems_interval(score.values, correct.values, finals.rows.row_index)
        sizes = {"problems": len(finals.rows), "count": len(score.values)}
        rows.append(_row("auroc_within_problems", auroc, **sizes, **named))
        weight = np.exp(score.values) if named["scoring"] in AS_LOGARITHM else score.values
        rows += _votes(weight, finals, ns, single, named)
    return [row for row in rows if np.isfinite(row["estimate"])]


def step_rows(scored: Scored, scorings: Sequence[str], thresholds: Mapping[str, float | None]) -> list[Row]:
    """Makes rows of step AUROC, calibration and F1 of every labeler that scores steps; and of solution AUROC.

    Scorings are those of `final_rows`; thresholds, by labeler, are chosen on other data, None without F1.
    Steps without a score (NaN) are left out of AUROC, calibration and the F1 of steps.
    """
    rated_S = judged(scored.rating)
    rows: list[Row] = []
    for labeler, scores in scored.steps.items():
        judged_S = rated_S & ~np.isnan(scores.prob.values[:, 0])
        right = scored.rating.values[judged_S] >= 0
        problem = scored.problem_R[scored.rating.row_index[judged_S]]
        prob = neutral_positive(scores).values[judged_S]
        named = {"labeler": labeler, "problems": len(np.unique(problem))}
        rows.append(_row("step_auroc", auroc_interval(prob, right, problem), count=len(prob), **named))
        prob = np.minimum(prob, 1.0)  # two classes that add up to 1 may round above it
        error = calibration_interval(prob, right, problem, BINS)
        rows.append(_row("calibration_error", error, count=len(prob), **named))
        table = calibration(prob, right, BINS)
        rows += [
            _row("calibration", _plain(table.observed[bin]), n=bin, x=x, count=int(table.count[bin]), **named)
            for bin, x in enumerate(table.mean_predicted)
        ]
        threshold = thresholds[labeler]
        if threshold is not None:
            rows += _first_error_rows(scored, labeler, threshold)
            rows += _step_f1_rows(scored, labeler, threshold)
    rows += _solution_rows(scored, scorings)
    return [row for row in rows if np.isfinite(row["estimate"])]


def chosen_threshold(scored: Scored, labeler: str) -> Threshold:
    """Chooses the threshold with the highest F1 on other data, for a labeler that scored it.

    Raises:
        ValueError: the labeler did not score it, or there are no solutions of one kind.
    """
    if labeler not in scored.steps:
        raise ValueError(
            f"threshold_on: found no step scores of {labeler} in {scored.path}; allowed: of "
            f"{', '.join(scored.steps) or 'nobody'}"
        )
    try:
        return choose_threshold(hits(_wrong(scored, labeler), scored.rating))
    except ValueError as error:
        raise ValueError(f"threshold_on: {scored.path}: {error}") from error


def _first_error_rows(scored: Scored, labeler: str, threshold: float) -> list[Row]:
    known = hits(_wrong(scored, labeler), scored.rating)
    f1 = first_error(known, threshold, scored.problem_R)
    problems = len(np.unique(scored.problem_R[known.row]))
    named = {"labeler": labeler, "x": threshold, "problems": problems}
    return [
        _row("first_error_f1", f1.f1, count=f1.errors + f1.rights, **named),
        _row("first_error_found", f1.error, count=f1.errors, **named),
        _row("no_error_found", f1.right, count=f1.rights, **named),
    ]


def _step_f1_rows(scored: Scored, labeler: str, threshold: float) -> list[Row]:
    """Makes rows of what PRMBench measures: all rated steps count, those after an error too."""
    rated_S = (scored.rating.values != UNRATED) & ~np.isnan(scored.steps[labeler].prob.values[:, 0])
    problem = scored.problem_R[scored.rating.row_index[rated_S]]
    predicted = np.asarray(exceeds(_wrong(scored, labeler).values[rated_S], threshold))
    f1 = step_f1(predicted, scored.rating.values[rated_S] < 0, problem)
    named = {"labeler": labeler, "x": threshold, "problems": len(np.unique(problem)), "count": len(problem)}
    return [
        _row("right_step_f1", f1.right, **named),
        _row("wrong_step_f1", f1.wrong, **named),
        _row("step_f1", f1.mean, **named),
    ]


def _solution_rows(scored: Scored, scorings: Sequence[str]) -> list[Row]:
    """Makes rows of the AUROC of solutions without an error against those with one, over all problems."""
    zeros = Ragged(values=np.zeros(len(scored.rating.values)), offsets=scored.rating.offsets)
    known = hits(zeros, scored.rating)  # those whose first error is known
    right, problem = ~known.error, scored.problem_R[known.row]
    sizes = {"problems": len(np.unique(problem)), "count": len(right)}
    return [
        _row("solution_auroc", auroc_interval(scores[known.row], right, problem), **sizes, **named)
        for named, scores in _solution_scores(scored, scorings)
    ]


def mean_rows(files: Sequence[Sequence[Row]]) -> list[Row]:
    """Makes rows of the means over files of the metrics of rated steps, such as ProcessBench's mean F1.

    Files are taken to have different problems, so that the widths of intervals add up in squares. Metrics of
    labelers that are not in all files have no mean.
    """
    by_name = [{(row["labeler"], row["scoring"], row["metric"]): row for row in rows} for rows in files]
    means = []
    for name in by_name[0]:
        labeler, scoring, metric = name
        same = [rows[name] for rows in by_name if name in rows]
        if metric not in MEANS or len(same) < len(files):
            continue
        value = np.array([[row[name] for name in ("estimate", "lower", "upper")] for row in same])
        center, width = value[:, 0].mean(), np.abs(value[:, 1:] - value[:, :1])
        lower, upper = np.sqrt((width**2).sum(axis=0)) / len(files)
        mean = Estimate(estimate=float(center), lower=float(center - lower), upper=float(center + upper))
        more = {name: sum(row[name] for row in same) for name in ("problems", "count")}
        means.append(_row(metric, mean, labeler=labeler, scoring=scoring, x=same[0]["x"], **more))
    return means


def _wrong(scored: Scored, labeler: str) -> Ragged:
    """Returns P(wrong) of all steps; -inf for those without a score, which come after a certain error."""
    prob = scored.steps[labeler].prob
    wrong = prob.values[:, 0]
    return Ragged(values=np.where(np.isnan(wrong), -np.inf, wrong), offsets=prob.offsets)


def _solution_scores(scored: Scored, scorings: Sequence[str]) -> Iterator[tuple[dict[str, str], Floats]]:
    """Yields labeler and scoring, with the scores of all solutions, of every labeler and strategy.

    Raises:
        ValueError: a strategy needs the score of a step that has none.
    """
    for labeler, scores in scored.steps.items():
        for scoring in scorings:
            score = over_steps(REDUCTION[scoring])(scores)
            if np.isnan(score).any():
                raise ValueError(
                    f"scoring: found {scoring} with steps that {labeler} gives no score; allowed: product, "
                    "minimum, geometric_mean"
                )
            yield {"labeler": labeler, "scoring": scoring}, score
    for labeler, whole in scored.whole.items():
        yield {"labeler": labeler, "scoring": WHOLE}, whole


def _votes(weight: Floats, finals: Finals, ns: Sequence[int], single: bool, named: Row) -> list[Row]:
    """Makes rows of weighted votes; none for scores that cannot be weights."""
    weight = np.where(finals.finished.values, weight, 0.0)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        return []
    value_PK = over_problems(
        partial(weighted_vote, ns=ns, draws=DRAWS, seed=0),
        *(Ragged(values=weight, offsets=finals.rows.offsets), finals.voted, finals.correct),
    )
    return _by_n("weighted_vote", value_PK, ns, single, **named)


def _by_n(metric: str, value_PK: Floats, ns: Sequence[int], single: bool, **named: Any) -> list[Row]:
    """Makes one row per N, one of K: the mean over problems, with its interval.

    ``single`` tells whether the last N is all solutions of every problem.
    """
    least = -1.0 if metric == "best_of_n_minus_majority" else 0.0
    rows = []
    for k in range(len(ns)):
        estimate = clip(mean_interval(value_PK[:, [k]].T), least, 1.0)
        more = {"n": ns[k], "problems": len(value_PK), "single_draw": single and k == len(ns) - 1}
        rows.append(_row(metric, estimate, **more, **named, values=value_PK[:, k]))
    return rows


def _row(metric: str, estimate: Estimate, **more: Any) -> Row:
    ends = {"estimate": estimate.estimate, "lower": estimate.lower, "upper": estimate.upper}
    return dict.fromkeys(COLUMNS) | {"metric": metric, **ends, "found": estimate} | more


def _plain(value: float) -> Estimate:
    """Makes an estimate of a number without an interval."""
    return Estimate(estimate=float(value))
