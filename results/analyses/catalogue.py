"""Catalog of analyses: the title, headline, figures and tables of each experiment."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from results.analyses import (
    active_learning,
    difficulty,
    false_positives,
    generalization,
    hyperparameters,
    iterative_retraining,
    labeler_quality,
    large_scale,
    orm_forms,
    orm_superset,
    over_optimization,
    scoring,
    selector_stability,
    sensitivity,
    supervision,
    supervision_forms,
)
from results.analyses.headline import Headline
from results.analyses.label_noise import label_noise_table
from results.analyses.learning_rates import learning_rates_table
from results.analyses.shortcuts import shortcuts_table
from results.analyses.training_effort import training_effort_table
from results.findings import DESCRIPTIVE, claims_table, count_verdicts, findings
from results.tables.rendering import Table
from results.tables.shared import arms_table, differences_table, further_differences_table, solutions_table


@dataclass(frozen=True, kw_only=True)
class AnalysisResult:
    """Result of an analysis of records."""

    headline: Headline
    tables: tuple[Table, ...]
    """Tables that have rows, starting with that of the claims."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """How an experiment's records are reported."""

    title: str
    headline: Callable[[pd.DataFrame], Headline]
    """Records -> the result in words."""
    figures: tuple[str, ...]
    """Names of figures, in the order of the report; a figure whose numbers are missing is left out."""
    tables: tuple[Callable[[pd.DataFrame], Table | None], ...]
    """Records -> a table, in the order of the report, after that of the claims; left out if None or without
    rows."""
    notes: tuple[str, ...]
    """What readers need to know about how the numbers were made."""
    metric: str = "best_of_n"
    """Metric without which there is no headline."""

    def account(self, frame: pd.DataFrame) -> AnalysisResult:
        """Judge the claims and make all tables; if there are claims, other tables are marked descriptive."""
        shown = [table for make in self.tables if (table := make(frame)) is not None and table.rows]
        headline = Headline(sentence="The records hold no best-of-N.")
        if (frame["metric"] == self.metric).any():
            headline = self.headline(frame)
        found = findings(frame)
        if any(one.differences for one in found):
            headline = replace(headline, sentence=f"{count_verdicts(found)} {headline.sentence}")
            shown = [replace(table, lead=f"{DESCRIPTIVE} {table.lead}") for table in shown]
            shown.insert(0, claims_table(found))
        return AnalysisResult(headline=headline, tables=tuple(shown))


_EXPECTATION = (
    "Best-of-N is the expectation over all subsets of the solutions drawn; at the N that equals their number "
    "it is a single draw, and marked as such."
)
_AS_DRAWN = "Solutions are used as drawn, duplicates included, as in the paper; all arms get identical ones."
_CHOSEN = (
    "The learning rate of each arm and data scale is chosen from one grid, on validation problems, by "
    "trainings whose seeds are not reported; all reported seeds train with it. Validation problems also "
    "choose the checkpoint of each training."
)
_LARGE = (
    "Each large model is one training: its intervals are over problems, not seeds. The large ORM's "
    "learning rate is chosen on validation problems by other trainings, whose seeds are not reported; the "
    "large PRM has the labeler's learning rate."
)
_TRAINING = (shortcuts_table, learning_rates_table, training_effort_table, solutions_table)
"""Tables on the training of students."""

