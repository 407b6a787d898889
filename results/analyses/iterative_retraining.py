"""Iterative retraining in tables and words: each round's selector, and the ways of retraining."""

from typing import Any

import pandas as pd

from results.analyses.headline import Headline, reading_of, solves
from results.analyses.retraining_rounds import (
    NUMBERS,
    WORDS,
    difference,
    last_round,
    measure_cell,
    measure_words,
    of_rounds,
)
from results.analyses.selector_stability import causes_sentence, judge, rule_sentence, signs_sentence
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import Table, heads, read, whole, word
from results.vocabulary import WAYS

_PAIRS = (
    *(("train_on", "one_shot"), ("from_base", "one_shot"), ("uniform_share", "one_shot")),
    *(("from_base", "train_on"), ("uniform_share", "train_on")),
)
"""Pairs of a way and the way it is compared with."""


def rounds_table(frame: pd.DataFrame) -> Table:
    """Tabulate what each round's selector solves, how stable it is, and how well calibrated."""
    metrics = (
        *("best_of_n", "rank_correlation", "pool_calibration_error", "pool_agreement"),
        *("chosen_calibration_error", "chosen_agreement"),
    )
    lead = (
        "Test problems solved and calibration errors in percent, with 95% intervals. The rank correlation "
        "is taken over the distinct solutions of a problem, between the scores of the round's selector and "
        "of the one before it (all at once: the first selector). Calibration and AUROC of P(step is right) "
        "against the labeler's labels up to the first error: of the round's selector on the pool, and of the "
        "selector that chose the new solutions on these."
    )
    return _by_round(frame, "rounds", "Selectors by round", lead, metrics)


def chosen_table(frame: pd.DataFrame) -> Table:
    """Tabulate the class balance and near-duplicates of each round's labels."""
    metrics = ("chosen_right", "chosen_error_free", "chosen_steps_right", "chosen_repeats")
    lead = (
        "Percent of the solutions labeled in a round that end right, that have no incorrect step according "
        "to the labeler, and that repeat a labeled solution of their problem (by the Jaccard similarity of "
        "their steps), and of the labeled steps that are right; with 95% intervals over seeds."
    )
    return _by_round(frame, "chosen", "What was labeled, by round", lead, metrics)


def _by_round(frame: pd.DataFrame, id: str, title: str, lead: str, metrics: tuple[str, ...]) -> Table:
    n = comparison_n(frame)
    summary = summarize(of_rounds(frame))
    best = at_n(summary[summary["metric"] == "best_of_n"], n)
    summary = pd.concat([best, summary[summary["n"].isna()]])
    names = (measure_words(metric, n) for metric in metrics)
    rows = []
    for way, words in WORDS.items():
        groups: Any = summary[summary["variant"] == way].groupby("level", sort=True)
        for level, group in groups:
            found = {row.metric: row for row in rows_of(group)}
            cells = (measure_cell(metric, found.get(metric)) for metric in metrics)
            scale = whole(group["data_scale"].iloc[0])
            rows.append((word(words), whole(level), scale, *cells, whole(group["seeds"].max())))
    return Table(
        id=id,
        title=title,
        lead=lead,
        heads=heads("way", "round", "labeled", *names, "seeds", text=("way",)),
        rows=tuple(rows),
    )


def ways_table(frame: pd.DataFrame) -> Table:
    """Tabulate differences between ways after the last round."""
    n, last = comparison_n(frame), last_round(frame)
    rows = []
    for metric in ("best_of_n", "rank_correlation"):
        for first, second in _PAIRS:
            if metric == "rank_correlation" and second == "one_shot":
                continue  # its previous selector was the first one, not that of the previous round
            found = difference(frame, metric, (first, last), (second, last), n)
            if found is not None:
                names = (measure_words(metric, n), WAYS[first].words, WAYS[second].words)
                cells = measure_cell(metric, found, signed=True), read(found, in_points=metric not in NUMBERS)
                rows.append((*map(word, names), *cells, whole(found.seeds)))
    return Table(
        id="ways",
        title="Differences between ways after the last round",
        lead=(
            "Paired by problem and seed, with 95% intervals, not corrected for their number; best-of-N in "
            "points."
        ),
        heads=heads(
            *("measure", "way", "minus", "difference", "reading", "seeds"),
            text=("measure", "way", "minus", "reading"),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether retraining pays, whether it is stable, and which causes the rules support."""
    if not frame["variant"].isin(list(WAYS)).any():
        return Headline(sentence="The records hold no round after the first.")
    n, last = comparison_n(frame), last_round(frame)
    readings = []
    result = "training on is not compared with choosing all at once"
    for first, second in _PAIRS:
        found = difference(frame, "best_of_n", (first, last), (second, last), n)
        if found is None:
            continue
        readings.append(reading_of(f"{WAYS[first].words} minus {WAYS[second].words}", found))
        if (first, second) == ("train_on", "one_shot"):
            other = "one taught what the first selector chose all at once"
            result = solves("a selector that is trained on every round", found, other)
    judged = judge(frame)
    sentence = f"With best-of-{n}, {result}. {signs_sentence(judged)} {causes_sentence(judged)}"
    return Headline(sentence=sentence, readings=tuple(readings), further=tuple(map(rule_sentence, judged)))
