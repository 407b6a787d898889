"""Coverage and power of the estimate of data efficiency and of its primary test, by simulation.

``python tests/benchmarks/efficiency.py`` writes ``results/reference/data_efficiency.json`` and the table
between the marks of ``docs/results/data-efficiency.md``; with ``--table`` only the table, from the JSON.

The true curve of the baseline is a saturating logistic in log labels, which rises from 0.35 to 0.85 with
slope 1.4 and is halfway at 3.5 solutions per problem; the other curve is the same, shifted by the true
efficiency. The mean of a training differs from it by noise of its own (standard deviation 0.055) and by noise
that the trainings of one seed and curve share (0.04). Noise is Gaussian, or bimodal: 15% of seeds and
trainings are far below the others, with the same standard deviations. Problems differ in level (0.28), in the
effect of the curve (0.05), also at one budget (0.06); a training varies by 0.26 on single problems.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from results.analyses.acquisition_comparisons import RISING_BUDGETS
from results.stats.data_efficiency import Curve, Efficiency, estimate_efficiency
from results.stats.intervals import ALPHA, mean_interval, subtract_shares

ROOT = Path(__file__).parents[2]
JSON = ROOT / "results" / "reference" / "data_efficiency.json"
PAGE = ROOT / "docs" / "results" / "data-efficiency.md"
MARKS = ("<!-- simulation: begin -->\n", "<!-- simulation: end -->\n")

DESIGNS = {
    "on the rise": ((1.5, 2, 3, 4, 6), (1, 2, 3, 4, 6, 8, 12, 16)),
    "doubling": ((1, 2, 4, 8), (1, 2, 4, 8)),
}
"""Design -> budgets of the curve and of the baseline, solutions per problem."""
EFFICIENCIES, SEEDS, NOISES = (1.0, 1.5, 2.6, 4.0), (5, 10, 20), ("Gaussian", "bimodal")
PROBLEMS = 300
LOW_SHARE = 0.15
"""Share of bimodal noise that is below the rest."""
MEASURES = {
    "coverage": "95% interval holds the truth",
    "power": "interval lies above 1",
    "primary_test": "primary test finds a gain",
    "refused": "no estimate",
}
"""Measure -> heading."""

Row = dict[str, Any]


def experiment(
    rng: np.random.Generator, design: str, efficiency: float, seeds: int, noise: str, problems: int = PROBLEMS
) -> tuple[Curve, Curve]:
    """Draws a curve and its baseline, with a true efficiency."""

    def unit(*shape: int) -> np.ndarray:
        if noise == "Gaussian":
            return rng.normal(size=shape)
        return (LOW_SHARE - (rng.random(shape) < LOW_SHARE)) / np.sqrt(LOW_SHARE * (1 - LOW_SHARE))

    level_P = 0.28 * rng.normal(size=problems)
    curves = []
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
        curves.append(Curve(labels=np.array(budgets, dtype=float), seeds=np.arange(seeds), value=value_KSP))
    return curves[0], curves[1]


def finds_gain(curve: Curve, baseline: Curve) -> bool:
    """Returns whether the primary test finds a gain over the preset budgets of both."""
    budgets = [b for b in RISING_BUDGETS if b in curve.labels and b in baseline.labels]
    one, other = (of.value[np.isin(of.labels, budgets)] for of in (curve, baseline))
    gain = mean_interval(subtract_shares(one, other).mean(axis=0))
    return bool(gain.p < ALPHA and gain.estimate > 0)


def summarize(found: list[Efficiency], truth: float) -> Row:
    """Computes refusals, coverage among the rest, power among all, and the median estimate."""
    known = [efficiency for efficiency in found if not efficiency.reason]
    row: Row = {
        "coverage": 1 - float(np.mean([each.excludes(truth) for each in known])) if known else None,
        "power": float(np.mean([efficiency.lower > 1 for efficiency in found])),
        "refused": 1 - len(known) / len(found),
        "median": float(np.median([efficiency.estimate for efficiency in known])) if known else None,
    }
    return {name: value if value is None else round(value, 4) for name, value in row.items()}


def cells() -> list[Row]:
    """Lists the cells that are simulated."""
    return [
        {"design": design, "efficiency": efficiency, "seeds": seeds, "noise": noise}
        for design in DESIGNS
        for noise in NOISES
        for seeds in SEEDS
        for efficiency in EFFICIENCIES
    ]


def measure(cell: Row, repeats: int) -> Row:
    """Simulates one cell of the table; returns its settings and results."""
    rng = np.random.default_rng(0)
    found, gains = [], []
    for _ in range(repeats):
        curve, baseline = experiment(rng, **cell)
        found.append(estimate_efficiency(curve, baseline))
        gains.append(finds_gain(curve, baseline))
    return cell | summarize(found, cell["efficiency"]) | {"primary_test": round(float(np.mean(gains)), 4)}


def table(rows: list[Row], measures: tuple[str, ...]) -> str:
    """Formats a Markdown table with a row per measure, design, noise and number of seeds."""
    by_cell = {(r["design"], r["noise"], r["seeds"], r["efficiency"]): r for r in rows}
    heads = [*("share of experiments", "budgets", "seeds' noise", "seeds"), *(f"{e:g}" for e in EFFICIENCIES)]
    lines = [heads, ["---"] * 4 + ["---:"] * len(EFFICIENCIES)]
    for name, design, noise, seeds in itertools.product(measures, DESIGNS, NOISES, SEEDS):
        values = [by_cell[design, noise, seeds, efficiency][name] for efficiency in EFFICIENCIES]
        shown = ["–" if value is None else f"{value:.2f}" for value in values]
        lines.append([MEASURES[name], design, noise, str(seeds), *shown])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_table(stored: Row) -> None:
    """Writes the tables between the marks of the page."""
    text = PAGE.read_text()
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    tables = (
        f"Each number is of {stored['repeats']} simulated experiments.\n\n"
        f"{table(stored['now'], tuple(MEASURES))}\n"
        "The estimator before, which needed every seed's own curves to overlap and rise (80 resamples and "
        f"161 shifts instead of 2000 and 801), in {stored['before_repeats']} experiments each:\n\n"
        f"{table(stored['before'], ('coverage', 'power', 'refused'))}"
    )
    PAGE.write_text(f"{before}{MARKS[0]}{tables}{MARKS[1]}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=300, help="simulated experiments per cell")
    parser.add_argument("--table", action="store_true", help="write the table from the JSON only")
    arguments = parser.parse_args()
    stored = json.loads(JSON.read_text())
    if not arguments.table:
        stored["repeats"], stored["now"] = arguments.repeats, []
        for cell in cells():
            stored["now"].append(measure(cell, arguments.repeats))
            print(json.dumps(stored["now"][-1]), flush=True)
        JSON.write_text(json.dumps(stored, indent=1) + "\n")
    write_table(stored)


if __name__ == "__main__":
    main()