ANALYSES: dict[str, Analysis] = {
    "supervision": Analysis(
        title="Process against outcome supervision",
        headline=supervision.headline,
        figures=("best_of_n_by_scale", "best_of_n_by_n", "labeler_calibration", "learning_curves"),
        tables=(arms_table, differences_table, further_differences_table, label_noise_table, *_TRAINING),
        notes=(_EXPECTATION, _AS_DRAWN, _CHOSEN),
    ),
    "active_learning": Analysis(
        title="Active learning under process supervision",
        headline=active_learning.headline,
        figures=("active_learning", "best_of_n_by_n", "labeler_calibration", "learning_curves"),
        tables=(
            *(arms_table, active_learning.gains_table, active_learning.efficiency_table),
            *(active_learning.budgets_table, differences_table, label_noise_table, *_TRAINING),
        ),
        notes=(
            _EXPECTATION,
            _CHOSEN,
            "Each acquisition has a learning rate of its own. All acquisitions but uniform choose distinct "
            "texts.",
        ),
    ),
    "scoring": Analysis(
        title="Scoring strategies of process reward models",
        headline=scoring.headline,
        figures=("scoring", "best_of_n_by_n", "learning_curves"),
        tables=(scoring.strategies_table, arms_table, *_TRAINING),
        notes=(
            _EXPECTATION,
            "Checkpoints were chosen on validation problems by the product. Students that keep neutral have "
            "the learning rate of those that do not.",
        ),
    ),
    "hyperparameters": Analysis(
        title="Sensitivity to hyperparameters, on validation problems",
        headline=hyperparameters.headline,
        figures=("hyperparameters", "learning_curves"),
        tables=(
            *(hyperparameters.sensitivity_table, hyperparameters.best_table),
            *(training_effort_table, hyperparameters.training_table),
        ),
        notes=(
            "All numbers are for validation problems, which also chose the checkpoints; no test problem is "
            "read.",
        ),
        metric=sensitivity.METRIC,
    ),
    "orm_forms": Analysis(
        title="How outcome supervision is taught",
        headline=orm_forms.headline,
        figures=("orm_forms",),
        tables=(orm_forms.forms_table, *_TRAINING),
        notes=(
            _CHOSEN,
            "Each form has a learning rate of its own. A solution is scored at its last token; under the "
            "mean of the logits, by that mean. Numbers for validation problems are all slightly too high, "
            "because these problems also chose the checkpoints.",
        ),
        metric="kept_best_of_n",
    ),
    "labeler_quality": Analysis(
        title="How good a labeler must be",
        headline=labeler_quality.headline,
        figures=("labeler_quality",),
        tables=(
            *(labeler_quality.crossings_table, labeler_quality.labelers_table, false_positives.audit_table),
            *_TRAINING,
        ),
        notes=(
            _EXPECTATION,
            _AS_DRAWN,
            "The learning rate of each arm is chosen with the oracle's labels, on validation problems, by "
            "trainings whose seeds are not reported, and kept for all labelers. Validation problems, whose "
            "final answers are always checked, also choose the checkpoint of each training.",
            "The dose is the balanced error: the mean of the share of wrong steps that are rated right and "
            "the share of right steps that are rated wrong. A simulated labeler errs on the same lines of a "
            "problem every time, and at a larger dose on the same ones and more.",
        ),
    ),
    "supervision_forms": Analysis(
        title="Forms of supervision and their cost",
        headline=supervision_forms.headline,
        figures=("supervision_forms", "best_of_n_by_n", "labeler_calibration", "learning_curves"),
        tables=(
            *(supervision_forms.forms_table, supervision_forms.costs_table),
            *(arms_table, label_noise_table, *_TRAINING),
        ),
        notes=(
            _EXPECTATION,
            _AS_DRAWN,
            _CHOSEN,
            "Monte Carlo labels come from rollouts of the generator after every step but the last, which the "
            "solution's own answer labels. Targets end with the first step labeled wrong, except under "
            "process supervision of all steps. Noise of Monte Carlo labels is relative to the oracle's "
            "ratings of single steps, although they ask another question: whether the generator can still "
            "succeed.",
        ),
    ),
    "large_scale": Analysis(
        title="Large-scale process and outcome supervision",
        headline=large_scale.headline,
        figures=("large_scale", "labeler_calibration"),
        tables=(
            *(arms_table, large_scale.differences_table, large_scale.votes_table),
            *(large_scale.labels_table, large_scale.generations_table, learning_rates_table),
        ),
        notes=(_EXPECTATION, _LARGE),
    ),
    "orm_superset": Analysis(
        title="Outcome supervision on collected solutions",
        headline=orm_superset.headline,
        figures=("orm_superset",),
        tables=(
            *(arms_table, orm_superset.differences_table),
            *(large_scale.labels_table, learning_rates_table),
        ),
        notes=(
            _EXPECTATION,
            _LARGE,
            "The outcome reward models of this experiment differ only in their training solutions.",
        ),
    ),
    "difficulty": Analysis(
        title="Large models by difficulty",
        headline=difficulty.headline,
        figures=("difficulty",),
        tables=(difficulty.quintiles_table, difficulty.differences_table, difficulty.gains_table),
        notes=(_EXPECTATION, _LARGE),
    ),
    "generalization": Analysis(
        title="Reward models on problems unlike those of training",
        headline=generalization.headline,
        figures=("generalization",),
        tables=(
            *(generalization.kinds_table, generalization.differences_table, generalization.changes_table),
            *(label_noise_table, *_TRAINING),
        ),
        notes=(
            _EXPECTATION,
            _AS_DRAWN,
            _CHOSEN,
            "The students, their training and the generator are those of supervision; nothing is chosen on "
            "longer problems or on rare facts. The paper, best-of-100 on 224 fresh STEM questions: PRM 72.9, "
            "ORM 63.8, majority voting 61.3.",
        ),
    ),
    "over_optimization": Analysis(
        title="Over-optimization: best-of-N up to large N",
        headline=over_optimization.headline,
        figures=("over_optimization", "tail_precision", "learning_curves"),
        tables=(
            *(over_optimization.choice_table, over_optimization.ensembles_table),
            *(over_optimization.tail_table, over_optimization.blind_spots_table),
            *(arms_table, *_TRAINING),
        ),
        notes=(
            _EXPECTATION,
            _CHOSEN,
            "N is chosen on validation problems, by other solutions than those that chose the checkpoints.",
            "All models of an ensemble start from the same base and differ in training subset, order and "
            "head; where all solutions are labeled, the training subset is the same.",
            "A model's probability that a solution is right is the product over its steps under process "
            "supervision, and the score of the last token under outcome supervision.",
        ),
    ),
    "iterative_retraining": Analysis(
        title="Iterative retraining of the selector",
        headline=iterative_retraining.headline,
        figures=("iterative_retraining", "labeler_calibration"),
        tables=(
            *(iterative_retraining.rounds_table, iterative_retraining.chosen_table),
            *(iterative_retraining.ways_table, selector_stability.causes_table),
            *(arms_table, differences_table, *_TRAINING),
        ),
        notes=(
            _EXPECTATION,
            "Every round of every way trains like any training on as many labels, with a fresh optimizer and "
            "schedule, at the learning rate chosen for process supervision on as many uniform solutions.",
        ),
    ),
}
"""Experiment -> its analysis; the first one is used for experiments that are not listed."""


def analysis_of(frame: pd.DataFrame) -> Analysis:
    """Return the analysis of the experiment that the records belong to."""
    return ANALYSES.get(next(iter(frame["experiment"]), ""), next(iter(ANALYSES.values())))
