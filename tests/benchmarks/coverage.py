"""False-positive rates and coverage of the intervals and p of means over seeds and problems, by simulation.

``python tests/benchmarks/coverage.py`` simulates runs without a difference, judges them with
``results.stats.crossed``, and writes ``results/reference/coverage.json`` and from it the table of
``docs/results/statistics.md``; ``--table`` only writes the table. Two other tests are compared: a single t
with Satterthwaite's degrees of freedom, and a normal tail with the same 95% interval.

Problems and residuals are Gaussian, so their mean squares are drawn from chi-squared distributions: 200,000
runs of a setting take under a second.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from results.stats.crossed import MeanSquares, half_width, satterthwaite

ROOT = Path(__file__).parents[2]
FILE = ROOT / "results" / "reference" / "coverage.json"
PAGE = ROOT / "docs" / "results" / "statistics.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
ALPHAS = (0.05, 0.01, 0.002)
SHAPES = {"gaussian": None, "1 of 5 fails": 0.2, "half fail": 0.5}
"""Shape of the seeds' effects -> share of seeds that do not learn; None: Gaussian."""
VARIANCES = {"none": 0.0, "some": 0.03, "large": 0.1}
"""Difference of seeds -> standard deviation of their effects; that of problems is 0.3, of residuals 0.4."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A kind of run. Standard deviations are in shares of problems solved."""

    seed: float
    """Standard deviation of the seeds' effects."""
    problem: float
    """Standard deviation of the problems' effects."""
    residual: float
    """Standard deviation of a seed's effect on a problem."""
    shape: str
    """Key of ``SHAPES``."""
    seeds: int
    problems: int


def simulate(setting: Setting, runs: int, rng: np.random.Generator) -> dict[str, Any]:
    """Simulates runs whose true difference is zero.

    Returns:
        For the test in use (``rates``), one t (``satterthwaite``) and a normal tail (``normal``), alpha ->
        share of runs with a lower p; and the ``coverage``, the share of 95% intervals that contain zero.
    """
    drawn = draw(setting, runs, rng)
    terms, size = drawn.terms, np.abs(drawn.mean)
    error = np.sqrt(sum(term.variance for term in terms))
    one_t = 2 * stats.t.sf(size / error, satterthwaite(terms))
    ratio = size / half_width(terms, 0.95)

    def shares(significant: Callable[[float], np.ndarray]) -> dict[str, float]:
        return {f"{alpha:g}": float(significant(alpha).mean()) for alpha in ALPHAS}

    return {
        "rates": shares(lambda alpha: size > half_width(terms, 1 - alpha)),
        "satterthwaite": shares(lambda alpha: one_t < alpha),
        "normal": shares(lambda alpha: ratio * stats.norm.isf(0.025) > stats.norm.isf(alpha / 2)),
        "coverage": float((ratio <= 1).mean()),
    }


def draw(setting: Setting, runs: int, rng: np.random.Generator) -> MeanSquares:
    """Draws mean squares [runs] of runs whose true mean is zero."""
    seeds, problems, noise = setting.seeds, setting.problems, setting.residual**2
    seed_means = setting.seed * _effects(setting, runs, rng)
    seed_means = seed_means + rng.normal(0.0, setting.residual / problems**0.5, (runs, seeds))
    rest = (seeds - 1) * (problems - 1)
    return MeanSquares(
        mean=seed_means.mean(axis=1) + rng.normal(0.0, setting.problem / problems**0.5, runs),
        seed=problems * seed_means.var(axis=1, ddof=1),
        problem=(noise + seeds * setting.problem**2) * rng.chisquare(problems - 1, runs) / (problems - 1),
        residual=noise * rng.chisquare(rest, runs) / rest,
        seeds=seeds,
        problems=problems,
    )


def _effects(setting: Setting, runs: int, rng: np.random.Generator) -> np.ndarray:
    """Draws effects of seeds, float64 [runs, S]; their true mean is zero and their variance one."""
    failing = SHAPES[setting.shape]
    if failing is None:
        return rng.normal(0.0, 1.0, (runs, setting.seeds))
    failed = rng.random((runs, setting.seeds)) < failing
    return np.where(failed, failing - 1, failing) / np.sqrt(failing * (1 - failing))


def settings() -> list[Setting]:
    """Lists the settings that are simulated."""
    return [
        Setting(seed=seed, problem=0.3, residual=0.4, shape=shape, seeds=seeds, problems=problems)
        for seed in VARIANCES.values()
        for shape in (SHAPES if seed else ("gaussian",))
        for seeds in (3, 5, 10)
        for problems in (100, 300)
    ]


def table(results: dict[str, Any]) -> str:
    """Formats the results for 300 problems as Markdown."""
    named = {value: name for name, value in VARIANCES.items()}
    lines = [
        "| seeds differ | seeds learn | seeds | coverage | p < 0.05 | p < 0.01 | p < 0.002 "
        "| p < 0.002, one t | p < 0.002, normal tail |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results["settings"]:
        setting = result["setting"]
        if setting["problems"] == 300:
            rates = [f"{result['rates'][f'{alpha:g}']:.4f}" for alpha in ALPHAS]
            others = [f"{result[name]['0.002']:.4f}" for name in ("satterthwaite", "normal")]
            shape = "all" if setting["shape"] == "gaussian" else setting["shape"]
            cells = [named[setting["seed"]], shape, str(setting["seeds"]), f"{result['coverage']:.3f}"]
            lines.append(f"| {' | '.join([*cells, *rates, *others])} |")
    return "\n".join(lines)


def page(text: str, results: dict[str, Any]) -> str:
    """Replaces the table in the text of the documentation page."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}"


def measure(runs: int) -> dict[str, Any]:
    """Simulates all settings."""
    rng = np.random.default_rng(16)
    results = []
    for setting in settings():
        results.append({"setting": asdict(setting), **simulate(setting, runs, rng)})
        print(json.dumps(results[-1]), flush=True)
    return {"runs": runs, "settings": results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000, help="runs per setting")
    parser.add_argument("--table", action="store_true", help="only write the page from the stored results")
    arguments = parser.parse_args()
    if not arguments.table:
        FILE.write_text(json.dumps(measure(arguments.runs), indent=1) + "\n")
    PAGE.write_text(page(PAGE.read_text(), json.loads(FILE.read_text())))


if __name__ == "__main__":
    main()
