"""Choosing the solutions to label: a pool and its selectors' scores -> the rows to buy labels for.

An acquisition sees what costs no label: the texts, whether the final answer is right, and the scores of
selectors (the paper's PRM_selector, trained on one labeled solution per problem). It never sees the labeler's
labels. Source: "Let's Verify Step by Step" (arXiv 2305.20050), Section 4.2.

The budget is a number of solutions per problem. If a problem has fewer distinct texts than that, the rest of
its share goes to the problems that have the most left, so every acquisition buys the same number of labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.field_types import Share, check_fields
from ablations.data.ragged import Ragged
from ablations.data.ties import level

Rows = npt.NDArray[np.int64]
NONE: Rows = np.zeros(0, dtype=np.int64)
"""No rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """R unlabeled solutions of P problems."""

    problem: npt.NDArray[np.integer]
    """[R]: 0..P-1."""
    sample: npt.NDArray[np.integer]
    """[R]: number among the solutions of its problem, in the order drawn."""
    steps: Ragged
    """int64 [total steps]: equal codes are equal texts of steps."""
    final_correct: npt.NDArray[np.bool_]
    """[R]: whether the final answer is right."""
    convincing: npt.NDArray[np.float64]
    """[K, R]: log of the product of the step probabilities, by each of K selectors; the main one is first."""
    entropy: npt.NDArray[np.float64]
    """[R]: mean over steps of the first selector's binary entropy, nats; 0 without one."""

    def __post_init__(self) -> None:
        count = len(self.problem)
        for name in ("sample", "steps", "final_correct", "entropy"):
            if (found := len(getattr(self, name))) != count:
                raise ValueError(f"{name}: found {found} rows; allowed: {count}")
        if self.convincing.ndim != 2 or self.convincing.shape[1] != count:
            raise ValueError(
                f"convincing: found shape {self.convincing.shape}; allowed: [selectors, {count}]"
            )

    def __len__(self) -> int:
        return len(self.problem)

    def take(self, rows: Rows) -> "Candidates":
        """Returns the given rows, in their order."""
        return Candidates(
            problem=self.problem[rows],
            sample=self.sample[rows],
            steps=self.steps.take(rows),
            final_correct=self.final_correct[rows],
            convincing=self.convincing[:, rows],
            entropy=self.entropy[rows],
        )


@dataclass(frozen=True, kw_only=True)
class AcquisitionSettings:
    """Settings that acquisitions share."""

    wrong_fraction: Share = 0.8
    """Share of the budget that goes to convincing wrong answers first (the paper's 80%)."""
    similarity: Share = 0.7
    """Minimum Jaccard similarity between the steps of near-duplicates."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """The labels to buy."""

    share: Rows
    """[P]: number of solutions to choose for each problem, at most its number of candidates."""
    labeled: Candidates
    settings: AcquisitionSettings
    rng: np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """A way to choose solutions."""

    choose: Callable[[Candidates, Request], Rows]
    """(candidates in the order drawn, request) -> rows of the candidates, ``share.sum()`` of them."""
    distinct: bool = True
    """Whether it sees each text once."""
    asks_selector: bool = True
    """Whether it reads a selector's scores."""


