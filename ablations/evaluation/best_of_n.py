"""Accuracy of choosing among N solutions, vectorized over problems and over N.

Shape letters: P problems, M solutions drawn per problem, K values of N, A distinct answers per problem. Each
metric has one value per problem; the reported value is the mean over problems. Problems with different
numbers of solutions are evaluated by ``over_problems``.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.ties import ROUNDING, level

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

VOTE_CELLS = 4_000_000
"""Maximum number of entries in an array that voting holds at once."""


def over_problems(metric: Callable[..., Floats], *columns: Ragged) -> Floats:
    """Evaluates problems that have different numbers of solutions.

    Problems with the same number of solutions are evaluated together. Every N must be within the smallest
    number, so that the values at all N are of the same problems. Each value is an expectation over all of
    its problem's solutions; none is left out to make the numbers equal.

    Args:
        metric: maps arrays [p, M], one per column, to values [p, K].
        columns: one row per problem, the same numbers of solutions in each.

    Returns:
        float64 [P, K].

    Raises:
        ValueError: the columns differ in their numbers of solutions, or there is no problem.
    """
    counts = columns[0].lengths
    if not len(counts) or any(not np.array_equal(column.lengths, counts) for column in columns):
        found = [column.lengths.tolist()[:5] for column in columns]
        raise ValueError(
            f"columns: found {found} solutions per problem; allowed: the same in each, not empty"
        )
    groups = [np.flatnonzero(counts == M) for M in np.unique(counts)]
    parts = [
        metric(*(column.take(rows).values.reshape(len(rows), -1) for column in columns)) for rows in groups
    ]
    return np.concatenate(parts)[np.argsort(np.concatenate(groups))]


def best_of_n(score_PM: Floats, correct_PM: Bools | Floats, finished_PM: Bools, ns: Sequence[int]) -> Floats:
    """Computes the expected accuracy of choosing the best-scored solution, over all subsets of size n.

    In closed form: the k-th best of M (from 0) is a subset's best with probability C(M-1-k, n-1) / C(M, n).
    Tied solutions (``ablations.data.ties``) share their credit equally. Unfinished solutions are never
    chosen; a subset without a finished one counts as wrong. A finished solution without a score, because the
    model could not read all of it, is never chosen over one with a score; a subset in which nothing has a
    score is chosen from at random.

    Args:
        score_PM: higher is better; -inf is allowed; NaN means no score.
        correct_PM: whether each solution is right; or a number, whose expectation is then computed.
        finished_PM: whether each solution is finished.
        ns: K sizes of subsets, each in 1..M.

    Returns:
        float64 [P, K].

    Raises:
        ValueError: unequal shapes, or an n outside 1..M.
    """
    credit_PM = _ranked_credit(score_PM, correct_PM, finished_PM)
    M = credit_PM.shape[1]
    sizes = _check_ns(ns, M)
    none_above_MK = _none_of_top(M, sizes)[:-1]
    # none of the k above (probability none_above), and then this one of the M-k that remain
    return credit_PM @ (none_above_MK * sizes[None, :] / (M - np.arange(M))[:, None])


def top_share(score_PM: Floats, correct_PM: Bools, finished_PM: Bools, ns: Sequence[int]) -> Floats:
    """Computes the share of right solutions among the n best-scored of all M: precision in the tail.

    It is also the expected accuracy of choosing one of these n at random. Arguments, ties, and unfinished and
    unscored solutions are as in ``best_of_n``.

    Returns:
        float64 [P, K].
    """
    credit_PM = _ranked_credit(score_PM, correct_PM, finished_PM)
    sizes = _check_ns(ns, credit_PM.shape[1])
    return np.cumsum(credit_PM, axis=1)[:, sizes - 1] / sizes


def in_top(score_PM: Floats, finished_PM: Bools, n: int) -> Bools:
    """Marks each problem's n best-scored finished solutions, and those that tie with the last of them."""
    _check_shapes(score_PM=score_PM, finished_PM=finished_PM)
    scored_PM = finished_PM & ~np.isnan(score_PM)
    score_PM = _level(np.where(scored_PM, score_PM, -np.inf))
    (size,) = _check_ns([n], score_PM.shape[1])
    return scored_PM & (score_PM >= -np.sort(-score_PM, axis=1)[:, size - 1 : size])


