"""Over-optimization: best-of-N up to large N, N chosen on validation problems, ensembles, and blind spots."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from results.analyses.headline import Headline, listed, reading_of
from results.stats.differences import contrasts, corrected
from results.stats.intervals import clip, mean_interval
from results.stats.summaries import at_n, rows_of, summarize
from results.tables.rendering import (
    HOLM,
    Cell,
    Table,
    arm_cell,
    estimate_cell,
    heads,
    points,
    share_cell,
    tested,
    whole,
    word,
)
from results.vocabulary import ENSEMBLES, ONE_MODEL, STUDENT_ARMS, arm_words

CHOSEN, LARGEST, HINDSIGHT, VOTE = 0.0, 1.0, 2.0, 3.0
"""Ways to use N, as levels of ``by_use``: N chosen on validation problems, the largest N, the best N on test
problems, and a vote of the largest N weighted by the probabilities of being right."""

_KIND = ["arm", "data_scale", "variant"]
_TOP_SHARES = (1 / 2, 1 / 16, 1 / 128)
"""Best-scored shares of a problem's solutions whose share of right ones is tabulated."""
_TEXT = ("arm", "scored by", "reading")


def of_ensembles(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of ``ENSEMBLES``, from records or their summary."""
    return frame[frame["variant"].isin(list(ENSEMBLES)) & frame["arm"].isin(list(STUDENT_ARMS))]


def largest_n(frame: pd.DataFrame) -> int:
    """Return the largest N of best-of-N, which is a single draw of all solutions."""
    rows = of_ensembles(frame)
    return int(rows[rows["metric"] == "best_of_n"]["n"].max())


def chosen_ns(frame: pd.DataFrame) -> pd.DataFrame:
    """Choose the N with the highest best-of-N on validation problems, the smallest of several.

    Returns:
        Columns arm, data_scale, variant, seed and n: one row per model or ensemble.
    """
    return _highest(of_ensembles(frame), "kept_best_of_n", [*_KIND, "seed"])


def by_use(frame: pd.DataFrame) -> pd.DataFrame:
    """Return best-of-N on test problems under each way to use N, which becomes the level; n is 0."""
    rows = of_ensembles(frame)
    best = rows[rows["metric"] == "best_of_n"]
    uses = {
        CHOSEN: best.merge(chosen_ns(frame), on=[*_KIND, "seed", "n"]),
        LARGEST: at_n(best, largest_n(frame)),
        HINDSIGHT: best.merge(_highest(best, "best_of_n", _KIND), on=[*_KIND, "n"]),
        VOTE: rows[rows["metric"] == "weighted_vote"].assign(metric="best_of_n"),
    }
    return pd.concat([found.assign(level=level, n=0) for level, found in uses.items()])


def use_words(use: float, frame: pd.DataFrame) -> str:
    """Name a way to use N."""
    return {
        CHOSEN: "N chosen on validation problems",
        LARGEST: f"N = {largest_n(frame)}",
        HINDSIGHT: "the best N in hindsight",
        VOTE: "weighted vote",
    }[use]


def between_uses(frame: pd.DataFrame, first: float, second: float) -> pd.DataFrame:
    """Estimate one way to use N minus another, for each model and ensemble, in the order of tables."""
    return in_order(contrasts(by_use(frame), "level", [(first, second)], "best_of_n", 0))


def between_ensembles(frame: pd.DataFrame, first: str, second: str, use: float = LARGEST) -> pd.DataFrame:
    """Estimate one key of ``ENSEMBLES`` minus another, per arm and data scale, in the order of tables."""
    rows = by_use(frame)
    return in_order(contrasts(rows[rows["level"] == use], "variant", [(first, second)], "best_of_n", 0))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by arm, data scale and variant, in the order of the vocabulary."""
    order = {name: place for names in (STUDENT_ARMS, ENSEMBLES) for place, name in enumerate(names)}
    return rows.sort_values(_KIND, key=lambda column: column.map(lambda value: order.get(value, value)))


def choice_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the N chosen on validation problems, and what it gains over the largest N."""
    if of_ensembles(frame).empty:
        return None
    n, ns = largest_n(frame), chosen_ns(frame)
    summary = summarize(by_use(frame))
    gains = corrected(between_uses(frame, CHOSEN, LARGEST))
    lost, voted = (
        {_key(row): share_cell(row, signed=True) for row in rows_of(between_uses(frame, first, second))}
        for first, second in ((CHOSEN, HINDSIGHT), (VOTE, CHOSEN))
    )
    rows = []
    for gain in rows_of(gains):
        uses = {row.level: share_cell(row) for row in rows_of(_like(summary, gain))}
        chosen = sorted({int(one) for one in _like(ns, gain)["n"]})
        shown = str(chosen[0]) if len(chosen) == 1 else f"{chosen[0]} to {chosen[-1]}"
        further = (lost[_key(gain)], uses[VOTE], voted[_key(gain)])
        rows.append((*_named(gain), word(shown), uses[CHOSEN], *tested(gain), *further))
    return Table(
        id="chosen-n",
        title="N chosen on validation problems",
        lead=(
            "Each model and each ensemble takes the N with the highest best-of-N on validation problems. "
            f"Test problems solved, percent; points above best-of-{n}, and from the best N in hindsight, "
            f"paired by problem and seed, with 95% intervals. {HOLM} Vote: of all {n}, weighted by the "
            "probability of being right, and points above N chosen. An ensemble is one set of models: its "
            "intervals are over problems."
        ),
        heads=heads(
            *("arm", "labeled", "scored by", "N", "best of N", f"minus best-of-{n}", "p", "reading"),
            *("minus best in hindsight", "vote", "vote minus N chosen"),
            text=(*_TEXT, "N"),
        ),
        rows=tuple(rows),
    )


def ensembles_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate ensembles minus one of their models, at the largest N and at the N chosen for each."""
    others = [name for name in ENSEMBLES if name != ONE_MODEL]
    if not of_ensembles(frame)["variant"].isin(others).any():
        return None
    n = largest_n(frame)
    uses = [
        pd.concat([between_ensembles(frame, name, ONE_MODEL, use) for name in others])
        for use in (LARGEST, CHOSEN)
    ]
    at_largest, at_chosen = ({_key(row): row for row in rows_of(corrected(found))} for found in uses)
    return Table(
        id="ensembles",
        title="Ensembles minus one model",
        lead=(
            f"Points in best-of-{n}, and with N chosen for each on validation problems, paired by problem "
            f"and seed, with 95% intervals. {HOLM} An ensemble's models differ only in their seed, and one "
            "model is any of them."
        ),
        heads=heads(
            *("arm", "labeled", "scored by", f"best-of-{n}", "p", "reading"),
            *("N chosen", "p, N chosen", "reading, N chosen"),
            text=(*_TEXT, "reading, N chosen"),
        ),
        rows=tuple(
            (*_named(row), *tested(row), *tested(at_chosen[_key(row)]))
            for row in rows_of(in_order(pd.DataFrame(at_largest.values())))
        ),
    )


def tail_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate what each model believes of the best-scored solutions, and what they are."""
    rows = of_ensembles(frame)
    if rows.empty:
        return None
    n, summary = largest_n(frame), in_order(summarize(rows))
    tops = [max(1, round(n * share)) for share in _TOP_SHARES]
    groups: Any = summary.groupby(_KIND, sort=False)
    body = []
    for _, group in groups:
        metric = {name: part for name, part in group.groupby("metric")}
        found = [_at(metric, name, n) for name in ("believed_right", "best_of_n", "best_of_n_error_free")]
        cells = [share_cell(row) for row in [*found, *(_at(metric, "top_right", top) for top in tops)]]
        aurocs = [_at(metric, "solution_auroc"), _at(metric, "top_auroc", tops[1])]
        body.append((*_named(next(rows_of(group))), *cells, *(estimate_cell(row, 2) for row in aurocs)))
    return Table(
        id="tail",
        title="The best-scored solutions: belief and truth",
        lead=(
            f"Best of all {n} solutions of a problem, percent, with 95% intervals: the probability that the "
            "model gives to its being right, how often it is, and how often without a wrong step by the "
            f"oracle. Top: share of right ones among the best-scored {listed([str(top) for top in tops])}. "
            "AUROC: of right against wrong solutions of a problem, among all of them and among the top "
            f"{tops[1]}."
        ),
        heads=heads(
            *("arm", "labeled", "scored by", "believed", "right", "error-free"),
            *(f"top {top}" for top in tops),
            *("AUROC", f"AUROC of top {tops[1]}"),
            text=_TEXT,
        ),
        rows=tuple(body),
    )


def blind_spots(frame: pd.DataFrame) -> Iterator[tuple[Any, np.ndarray]]:
    """Find how often the best-scored of all solutions is wrong although a right one is among them.

    Yields:
        The first row of each kind of model, and float64 [seeds, problems]: 1 where its best-scored solution
        is wrong, a share where solutions tie.
    """
    n = largest_n(frame)
    solvable = at_n(frame[frame["metric"] == "pass_at_n"], n)["problem_values"].iloc[0]
    rows = of_ensembles(frame)
    groups: Any = in_order(at_n(rows[rows["metric"] == "best_of_n"], n)).groupby(_KIND, sort=False)
    for _, group in groups:
        yield next(rows_of(group)), np.asarray(solvable) - np.stack(list(group["problem_values"]))


def blind_spots_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate problems on which the best-scored solution is wrong, for one model and for all at once."""
    if of_ensembles(frame).empty:
        return None
    found = {_key(row): (row, blind_SP) for row, blind_SP in blind_spots(frame)}
    others = [name for name in ENSEMBLES if name != ONE_MODEL and name in {key[2] for key in found}]
    rows = []
    for (arm, data_scale, variant), (row, blind_SP) in found.items():
        if variant != ONE_MODEL:
            continue
        several = [found[arm, data_scale, name][1] for name in others]
        one, all_at_once, *ensembles = (
            share_cell(clip(mean_interval(value_SP), 0, 1))
            for value_SP in (blind_SP, blind_SP.min(axis=0, keepdims=True), *several)
        )
        independent = points(float(np.prod(blind_SP.mean(axis=1))))
        rows.append((*_named(row)[:2], one, all_at_once, independent, *ensembles))
    n = largest_n(frame)
    return Table(
        id="blind-spots",
        title="Blind spots, shared and not",
        lead=(
            f"Problems where the best-scored of all {n} solutions is wrong although a right one is among "
            "them, percent, with 95% intervals: for one model; for all models at once, and how many that "
            "would be if they erred independently; and for ensembles."
        ),
        heads=heads(
            *("arm", "labeled", "one model", "all models", "all, if independent"),
            *(ENSEMBLES[name].words for name in others),
            text=("arm",),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say what one model solves with N chosen, with the largest N, and in an ensemble; fewest labels."""
    rows = of_ensembles(frame)
    if rows.empty:
        return Headline(sentence="The records hold no models by large N.")
    n, fewest = largest_n(frame), int(rows["data_scale"].min())
    summary = summarize(by_use(frame))
    solved = {(*_key(row), row.level): f"{100 * row.estimate:.1f}%" for row in rows_of(summary)}
    clauses = []
    for arm in [arm for arm in STUDENT_ARMS if arm in set(rows["arm"])]:
        one = [solved[arm, fewest, ONE_MODEL, use] for use in (CHOSEN, LARGEST)]
        clause = f"{one[0]} with N chosen on validation problems and {one[1]} with N = {n}"
        if (several := solved.get((arm, fewest, "mean_score", LARGEST))) is not None:
            clause += f" ({several} by the mean of the models)"
        clauses.append(f"{arm_words(arm)} {clause}")
    falls = between_uses(frame, CHOSEN, LARGEST)
    readings = tuple(
        reading_of(f"{arm_words(row.arm)}, {row.data_scale} labeled: N chosen minus N = {n}", row)
        for row in rows_of(corrected(falls[falls["variant"] == ONE_MODEL]))
    )
    return Headline(
        sentence=f"With {fewest} labeled per problem, one model solves: {'; '.join(clauses)}.",
        readings=readings,
    )


def _highest(rows: pd.DataFrame, metric: str, group: list[str]) -> pd.DataFrame:
    """Return the smallest N with the highest mean of a metric, per group: the columns of the group and n."""
    curves = rows[rows["metric"] == metric].groupby([*group, "n"], dropna=False)["value"].mean().reset_index()
    return curves.loc[curves.groupby(group, dropna=False)["value"].idxmax(), [*group, "n"]]


def _key(row: Any) -> tuple[str, int, str]:
    return row.arm, int(row.data_scale), row.variant


def _like(frame: pd.DataFrame, row: Any) -> pd.DataFrame:
    """Return the rows of the same arm, data scale and variant."""
    same = [frame[name] == getattr(row, name) for name in _KIND]
    return frame[same[0] & same[1] & same[2]]


def _named(row: Any) -> tuple[Cell, Cell, Cell]:
    return arm_cell(row.arm), whole(row.data_scale), word(ENSEMBLES[row.variant].words)


def _at(metric: dict[str, pd.DataFrame], name: str, n: int | None = None) -> Any:
    """Return the row of a metric at an n; None if there is none."""
    rows = metric.get(name)
    if rows is None:
        return None
    return next(rows_of(rows if n is None else at_n(rows, n)), None)