def acquire(
    name: str,
    candidates: Candidates,
    budget: int,
    settings: AcquisitionSettings,
    seed: int | Sequence[int],
    *,
    taken: Rows = NONE,
    uniform_share: float = 0.0,
) -> Rows:
    """Chooses the rows to label, ascending; the order of the candidates does not matter.

    Args:
        name: key in ``ACQUISITION_STRATEGIES``.
        candidates: R solutions.
        budget: solutions per problem.
        settings: see ``AcquisitionSettings``.
        seed: seed for draws.
        taken: rows that are already labeled; they and all equal texts are left out.
        uniform_share: share of the budget that is drawn uniformly first, 0 to 1.

    Returns:
        int64 [budget * P], no row twice.

    Raises:
        ValueError: the pool has fewer solutions (distinct ones, if they must be) than the budget, or there
            is no selector to use.
    """
    if budget < 1:
        raise ValueError(f"budget: found {budget}; allowed: 1 or more")
    if not 0 <= uniform_share <= 1:
        raise ValueError(f"uniform_share: found {uniform_share}; allowed: 0 to 1")
    acquisition = ACQUISITION_STRATEGIES[name]
    if acquisition.asks_selector and not len(candidates.convincing):
        raise ValueError(f"convincing: found no selector; allowed for {name}: one or more")
    drawn = np.lexsort((candidates.sample, candidates.problem))
    text = text_codes(candidates.problem, candidates.steps)
    if acquisition.distinct:
        drawn = drawn[first_of_equal(text[drawn])]
    drawn = drawn[~np.isin(text[drawn], text[taken])]
    known = candidates.take(drawn)
    share = _divide(budget, known.problem, int(candidates.problem.max()) + 1)
    rng = np.random.default_rng(seed)
    part, first = np.zeros_like(share), NONE
    if uniform_share:
        part = _fraction_of(share, uniform_share, rng)
        request = Request(share=part, labeled=candidates.take(taken), settings=settings, rng=rng)
        first = uniform(known, request)
    rest = np.setdiff1d(np.arange(len(known)), first)
    labeled = candidates.take(np.concatenate([taken, drawn[first]]))
    request = Request(share=share - part, labeled=labeled, settings=settings, rng=rng)
    chosen = rest[acquisition.choose(known.take(rest), request)]
    return np.sort(drawn[np.concatenate([first, chosen])])


def uniform(known: Candidates, request: Request) -> Rows:
    """Chooses the first of a random order drawn per problem; a larger budget includes a smaller one's."""
    count_P = np.bincount(known.problem, minlength=len(request.share))
    order_PM = request.rng.permuted(np.tile(np.arange(count_P.max()), (len(request.share), 1)), axis=1)
    place_PM = np.argsort(order_PM, axis=1)
    within = np.arange(len(known)) - np.repeat(np.cumsum(count_P) - count_P, count_P)
    return best_of_each(known.problem, -place_PM[known.problem, within].astype(np.float64), request.share)


def convincing_wrong_answers(known: Candidates, request: Request) -> Rows:
    """Chooses the most convincing wrong final answers first, then the most convincing of those that remain.

    If a problem has too few wrong ones, others fill its share.
    """
    score = known.convincing[0]
    wrong = np.flatnonzero(~known.final_correct)
    wanted = _fraction_of(request.share, request.settings.wrong_fraction, request.rng)
    first = wrong[best_of_each(known.problem[wrong], score[wrong], wanted)]
    remaining = np.setdiff1d(np.arange(len(known)), first)
    left = request.share - np.bincount(known.problem[first], minlength=len(request.share))
    return np.concatenate([first, remaining[best_of_each(known.problem[remaining], score[remaining], left)]])


def uncertainty(known: Candidates, request: Request) -> Rows:
    """Chooses the solutions whose steps the selector is least certain of."""
    return best_of_each(known.problem, known.entropy, request.share)


def disagreement(known: Candidates, request: Request) -> Rows:
    """Chooses the solutions on whose correctness (the product over steps) the selectors disagree most.

    Raises:
        ValueError: there is only one selector.
    """
    if len(known.convincing) < 2:
        raise ValueError("convincing: found one selector; allowed for disagreement: two or more")
    return best_of_each(known.problem, np.exp(known.convincing).std(axis=0), request.share)


def diverse(known: Candidates, request: Request) -> Rows:
    """Chooses convincing wrong answers, near-duplicates of labeled or chosen ones last."""
    wanted = _fraction_of(request.share, request.settings.wrong_fraction, request.rng)
    order = np.lexsort((-level(known.convincing[0], known.problem), known.problem))
    bounds = np.searchsorted(known.problem[order], np.arange(len(request.share) + 1))
    all_chosen: list[int] = []
    for p in range(len(request.share)):
        rows = order[bounds[p] : bounds[p + 1]]
        labeled = np.flatnonzero(request.labeled.problem == p).tolist()
        texts = [set(request.labeled.steps.row(row).tolist()) for row in labeled]
        chosen: list[int] = []
        for group, limit in ((rows[~known.final_correct[rows]], wanted[p]), (rows, request.share[p])):
            for row in group.tolist():
                if len(chosen) == limit:
                    break
                text = set(known.steps.row(row).tolist())
                if not _resembles_any(text, texts, request.settings.similarity):
                    chosen.append(row)
                    texts.append(text)
        left = [row for row in rows.tolist() if row not in chosen]
        all_chosen += [*chosen, *left[: request.share[p] - len(chosen)]]
    return np.array(all_chosen, dtype=np.int64)


