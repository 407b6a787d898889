"""The table of records: its columns and the meaning of its metrics."""

from dataclasses import dataclass
from math import inf

import pyarrow as pa

from results.vocabulary import ARMS, STUDENT_ARMS


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Definition of a metric, and which rows may hold it."""

    meaning: str
    arms: tuple[str, ...]
    """Arms that may hold it."""
    n: str | None = None
    """What ``n`` counts; None if the metric has no n."""
    has_bins: bool = False
    """Whether ``x`` and ``count`` are given."""
    least: float = 0.0
    """Smallest possible value: 0 for a share, -1 for a correlation."""
    most: float = 1.0
    """Largest possible value; infinite for a cost."""


_STUDENTS = tuple(STUDENT_ARMS)
SHORTCUTS: dict[str, str] = {
    "length": "length",
    "position": "position in the solution",
    "format": "format",
    "prompt": "problem",
}
"""Shortcut -> what a probe of it knows; see ``ablations.evaluation.shortcuts``."""
_SCORERS = (*_STUDENTS, "labeler", "large_prm", "large_orm")


def _cost(counted: str) -> Metric:
    """Return a metric of what the labels of a training cost; with a pool, that of the first fold."""
    return Metric(meaning=f"{counted}, per labeled solution", arms=_STUDENTS, most=inf)


METRICS: dict[str, Metric] = {
    "best_of_n": Metric(
        meaning="expected share of problems solved by the best-scored of n solutions",
        n="solutions",
        arms=_SCORERS,
    ),
    "majority": Metric(
        meaning="share of problems solved by the commonest answer of n solutions",
        n="solutions",
        arms=("majority",),
    ),
    "weighted_vote": Metric(
        meaning="share of problems solved by voting of n solutions, each weighted by its score",
        n="solutions",
        arms=_SCORERS,
    ),
    "best_of_n_error_free": Metric(
        meaning="expected share of problems where the best-scored of n solutions is right, and no step of it "
        "is wrong by the oracle",
        n="solutions",
        arms=_STUDENTS,
    ),
    "believed_right": Metric(
        meaning="expected probability of being right that the reward model gives to the best-scored of n "
        "solutions",
        n="solutions",
        arms=_STUDENTS,
    ),
    "top_right": Metric(
        meaning="share of right solutions among the n best-scored of a problem's",
        n="best-scored solutions",
        arms=_STUDENTS,
    ),
    "top_auroc": Metric(
        meaning="solution_auroc among the n best-scored solutions of each problem, and those that tie with "
        "the last of them",
        n="best-scored solutions",
        arms=_STUDENTS,
    ),
    "pass_at_n": Metric(
        meaning="share of problems where some solution of n is right", n="solutions", arms=("oracle",)
    ),
    "random": Metric(
        meaning="share of problems solved by one solution at random (pass@1)",
        n="solutions, always 1",
        arms=("random",),
    ),
    "unfinished": Metric(
        meaning="share of the solutions that did not end within the tokens allowed",
        arms=("random",),
    ),
    "step_auroc": Metric(
        meaning="area under the ROC curve of step scores against the oracle's labels", arms=_SCORERS
    ),
    "step_auroc_by_labeler": Metric(
        meaning="step_auroc where nobody but the labeler says which steps are wrong: those whose P(negative) "
        "exceeds its threshold",
        arms=_STUDENTS,
    ),
    "pool_step_auroc": Metric(
        meaning="step_auroc on the students' training solutions, which the labeler labels",
        arms=("labeler",),
    ),
    "solution_auroc": Metric(
        meaning="share of pairs of a right and a wrong solution of the same problem in which the right one "
        "scores higher; a tie counts one half",
        arms=_SCORERS,
    ),
    "length_correlation": Metric(
        meaning="rank correlation of solution scores with numbers of steps, given problem and correctness, "
        "on problems whose equally right solutions differ in length",
        arms=_SCORERS,
        least=-1,
    ),
    "calibration": Metric(
        meaning="share of a bin's steps that are right",
        n="index of the bin, from 0",
        arms=_SCORERS,
        has_bins=True,
    ),
    "ends_right": Metric(
        meaning="share of the labeled solutions whose final answer is right", arms=("large_prm",)
    ),
    "right_steps": Metric(
        meaning="share of the labeled steps that the annotator calls right or neutral",
        arms=("large_prm",),
    ),
    "validation_best_of_n": Metric(
        meaning="best-of-N on validation problems while training; after an early end that of the checkpoint "
        "kept",
        n="updates made so far",
        arms=_STUDENTS,
    ),
    "kept_best_of_n": Metric(
        meaning="best_of_n on validation problems, of the checkpoint that they chose",
        n="solutions",
        arms=_STUDENTS,
    ),
    "label_noise": Metric(
        meaning="share of the labels trained on that differ from the oracle's; step labels count up to the "
        "first labeled error",
        arms=_STUDENTS,
    ),
    "label_false_positives": Metric(
        meaning="share of the labels trained on that the oracle calls wrong, among those that say right",
        arms=_STUDENTS,
    ),
    "label_false_negatives": Metric(
        meaning="share of the labels trained on that the oracle calls right, among those that say wrong",
        arms=_STUDENTS,
    ),
    **{
        f"{probe}_label_auroc": Metric(
            meaning=f"area under the ROC curve of a probe that knows only the {knows}, against the labels "
            "trained on, on problems that it was not trained on",
            arms=_STUDENTS,
        )
        for probe, knows in SHORTCUTS.items()
    },
    **{
        f"{probe}_solution_auroc": Metric(
            meaning=f"solution_auroc of the training solutions, if the probe of {probe} scores them",
            arms=_STUDENTS,
        )
        for probe in SHORTCUTS
    },
    "missed_errors": Metric(
        meaning="share of the wrong steps of training solutions that the labeler rates right; steps count up "
        "to the first wrong one",
        arms=("labeler",),
    ),
    "false_alarms": Metric(
        meaning="share of the right steps of training solutions that the labeler rates wrong; steps count up "
        "to the first wrong one",
        arms=("labeler",),
    ),
    "wrong_labels": Metric(
        meaning="share of the labeler's labels of steps that differ from the oracle's; steps count up to the "
        "first wrong one",
        arms=("labeler",),
    ),
    "flawed_wins": Metric(
        meaning="expected share of problems where the best-scored of n solutions has the right answer and a "
        "wrong step",
        n="solutions",
        arms=_SCORERS,
    ),
    "sound_above_flawed": Metric(
        meaning="share of pairs of right answers to a problem, one with and one without a wrong step, in "
        "which the one without scores higher; a tie counts one half",
        arms=_SCORERS,
    ),
    "flawed_above_wrong": Metric(
        meaning="share of pairs of a right answer with a wrong step and a wrong answer to the same problem, "
        "in which the right one scores higher; a tie counts one half",
        arms=_SCORERS,
    ),
    "answer_checks": _cost("final answers compared with the right one, also those of rollouts"),
    "labeler_tokens": _cost("tokens that the labeler reads; what solutions have in common counts once"),
    "rollouts": _cost("rollouts of the generator; what solutions have in common is rolled out once"),
    "rollout_tokens": _cost("tokens sampled in rollouts"),
    "label_operations": _cost(
        "floating-point operations to sample a solution and to label it, by the generator and the labeler"
    ),
    "rank_correlation": Metric(
        meaning="Spearman correlation within a problem of a selector's scores of the pool with those of the "
        "selector before it",
        arms=("process",),
        least=-1.0,
    ),
    "chosen_right": Metric(meaning="share of the solutions labeled last that end right", arms=("process",)),
    "chosen_error_free": Metric(
        meaning="share of the solutions labeled last in which the labeler finds no incorrect step",
        arms=("process",),
    ),
    "chosen_steps_right": Metric(meaning="share of right steps among those labeled last", arms=("process",)),
    "chosen_repeats": Metric(
        meaning="share of the solutions labeled last that are near-duplicates of labeled ones",
        arms=("process",),
    ),
    "chosen_calibration_error": Metric(
        meaning="expected calibration error, against the labeler's labels, on the solutions labeled last, "
        "of the selector that chose them",
        arms=("process",),
    ),
    "pool_calibration_error": Metric(
        meaning="expected calibration error, against the labeler's labels, on the pool's distinct solutions",
        arms=("process",),
    ),
    "chosen_agreement": Metric(
        meaning="area under the ROC curve of step scores against the labeler's labels, on the solutions "
        "labeled last, of the selector that chose them",
        arms=("process",),
    ),
    "pool_agreement": Metric(
        meaning="area under the ROC curve of step scores against the labeler's labels, on the pool's "
        "distinct solutions",
        arms=("process",),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the record table."""

    type: pa.DataType
    unit: str
    """Unit or kind of value."""
    meaning: str
    """What it holds, and when it is null."""
    nullable: bool = False


