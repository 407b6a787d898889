"""What a pilot's records offer and what it costs, with the arithmetic shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from ablations.supervision import TARGETS, OracleArm, rolls_out
from results.analyses.pilot import Option, Price, read_pilot
from results.stats.data_efficiency import Curve
from results.vocabulary import ACQUISITIONS, ARMS, PURCHASES, STUDENT_ARMS

PRICES = {"step_label": 0.05, "judged_solution": 0.15, "answer_check": 0.01, "rollout": 0.002}


def option(arm: str = "process", acquisition: str = "uniform", labels: float = 4.0) -> Option:
    """100 problems with 1, 2 and 4 solutions labeled of each; 64 to choose from."""
    curve = Curve(labels=np.array([100.0, 200.0, 400.0]), seeds=np.arange(2), value=np.ones((3, 2, 6)))
    return Option(
        arm=arm, acquisition=acquisition, scales=(1, 2, 4), curve=curve, labels=labels, candidates=64
    )


def price(one: Option, **more: int) -> Price:
    found = one.price(PRICES, **more)
    assert isinstance(found, Price)
    return found


def test_what_the_suite_knows_has_a_price() -> None:
    """Every arm that learns from labels that can be bought, and every acquisition."""
    for name, target in TARGETS.items():
        assert (ARMS[name].buys is None) == (isinstance(target, OracleArm) or rolls_out(name)), name
        assert ARMS[name].buys in (*PURCHASES, None)
    assert {name for name, arm in ARMS.items() if arm.buys} <= set(STUDENT_ARMS)
    for name, strategy in ACQUISITION_STRATEGIES.items():
        candidate = ACQUISITIONS[name].candidate
        assert set(candidate) <= set(PURCHASES)
        assert bool(candidate) == (strategy.distinct or strategy.asks_selector), name


def test_prices_by_hand() -> None:
    """4 step labels at 0.05 and a rollout at 0.002; 6400 candidates at 0.002, or checked at 0.012."""
    uniform = price(option())
    assert (uniform.fixed, uniform.each, uniform.label) == pytest.approx((0, 0.202, 0.05))
    assert uniform.solutions(101) == pytest.approx(500) and uniform.money(500) == pytest.approx(101)
    distinct = price(option(acquisition="uniform_distinct"))
    assert (distinct.fixed, distinct.each) == pytest.approx((12.8, 0.2))
    chosen = price(option(acquisition="convincing_wrong_answers"))
    assert (chosen.fixed, chosen.each) == pytest.approx((76.8, 0.2))
    assert chosen.solutions(50) == 0 and chosen.solutions(96.8) == pytest.approx(100)
    fewer = price(option(acquisition="convincing_wrong_answers"), candidates=10, problems=50)
    assert fewer.fixed == pytest.approx(6)  # 500 candidates
    answers = price(option("final_answer", labels=1.0))
    assert (answers.fixed, answers.each, answers.label) == pytest.approx((0, 0.012, 0.01))


def test_candidates_whose_answers_are_checked_need_no_second_check() -> None:
    found = price(option("final_answer", "convincing_wrong_answers", 1.0))
    assert (found.fixed, found.each) == pytest.approx((76.8, 0)) and np.isnan(found.label)
    assert found.solutions(77) == np.inf


def test_what_has_no_price() -> None:
    def reason(one: Option, *missing: str) -> object:
        return one.price({name: value for name, value in PRICES.items() if name not in missing})

    assert reason(option(), "step_label") == "no price for step labels"
    assert reason(option(acquisition="diverse"), "answer_check") == "no price for answer checks"
    assert reason(option("oracle_outcome")) == "its labels have no price here"
    assert "acquisition" in str(reason(option(acquisition="guessed")))
    assert "how many" in str(reason(replace(option(acquisition="diverse"), candidates=None)))


def test_the_options_of_records(made_frame: pd.DataFrame) -> None:
    """60 problems, 400 steps for 60 solutions, four data scales, three seeds."""
    pilot = read_pilot({"one": made_frame})
    assert pilot.n == 64 and not pilot.left_out
    assert [one.arm for one in pilot.options] == ["process", "prm_outcome", "final_answer"]
    process, outcome, _ = pilot.options
    assert process.scales == (1, 4, 16, 64) and process.curve.labels.tolist() == [60, 240, 960, 3840]
    assert process.labels == pytest.approx(400 / 60) and outcome.labels == 1
    assert process.problems == 60 and process.candidates is None
    assert process.curve.value.shape == (4, 3, 60) and process.words == "process supervision, uniform"
    rows = made_frame[(made_frame["arm"] == "process") & (made_frame["metric"] == "best_of_n")]
    one = rows[(rows["data_scale"] == 16) & (rows["seed"] == 1) & (rows["n"] == 64)]
    assert process.curve.value[2, 1] == pytest.approx(np.array(one["problem_values"].iloc[0]))
    assert read_pilot({"one": made_frame}, 8).ceiling_P.mean() < pilot.ceiling_P.mean()


def test_runs_are_joined(made_frame: pd.DataFrame) -> None:
    """Cells of both count once; one seed that only one run has is left out."""
    scales = made_frame["data_scale"]
    few = made_frame[scales.isna() | (scales <= 4)]
    rest = made_frame[scales.isna() | (scales >= 4)]
    whole = read_pilot({"one": made_frame}).options[0]
    joined = read_pilot({"few": few, "rest": rest}).options[0]
    assert joined.curve.value.tolist() == whole.curve.value.tolist()
    seeds = read_pilot({"few": few, "rest": rest[rest["seed"].isna() | (rest["seed"] > 0)]}).options[0]
    assert seeds.curve.seeds.tolist() == [1, 2]


def test_models_of_folds_are_not_added_up(made_frame: pd.DataFrame) -> None:
    """The records hold the sum over the folds' models; each learned from a third."""
    config = '{"chosen": [{}, {}, {}], "source": {"samples": 32}}'
    one = read_pilot({"one": made_frame.assign(config=config)}).options[0]
    assert one.curve.labels.tolist() == [20, 80, 320, 1280]
    assert one.labels == pytest.approx(400 / 60) and one.candidates == 32