def pass_at_n(correct_PM: Bools, ns: Sequence[int]) -> Floats:
    """Computes P(a subset of size n holds a right solution): 1 - C(M-c, n) / C(M, n), unbiased; [P, K].

    An unfinished solution must not be correct.
    """
    M = correct_PM.shape[1]
    return 1 - _none_of_top(M, _check_ns(ns, M))[correct_PM.sum(axis=1)]


def random_choice(correct_PM: Bools, finished_PM: Bools) -> Floats:
    """Computes the accuracy of a random solution (pass@1), float64 [P]; unfinished ones are wrong."""
    _check_shapes(correct_PM=correct_PM, finished_PM=finished_PM)
    return (correct_PM & finished_PM).mean(axis=1)


def majority(
    answer_code_PM: npt.NDArray[np.integer], correct_PM: Bools, ns: Sequence[int], draws: int, seed: int
) -> Floats:
    """Computes the expected accuracy of majority voting: `weighted_vote` with equal weights."""
    return weighted_vote(np.ones(answer_code_PM.shape), answer_code_PM, correct_PM, ns, draws, seed)


def weighted_vote(
    weight_PM: Floats,
    answer_code_PM: npt.NDArray[np.integer],
    correct_PM: Bools,
    ns: Sequence[int],
    draws: int,
    seed: int,
) -> Floats:
    """Computes the expected accuracy of weighted voting over seeded random subsets; exact at n = 1 and n = M.

    Each draw is one random order of a problem's solutions; its first n are the subset of size n. Answers that
    tie for the highest total weight, up to floating-point rounding, share their credit equally. Solutions
    without an answer do not vote; a subset without votes counts as wrong.

    Args:
        weight_PM: finite and >= 0, such as exp of a product score; a total of 0 wins no vote.
        answer_code_PM: equal answers of a problem have equal codes; negative = no answer.
        ns: K sizes of subsets, each in 1..M.
        draws: random orders per problem, at least 1.
        seed: seed for the orders.

    Returns:
        float64 [P, K].

    Raises:
        ValueError: unequal shapes, an n outside 1..M, fewer than 1 draw, or a weight that is negative or not
            finite.
    """
    _check_shapes(weight_PM=weight_PM, answer_code_PM=answer_code_PM, correct_PM=correct_PM)
    P, M = answer_code_PM.shape
    sizes = _check_ns(ns, M)
    if draws < 1:
        raise ValueError(f"draws: found {draws}; allowed: an integer >= 1")
    if not (np.isfinite(weight_PM) & (weight_PM >= 0)).all():
        raise ValueError("weight_PM: found a negative or not finite weight; allowed: finite numbers >= 0")
    code_PM = _local_codes(answer_code_PM)
    A = max(int(code_PM.max(initial=-1)) + 1, 1)
    rng = np.random.default_rng(seed)
    inner = np.unique(sizes[(sizes > 1) & (sizes < M)])
    value_PK = np.zeros((P, len(sizes)))
    chunk = max(1, VOTE_CELLS // max(M, A))
    for start in range(0, P, chunk):
        block = slice(start, min(start + chunk, P))
        code_pM, weight_pM = code_PM[block], weight_PM[block].astype(np.float64)
        credit_pA = _answer_credit(code_pM, correct_PM[block], A)
        value = {1: ((weight_pM > 0) & (code_pM >= 0) & correct_PM[block]).mean(axis=1)}
        value[M] = _tally(code_pM, weight_pM, credit_pA, [M])[0]
        total_np = np.zeros((len(inner), len(code_pM)))
        for _ in range(draws if len(inner) else 0):
            order_pM = rng.permuted(np.broadcast_to(np.arange(M), code_pM.shape), axis=1)
            code = np.take_along_axis(code_pM, order_pM, axis=1)
            weight = np.take_along_axis(weight_pM, order_pM, axis=1)
            total_np += _tally(code, weight, credit_pA, inner.tolist())
        value.update(zip(inner.tolist(), total_np / draws, strict=True))
        value_PK[block] = np.stack([value[int(n)] for n in sizes], axis=1)
    return value_PK


def _level(score_PM: Floats) -> Floats:
    """Gives scores that tie within a problem the same value."""
    P, M = score_PM.shape
    return level(score_PM.ravel(), np.repeat(np.arange(P), M)).reshape(P, M)


def _ranked_credit(score_PM: Floats, correct_PM: Bools | Floats, finished_PM: Bools) -> Floats:
    """Computes what choosing each solution earns, from the best-scored to the worst: float64 [P, M]."""
    _check_shapes(score_PM=score_PM, correct_PM=correct_PM, finished_PM=finished_PM)
    P, M = score_PM.shape
    scored_PM = finished_PM & ~np.isnan(score_PM)
    score_PM = _level(np.where(scored_PM, score_PM, -np.inf))
    # Scored first, by descending score; then unscored; then unfinished.
    order_PM = np.lexsort((-score_PM, ~scored_PM, ~finished_PM), axis=-1)
    score_PM = np.take_along_axis(score_PM, order_PM, axis=1)
    scored_PM = np.take_along_axis(scored_PM, order_PM, axis=1)
    finished_PM = np.take_along_axis(finished_PM, order_PM, axis=1)
    credit_PM = np.take_along_axis(correct_PM, order_PM, axis=1).astype(np.float64)
    # A tie group is a run of equal scores of finished solutions; each of its ranks earns the group's mean.
    starts_PM = np.zeros((P, M), bool)
    starts_PM[:, 0] = True
    for ranked_PM in (score_PM, scored_PM, finished_PM):
        starts_PM[:, 1:] |= ranked_PM[:, 1:] != ranked_PM[:, :-1]
    group = np.cumsum(starts_PM.ravel()) - 1
    mean = np.bincount(group, credit_PM.ravel()) / np.bincount(group)
    return np.where(finished_PM, mean[group].reshape(P, M), 0.0)


def _none_of_top(M: int, sizes: Ints) -> Floats:
    """Computes P(a subset of size n misses k given items), C(M-k, n) / C(M, n): float64 [M+1, K]."""
    k = np.arange(M)[:, None]
    # A running product of ratios: each factor is correctly rounded, where binomials would overflow.
    ratio_MK = np.maximum(M - k - sizes[None, :], 0) / (M - k)
    return np.concatenate([np.ones((1, len(sizes))), np.cumprod(ratio_MK, axis=0)])


def _local_codes(code_PM: npt.NDArray[np.integer]) -> Ints:
    """Renumbers each problem's answers 0..A-1; no answer is -1."""
    order_PM = np.argsort(code_PM, axis=1, kind="stable")
    sorted_PM = np.take_along_axis(code_PM, order_PM, axis=1)
    new_PM = sorted_PM >= 0
    new_PM[:, 1:] &= sorted_PM[:, 1:] != sorted_PM[:, :-1]
    local_PM = np.empty(code_PM.shape, np.int64)
    np.put_along_axis(local_PM, order_PM, np.cumsum(new_PM, axis=1) - 1, axis=1)
    return local_PM


def _answer_credit(code_pM: Ints, correct_pM: Bools, A: int) -> Floats:
    """Computes the mean correctness of the solutions that give each answer: float64 [p, A]."""
    p, _ = code_pM.shape
    votes = code_pM >= 0
    cell = (np.arange(p)[:, None] * A + code_pM)[votes]
    count = np.bincount(cell, minlength=p * A)
    right = np.bincount(cell, correct_pM[votes].astype(np.float64), minlength=p * A)
    return (right / np.maximum(count, 1)).reshape(p, A)


def _tally(code_pM: Ints, weight_pM: Floats, credit_pA: Floats, sizes: list[int]) -> Floats:
    """Computes the winners' credit among the first n solutions, for ascending n: float64 [len(sizes), p]."""
    p, A = credit_pA.shape
    row_p = np.arange(p)[:, None] * A
    total = np.zeros(p * A)
    result, start = np.empty((len(sizes), p)), 0
    for i, n in enumerate(sizes):
        code, weight = code_pM[:, start:n], weight_pM[:, start:n]
        votes = code >= 0
        total += np.bincount((row_p + code)[votes], weight[votes], minlength=p * A)
        total_pA = total.reshape(p, A)
        top_p = total_pA.max(axis=1)
        winner_pA = total_pA >= top_p[:, None] * (1 - ROUNDING)
        share_p = (winner_pA * credit_pA).sum(axis=1) / winner_pA.sum(axis=1)
        result[i] = np.where(top_p > 0, share_p, 0.0)
        start = n
    return result


def _check_ns(ns: Sequence[int], M: int) -> Ints:
    sizes = np.asarray(ns)
    if sizes.ndim != 1 or not np.issubdtype(sizes.dtype, np.integer) or ((sizes < 1) | (sizes > M)).any():
        raise ValueError(f"ns: found {list(ns)}; allowed: integers from 1 to {M}, the solutions per problem")
    return sizes.astype(np.int64)


def _check_shapes(**arrays: npt.NDArray) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"shapes: found {shapes}; allowed: the same for each")