COLUMNS: dict[str, Column] = {
    "experiment": Column(type=pa.string(), unit="name", meaning="the experiment, as on the command line"),
    "scale": Column(type=pa.string(), unit="name", meaning="smoke, quick, small or paper"),
    "dataset": Column(type=pa.string(), unit="name", meaning="the world or the pool of real solutions"),
    "cell": Column(
        type=pa.string(),
        unit="id",
        nullable=True,
        meaning="the reward model: supervision x acquisition x data scale x seed; null where it does not "
        "apply",
    ),
    "arm": Column(type=pa.string(), unit="name", meaning="a line of a figure: " + ", ".join(ARMS)),
    "acquisition": Column(
        type=pa.string(),
        unit="name",
        nullable=True,
        meaning="how the labeled solutions were chosen; null where it does not apply",
    ),
    "data_scale": Column(
        type=pa.int64(),
        unit="solutions labeled per problem",
        nullable=True,
        meaning="size of the training set; null where it does not apply",
    ),
    "seed": Column(
        type=pa.int64(),
        unit="integer",
        nullable=True,
        meaning="redraws training subset, order and head for all arms alike; null where it does not apply, "
        "and for an ensemble, which has all seeds",
    ),
    "variant": Column(
        type=pa.string(),
        unit="name",
        nullable=True,
        meaning="what else is varied, such as a scoring strategy or a hyperparameter; null: nothing is",
    ),
    "level": Column(
        type=pa.float64(),
        unit="by variant",
        nullable=True,
        meaning="a number that goes with the variant: value of the hyperparameter, quintile, round",
    ),
    "metric": Column(type=pa.string(), unit="name", meaning="what value measures: " + ", ".join(METRICS)),
    "n": Column(
        type=pa.int64(),
        unit="solutions; updates; bin index",
        nullable=True,
        meaning="abscissa of the metric, by metric; null where it has none",
    ),
    "x": Column(
        type=pa.float64(),
        unit="probability",
        nullable=True,
        meaning="calibration only: mean predicted probability of the bin",
    ),
    "count": Column(
        type=pa.int64(), unit="steps", nullable=True, meaning="calibration only: steps in the bin"
    ),
    "value": Column(
        type=pa.float64(),
        unit="share, 0 to 1; correlation, -1 to 1; cost, 0 or more",
        meaning="the metric; never NaN: what is undefined has no row",
    ),
    "problem_values": Column(
        type=pa.list_(pa.float64()),
        unit="share, 0 to 1; correlation, -1 to 1",
        nullable=True,
        meaning="the metric on each problem that has it, in one order for all metrics of a variant and "
        "level; its mean is value",
    ),
    "single_draw": Column(
        type=pa.bool_(),
        unit="true or false",
        meaning="n equals the number of solutions drawn: one draw, not an expectation",
    ),
    "solutions_hash": Column(
        type=pa.string(),
        unit="sha256, hex",
        nullable=True,
        meaning="the labeled training solutions: equal for all arms of a data scale and seed",
    ),
    "distinct_solutions": Column(
        type=pa.int64(),
        unit="solutions",
        nullable=True,
        meaning="how many of the training solutions differ; with a pool, the sum over the folds' models",
    ),
    "labelled_solutions": Column(
        type=pa.int64(),
        unit="solutions",
        nullable=True,
        meaning="solutions with a label, in all; with a pool, the sum over the folds' models",
    ),
    "labelled_steps": Column(
        type=pa.int64(),
        unit="steps",
        nullable=True,
        meaning="steps with a label, up to the first error; null for outcome supervision",
    ),
    "config": Column(
        type=pa.string(),
        unit="JSON object",
        meaning="the run's settings and, of a cell, what was chosen: learning rate, checkpoint, threshold",
    ),
    "revision": Column(type=pa.string(), unit="git commit", meaning="the code that gathered the rows"),
}

SCHEMA = pa.schema(
    [pa.field(name, column.type, nullable=column.nullable) for name, column in COLUMNS.items()]
)

CELL = ("arm", "acquisition", "data_scale", "variant", "level")
"""Columns that identify a kind of reward model and its evaluation, regardless of seed."""

KEY = ("experiment", "scale", "dataset", *CELL, "seed", "metric", "n")
"""Columns that identify a row: no two rows of a file agree in all of them."""
