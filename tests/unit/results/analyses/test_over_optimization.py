"""Ways to use N, ensembles and blind spots, on records worked by hand."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.analyses import over_optimization as analysis
from results.analyses.over_optimization import CHOSEN, HINDSIGHT, LARGEST, VOTE
from results.claim_differences import between_ensembles, between_uses_of_n
from results.claims import FALL, NO_FALL, Claim
from results.findings import findings
from results.tables.rendering import text_of
from results.vocabulary import ONE_MODEL

PROBLEMS = 40
NS = (1, 2, 4)
VALIDATION = {0: (0.4, 0.6, 0.5), 1: (0.4, 0.6, 0.6), None: (0.4, 0.5, 0.7)}
"""Best-of-1, -2 and -4 on validation problems: both models choose 2 (the smaller of two), the ensemble 4."""
TEST = {0: (0.4, 0.5, 0.2), 1: (0.4, 0.7, 0.4), None: (0.4, 0.9, 0.8)}
"""On test problems: the models' mean is highest at 2, and so is the ensemble."""


def solved(share: float) -> np.ndarray:
    """The first problems are solved."""
    return (np.arange(PROBLEMS) < share * PROBLEMS).astype(float)


@pytest.fixture
def frame(record: Any, records_frame: Any) -> pd.DataFrame:
    rows = []
    for seed in (0, 1, None):
        made = []
        for n, held, tested in zip(NS, VALIDATION[seed], TEST[seed], strict=True):
            values = {"kept_best_of_n": held, "best_of_n": tested, "believed_right": 0.9, "top_right": 0.3}
            values |= {"weighted_vote": 0.6} if n == 4 else {}
            for metric, share in values.items():
                made.append(record("final_answer", solved(share), seed or 0, n, metric=metric))
        several = {"variant": "mean_score", "seed": None}
        rows += [replace(row, **({"variant": ONE_MODEL} if seed is not None else several)) for row in made]
    rows.append(record("oracle", np.ones(PROBLEMS), None, n=4, metric="pass_at_n"))
    return records_frame(rows)


def by_hand(frame: pd.DataFrame, first: float, second: float) -> dict[str, float]:
    found = analysis.between_uses(frame, first, second)
    return dict(zip(found["variant"], found["estimate"].round(12), strict=True))


def test_n_is_chosen_on_validation_problems_by_each_model(frame: pd.DataFrame) -> None:
    chosen = analysis.chosen_ns(frame)
    ns = {None if pd.isna(row.seed) else int(row.seed): int(row.n) for row in chosen.itertuples()}
    assert ns == {0: 2, 1: 2, None: 4} and analysis.largest_n(frame) == 4
    # Models: (0.5 - 0.2 + 0.7 - 0.4) / 2 = 0.3. The ensemble chooses the largest N.
    assert by_hand(frame, CHOSEN, LARGEST) == {ONE_MODEL: 0.3, "mean_score": 0.0}
    # Models choose the best N, 2 (0.6 on average); the ensemble 4 with 0.8, not 2 with 0.9.
    assert by_hand(frame, CHOSEN, HINDSIGHT) == {ONE_MODEL: 0.0, "mean_score": -0.1}
    # The vote solves 0.6: models 0.6 - (0.2 + 0.4) / 2.
    assert by_hand(frame, VOTE, LARGEST) == {ONE_MODEL: 0.3, "mean_score": -0.2}


def test_an_ensemble_is_compared_with_each_of_its_models(frame: pd.DataFrame) -> None:
    (row,) = analysis.between_ensembles(frame, "mean_score", ONE_MODEL).itertuples()
    # 0.8 minus 0.2 and minus 0.4, of two seeds
    assert row.estimate == pytest.approx(0.5) and row.seeds == 2 and row.problems == PROBLEMS
    (row,) = analysis.between_ensembles(frame, "mean_score", ONE_MODEL, CHOSEN).itertuples()
    assert row.estimate == pytest.approx(0.8 - 0.6)


def test_blind_spots_that_models_share(frame: pd.DataFrame) -> None:
    table = analysis.blind_spots_table(frame)
    assert table is not None
    ((arm, labeled, one, all_at_once, independent, mean),) = ([text_of(c) for c in row] for row in table.rows)
    assert (arm, labeled) == ("final-answer outcome", "4")
    # One model errs on 0.8 and 0.6 of the problems, nested: both on 0.6. Independent: 0.8 * 0.6 = 0.48.
    assert one.startswith("70.0 [") and all_at_once.startswith("60.0 [") and independent == "48.0"
    assert mean.startswith("20.0 [")


def test_tables_and_headline(frame: pd.DataFrame) -> None:
    choice, ensembles, tail = (
        make(frame) for make in (analysis.choice_table, analysis.ensembles_table, analysis.tail_table)
    )
    assert choice is not None and ensembles is not None and tail is not None
    alone, several = ([text_of(cell) for cell in row] for row in choice.rows)
    assert alone[2:4] == ["one model", "2"] and alone[4].startswith("60.0") and alone[5].startswith("+30.0")
    assert several[2:4] == ["mean of the models", "4"] and several[8].startswith("-10.0")
    assert text_of(ensembles.rows[0][3]).startswith("+50.0")
    belief = [text_of(cell) for cell in tail.rows[0]]
    assert belief[3].startswith("90.0") and belief[4].startswith("30.0")
    assert belief[5] == "-"  # no oracle judged the steps
    assert analysis.headline(frame).sentence == (
        "With 4 labeled per problem, one model solves: final-answer outcome 60.0% with N chosen on "
        "validation problems and 30.0% with N = 4 (80.0% by the mean of the models)."
    )


def test_claims_on_ways_to_use_n(frame: pd.DataFrame) -> None:
    falls = partial(between_uses_of_n, ("final_answer",), ONE_MODEL, CHOSEN, LARGEST)
    close = partial(between_uses_of_n, ("final_answer",), ONE_MODEL, CHOSEN, HINDSIGHT)
    several = partial(between_uses_of_n, ("final_answer",), "mean_score", CHOSEN, HINDSIGHT)
    better = partial(between_ensembles, "final_answer", "mean_score", ONE_MODEL)
    (found,) = falls(frame)
    assert (found.arm, found.against) == ("N chosen on validation problems", "N = 4")
    assert (found.where, found.n, found.seeds) == ("4 labeled", 4, 2)
    assert close(frame) == []  # all models chose the best N
    claims = [
        Claim(text="falls", differences=falls, within=FALL),
        Claim(text="close", differences=several, within=NO_FALL),
        Claim(text="better", differences=better),
    ]
    estimates = [finding.weakest.found.estimate for finding in findings(frame, claims)]
    assert estimates == pytest.approx([0.3, -0.1, 0.5])
    assert falls(frame, scales=slice(1, None)) == []  # there is only one data scale


def test_nothing_without_ensembles(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("final_answer", [0.5, 1.0], 0)])
    assert analysis.choice_table(frame) is analysis.ensembles_table(frame) is None
    assert analysis.tail_table(frame) is analysis.blind_spots_table(frame) is None
    assert analysis.headline(frame).sentence == "The records hold no models by large N."
    assert between_uses_of_n(("final_answer",), ONE_MODEL, CHOSEN, LARGEST, frame) == []
    assert between_ensembles("final_answer", "mean_score", ONE_MODEL, frame) == []