ACQUISITION_STRATEGIES: dict[str, Acquisition] = {
    "uniform": Acquisition(choose=uniform, distinct=False, asks_selector=False),
    "uniform_distinct": Acquisition(choose=uniform, asks_selector=False),
    "convincing_wrong_answers": Acquisition(choose=convincing_wrong_answers),
    "uncertainty": Acquisition(choose=uncertainty),
    "disagreement": Acquisition(choose=disagreement),
    "diverse": Acquisition(choose=diverse),
}
"""Name -> acquisition."""


def text_codes(problem: npt.NDArray[np.integer], steps: Ragged) -> npt.NDArray[np.int64]:
    """Returns a code for each text, int64 [R]: equal codes are equal texts of one problem."""
    codes: dict[tuple[int, bytes], int] = {}
    keys = ((p, steps.row(row).tobytes()) for row, p in enumerate(problem.tolist()))
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)


def first_of_equal(text: npt.NDArray[np.int64]) -> Rows:
    """Returns the first row of each code from ``text_codes``, ascending."""
    return np.sort(np.unique(text, return_index=True)[1])


def _resembles_any(text: set[int], others: list[set[int]], similarity: float) -> bool:
    """Returns whether the Jaccard similarity between a text's steps and another's is at least this."""
    return any(len(text & other) >= similarity * len(text | other) for other in others)


def near_duplicates(texts: Ragged, similarity: float) -> npt.NDArray[np.bool_]:
    """Marks the texts that share enough steps with an earlier one that is not marked itself.

    Args:
        texts: steps of solutions of one problem, best first; equal codes are equal texts of steps.
        similarity: minimum Jaccard similarity between the steps of near-duplicates, 0 to 1.

    Returns:
        bool [len(texts)].
    """
    marked = np.zeros(len(texts), dtype=bool)
    unmarked: list[set[int]] = []
    for i in range(len(texts)):
        text = set(texts.row(i).tolist())
        marked[i] = _resembles_any(text, unmarked, similarity)
        if not marked[i]:
            unmarked.append(text)
    return marked


def _divide(budget: int, problem: npt.NDArray[np.integer], problems: int) -> Rows:
    """Divides the budget among the problems, none more than its candidates: int64 [P]."""
    count_P = np.bincount(problem, minlength=problems)
    if (total := budget * problems) > count_P.sum():
        raise ValueError(
            f"budget: found {budget} solutions per problem, {total} in all; allowed: {count_P.sum()} in all, "
            "as many as there are to choose from"
        )
    share = np.minimum(count_P, budget)
    for _ in range(int(total - share.sum())):
        share[np.argmax(count_P - share)] += 1
    return share


def _fraction_of(share: Rows, fraction: float, rng: np.random.Generator) -> Rows:
    """Takes a fraction of each problem's share, and exactly that fraction of their sum: int64 [P].

    What rounding down leaves over goes to problems drawn at random, one each, because a share of one cannot
    be split.
    """
    part = np.floor(fraction * share).astype(np.int64)
    order = rng.permutation(len(share))
    splittable = order[part[order] < share[order]]
    part[splittable[: round(fraction * int(share.sum())) - int(part.sum())]] += 1
    return part


def best_of_each(problem: npt.NDArray[np.integer], score: npt.NDArray[np.floating], share: Rows) -> Rows:
    """Returns the rows with the highest scores, ``share`` per problem; ties go to the one drawn first."""
    order = np.lexsort((-level(score, problem), problem))
    start = np.searchsorted(problem[order], np.arange(len(share)))
    place = np.arange(len(order)) - start[problem[order]]
    return order[place < share[problem[order]]]
