"""What is made of the records of each experiment: its title, its headline, its figures and its tables."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from results import acquisitions, retraining, steadiness
from results import headline as supervision
from results.headline import Headline
from results.tables import arms_table, differences_table, further_differences_table, solutions_table
from results.tabular import Table


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """How an experiment's records are told."""

    title: str
    """Heading of the report."""
    headline: Callable[[pd.DataFrame], Headline]
    """Records -> the result in words."""
    figures: tuple[str, ...]
    """Names of figures, in the order of the report; one whose numbers are missing is left out."""
    tables: tuple[Callable[[pd.DataFrame], Table | None], ...]
    """Records -> a table, in the order of the report; None or no rows: it is left out."""

    def headline_of(self, frame: pd.DataFrame) -> Headline:
        """The result in words, or that there is none."""
        if not (frame["metric"] == "best_of_n").any():
            return Headline(sentence="The records hold no best-of-N.")
        return self.headline(frame)

    def tables_of(self, frame: pd.DataFrame) -> list[Table]:
        """The tables that have rows."""
        made = [table(frame) for table in self.tables]
        return [table for table in made if table is not None and table.rows]


ANALYSES: dict[str, Analysis] = {
    "supervision": Analysis(
        title="Process against outcome supervision",
        headline=supervision.headline,
        figures=("best_of_n_by_scale", "best_of_n_by_n", "labeler_calibration", "learning_curves"),
        tables=(arms_table, differences_table, further_differences_table, solutions_table),
    ),
    "active_learning": Analysis(
        title="Active learning under process supervision",
        headline=acquisitions.headline,
        figures=("data_efficiency", "best_of_n_by_n", "labeler_calibration", "learning_curves"),
        tables=(
            *(arms_table, acquisitions.efficiency_table, acquisitions.budgets_table),
            *(differences_table, solutions_table),
        ),
    ),
    "iterative_retraining": Analysis(
        title="Iterative retraining of the selector",
        headline=retraining.headline,
        figures=("retraining", "labeler_calibration"),
        tables=(
            *(retraining.rounds_table, retraining.chosen_table, retraining.ways_table),
            *(steadiness.causes_table, arms_table, differences_table, solutions_table),
        ),
    ),
}
"""Experiment -> its analysis; the first one serves experiments that are not named."""


def analysis_of(frame: pd.DataFrame) -> Analysis:
    """That of the experiment whose records these are."""
    return ANALYSES.get(next(iter(frame["experiment"]), ""), next(iter(ANALYSES.values())))