def test_what_is_too_little_is_left_out(made_frame: pd.DataFrame) -> None:
    scales, seeds = made_frame["data_scale"], made_frame["seed"]
    process = made_frame["arm"] == "process"
    two_scales = read_pilot({"one": made_frame[~process | scales.isin([1, 4])]})
    assert two_scales.left_out == {"process supervision, uniform": "2 data scales, needs 3"}
    assert len(two_scales.options) == 2
    one_seed = read_pilot({"one": made_frame[seeds.isna() | (seeds == 0)]})
    assert not one_seed.options and set(one_seed.left_out.values()) == {"1 seeds in common, needs 2"}
    few = made_frame.assign(
        problem_values=made_frame["problem_values"].map(lambda v: None if v is None else v[:5])
    )
    assert set(read_pilot({"one": few}).left_out.values()) == {"5 problems in common, needs 6"}


def test_what_is_no_pilot(made_frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="at: found no best-of-3 of students in the records; allowed: 1, "):
        read_pilot({"one": made_frame}, 3)
    with pytest.raises(ValueError, match="run: found no pass@1 per problem in one; allowed"):
        read_pilot({"one": made_frame[made_frame["arm"] != "random"]})
    other = made_frame.assign(dataset="world_b")
    with pytest.raises(ValueError, match=r"run: found 60 problems of world_a and .* in one and two; allowed"):
        read_pilot({"one": made_frame, "two": other})
    changed = made_frame.assign(value=made_frame["value"] / 2)
    with pytest.raises(ValueError, match=r"run: found different .* labeled per problem in one and two"):
        read_pilot({"one": made_frame, "two": changed})
