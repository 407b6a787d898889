"""Coverage and power of the estimate of data efficiency and of its primary test, by simulation.

``python tests/benchmarks/efficiency.py`` writes ``results/reference/data_efficiency.json`` and the table between
the marks of ``docs/data-efficiency.md``; ``--repeats`` sets how many experiments are simulated for each cell.

The truth is a saturating logistic in log labels, 0.35 + 0.5 / (1 + exp(-1.4 (log labels - log 3.5))), for the
baseline, and the same curve shifted by the true efficiency. A training's mean over problems lies off it by noise
of its own (standard deviation 0.055) and by noise that the trainings of one seed and way of choosing share (0.04).
Noise is Gaussian, or bimodal: 15% of seeds or trainings lie far below the others, with the same standard
deviations. Problems differ in level (0.28), in how they take to a way of choosing (0.05), and to one budget of it
(0.06); a training differs by 0.26 on single problems.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from results.acquisitions import RISING_BUDGETS
from results.data_efficiency import Curve, Efficiency, estimate_efficiency
from results.intervals import intervals, paired

ROOT = Path(__file__).parents[2]
JSON = ROOT / "results" / "reference" / "data_efficiency.json"
PAGE = ROOT / "docs" / "data-efficiency.md"
MARKS = "<!-- simulation: begin -->", "<!-- simulation: end -->"

DESIGNS = {
    "on the rise": ((1.5, 2, 3, 4, 6), (1, 2, 3, 4, 6, 8, 12, 16)),
    "doubling": ((1, 2, 4, 8), (1, 2, 4, 8)),
}
"""Design -> budgets of the curve and of the baseline, solutions per problem."""
EFFICIENCIES, SEEDS, NOISES = (1.0, 1.5, 2.6, 4.0), (5, 10, 20), ("Gaussian", "bimodal")
PROBLEMS = 300
LOW_SHARE = 0.15
"""Of bimodal noise: the share that lies below."""

Draw = tuple[Curve, Curve]


def experiment(
    rng: np.random.Generator, design: str, efficiency: float, seeds: int, noise: str, problems: int = PROBLEMS
) -> Draw:
    """A curve and its baseline, with a true efficiency."""

    def unit(*shape: int) -> np.ndarray:
        if noise == "Gaussian":
            return rng.normal(size=shape)
        return (LOW_SHARE - (rng.random(shape) < LOW_SHARE)) / np.sqrt(LOW_SHARE * (1 - LOW_SHARE))

    level_P = 0.28 * rng.normal(size=problems)
    made = []
    for budgets, gain in zip(DESIGNS[design], (efficiency, 1.0), strict=True):
        count = len(budgets)
        truth_K = 0.35 + 0.5 * expit(1.4 * np.log(gain * np.array(budgets) / 3.5))
        training_KS = truth_K[:, None] + 0.055 * unit(count, seeds) + 0.04 * unit(1, seeds)
        value_KSP = (
            training_KS[:, :, None]
            + level_P
            + 0.05 * rng.normal(size=problems)
            + 0.06 * rng.normal(size=(count, 1, problems))
            + 0.26 * rng.normal(size=(count, seeds, problems))
        )
        made.append(Curve(labels=np.array(budgets, dtype=float), seeds=np.arange(seeds), value=value_KSP))
    return made[0], made[1]


def gain_is_told(curve: Curve, baseline: Curve) -> bool:
    """Whether the primary test finds a gain over the preset budgets that both have."""
    at = [np.isin(one.labels, RISING_BUDGETS) & np.isin(one.labels, other.labels) for one, other in
          ((curve, baseline), (baseline, curve))]  # fmt: skip
    (gain,) = intervals([paired(curve.value[at[0]], baseline.value[at[1]]).mean(axis=0)])
    return bool(gain.lower > 0)


def measure_cell(
    estimator: Callable[[Curve, Curve], Efficiency], repeats: int, *cell: Any
) -> dict[str, float | None]:
    """Shares over simulated experiments; coverage is of those that are not refused, power is of all."""
    rng = np.random.default_rng(0)
    drawn = [experiment(rng, *cell) for _ in range(repeats)]
    return summary([estimator(*pair) for pair in drawn], cell[1]) | {
        "primary_test": float(np.mean([gain_is_told(*pair) for pair in drawn]))
    }


def summary(found: list[Efficiency], truth: float) -> dict[str, float | None]:
    """Refusals, coverage, power and the median estimate."""
    known = [one for one in found if not one.reason]
    return {
        "refused": 1 - len(known) / len(found),
        "coverage": 1 - float(np.mean([one.excludes(truth) for one in known])) if known else None,
        "power": float(np.mean([one.lower > 1 for one in found])),
        "median": float(np.median([one.estimate for one in known])) if known else None,
    }


def measure(repeats: int) -> list[dict[str, Any]]:
    """All cells: design, noise, seeds, efficiency, and what was found."""
    rows = []
    for design in DESIGNS:
        for noise in NOISES:
            for seeds in SEEDS:
                for truth in EFFICIENCIES:
                    cell = {"design": design, "noise": noise, "seeds": seeds, "efficiency": truth}
                    found = measure_cell(estimate_efficiency, repeats, design, truth, seeds, noise)
                    rows.append(cell | found)
                    print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown of what was measured; one row per design, noise and number of seeds."""
    heads = [
        "design",
        "noise",
        "seeds",
        *(
            f"{name} at {e:g}"
            for name in ("coverage", "excludes 1", "primary test", "refused")
            for e in EFFICIENCIES
        ),
    ]
    return str(heads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400, help="simulated experiments per cell")
    arguments = parser.parse_args()
    begin = time.time()
    rows = measure(arguments.repeats)
    print(time.time() - begin)


if __name__ == "__main__":
    main()
