"""Names and appearance of arms, acquisitions and variants: one entry each, used everywhere.

Colors follow Okabe and Ito and are distinguishable with any color vision; markers ensure that color never
carries the meaning alone.
"""

from dataclasses import dataclass

Line = str | tuple[int, tuple[float, ...]]
"""A matplotlib line style."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Display settings of one name in the records."""

    words: str
    """Display name in figures and tables."""
    color: str
    marker: str
    """Matplotlib marker; empty for a line without points."""


@dataclass(frozen=True, kw_only=True)
class Arm(Entry):
    """One line of a figure."""

    marker: str = ""
    line: Line = "-"
    scoring: str | None = None
    """How its reward model scores solutions (key of ``ablations.evaluation.scoring_rules.SCORINGS``): a PRM
    by the product over steps, an ORM at the last token. None if it has no reward model."""
    learned_from: str | None = None
    """Sentence for model cards; None if no student is trained this way."""
    buys: str | None = None
    """What it needs for each labeled solution, besides the solution: a key of ``PURCHASES``. None if that
    cannot be bought, or is rollouts."""


@dataclass(frozen=True, kw_only=True)
class Chooser(Entry):
    """A way to choose the solutions to label."""

    candidate: tuple[str, ...] = ("rollout",)
    """What it needs for each solution that it chooses from: keys of ``PURCHASES``. Empty if it takes
    solutions as they are sampled, so that only labeled ones are needed."""


PURCHASES: dict[str, str] = {
    "step_label": "step label",
    "judged_solution": "judged solution",
    "answer_check": "answer check",
    "rollout": "rollout",
}
"""What has a price -> words."""


ARMS: dict[str, Arm] = {
    "process": Arm(
        words="process supervision",
        color="#0072B2",
        marker="o",
        scoring="product",
        learned_from="It learned from a label for each step, given by the labeler (a large process reward "
        "model) up to and including the first step that it finds incorrect.",
        buys="step_label",
    ),
    "prm_outcome": Arm(
        words="PRM-derived outcome",
        color="#D55E00",
        marker="s",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if the labeler, a large "
        "process reward model, finds no incorrect step.",
        buys="judged_solution",
    ),
    "final_answer": Arm(
        words="final-answer outcome",
        color="#009E73",
        marker="^",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if its final answer is.",
        buys="answer_check",
    ),
    "process_neutral": Arm(
        words="process supervision, neutral kept",
        color="#B8860B",
        marker="X",
        scoring="product",
        learned_from="It learned from a label for each step, negative, neutral or positive, given by the "
        "labeler (a large process reward model) up to and including the first step that it finds incorrect.",
        buys="step_label",
    ),
    "oracle_outcome": Arm(
        words="oracle outcome",
        color="#56B4E9",
        marker="p",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if the embedded "
        "world's oracle finds no wrong step.",
    ),
    "process_soft": Arm(
        words="process, soft labels",
        color="#5B4FB5",
        marker="H",
        scoring="product",
        learned_from="It learned from the labeler's probability for each step, up to and including the first "
        "step that the labeler (a large process reward model) finds incorrect.",
        buys="step_label",
    ),
    "process_full": Arm(
        words="process, all steps",
        color="#1B7F8C",
        marker=">",
        scoring="product",
        learned_from="It learned from a label for each step of a solution, also after the first error, given "
        "by the labeler (a large process reward model).",
        buys="step_label",
    ),
    "process_ranking": Arm(
        words="process, ranking loss",
        color="#8C8C00",
        marker="d",
        scoring="product",
        learned_from="It learned to rank the steps of a solution, by a label for each step given by the "
        "labeler (a large process reward model) up to and including the first step that it finds incorrect.",
        buys="step_label",
    ),
    "monte_carlo_hard": Arm(
        words="Monte Carlo, hard",
        color="#C1272D",
        marker="<",
        scoring="product",
        learned_from="It learned from a label for each step: right if the generator, continuing from it "
        "several times, reaches the right answer at least once.",
    ),
    "monte_carlo_soft": Arm(
        words="Monte Carlo, soft",
        color="#E69F00",
        marker="*",
        scoring="product",
        learned_from="It learned from the share of the generator's continuations of each step that reach the "
        "right answer.",
    ),
    "consensus": Arm(
        words="consensus of labeler and Monte Carlo",
        color="#6B4226",
        marker="8",
        scoring="product",
        learned_from="It learned from labels of those steps about which the labeler (a large process reward "
        "model) and the generator's continuations agree.",
    ),
    "implicit": Arm(
        words="implicit rewards",
        color="#E377A2",
        marker="h",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if its final answer is. "
        "Its rewards are log-ratios of a language model's probabilities and those of its frozen base.",
        buys="answer_check",
    ),
    "labeler": Arm(
        words="labeler (large PRM)",
        color="#A8508A",
        marker="D",
        line=(0, (7, 2, 1.5, 2)),
        scoring="product",
    ),
    "large_prm": Arm(words="large PRM, collected data", color="#004C7A", marker="P", scoring="product"),
    "large_orm": Arm(words="large ORM", color="#006B4F", marker="v", scoring="last_token"),
    "majority": Arm(words="majority voting", color="#555555", line=(0, (5, 2))),
    "oracle": Arm(words="pass@N", color="#222222"),
    "random": Arm(words="pass@1", color="#8A8A8A", line=(0, (1, 1.5))),
}

STUDENT_ARMS: dict[str, Arm] = {name: arm for name, arm in ARMS.items() if arm.learned_from is not None}
"""Arms with a reward model of their own for each data scale and seed."""

REFERENCE_ARMS: dict[str, Arm] = {name: arm for name, arm in ARMS.items() if name not in STUDENT_ARMS}
"""Arms without a data scale and seed."""

PLAIN_ACQUISITION = "uniform"
"""The default acquisition, which the names of arms leave out."""

ACQUISITIONS: dict[str, Chooser] = {
    PLAIN_ACQUISITION: Chooser(words="uniform", color="#0072B2", marker="o", candidate=()),
    "uniform_distinct": Chooser(words="uniform distinct", color="#56B4E9", marker="P"),
    "convincing_wrong_answers": Chooser(
        words="convincing wrong answers",
        color="#D55E00",
        marker="s",
        candidate=("rollout", "answer_check"),
    ),
    "diverse": Chooser(words="diverse", color="#B8860B", marker="D", candidate=("rollout", "answer_check")),
    "uncertainty": Chooser(words="uncertainty", color="#009E73", marker="^"),
    "disagreement": Chooser(words="disagreement", color="#A8508A", marker="v"),
}
"""Ways to choose the solutions to label."""

REDUCTIONS: dict[str, Entry] = {
    "product": Entry(words="product", color="#0072B2", marker="o"),
    "minimum": Entry(words="minimum", color="#D55E00", marker="s"),
    "mean": Entry(words="mean", color="#009E73", marker="P"),
    "geometric mean": Entry(words="geometric mean", color="#A8508A", marker="^"),
    "last step": Entry(words="last step", color="#8A8A8A", marker="v"),
}
"""Ways to reduce a solution's step probabilities to one score."""

FIRST = "first_selector"
"""Variant of the selector with which every way of retraining begins."""

WAYS: dict[str, Entry] = {
    "train_on": Entry(words="trained on", color="#D55E00", marker="o"),
    "from_base": Entry(words="from the base", color="#0072B2", marker="s"),
    "uniform_share": Entry(words="uniform share", color="#B8860B", marker="D"),
    "one_shot": Entry(words="all at once", color="#555555", marker="^"),
}
"""Ways to make the selector of a later retraining round."""

FORMS: dict[str, Entry] = {
    "every_token": Entry(words="every token", color="#0072B2", marker="o"),
    "last_token": Entry(words="last token", color="#D55E00", marker="s"),
    "every_and_last": Entry(words="every and last token", color="#009E73", marker="^"),
    "mean_logit": Entry(words="mean of the logits", color="#A8508A", marker="D"),
}
"""Where the loss of an outcome reward model is taken."""

ONE_MODEL = "one_model"
"""Variant of a reward model that scores alone."""

ENSEMBLES: dict[str, Entry] = {
    ONE_MODEL: Entry(words="one model", color="#555555", marker="o"),
    "mean_score": Entry(words="mean of the models", color="#0072B2", marker="s"),
    "lowest_score": Entry(words="lowest of the models", color="#D55E00", marker="^"),
    "lower_bound": Entry(words="mean minus spread", color="#009E73", marker="D"),
}
"""Ways to score by several reward models that differ only in their seed; all but the first have no seed."""

LABELING_ERRORS: dict[str, Entry] = {
    "random": Entry(words="random errors", color="#0072B2", marker="o"),
    "favors_positive": Entry(words="errors that favor positives", color="#D55E00", marker="s"),
    "hard_steps": Entry(words="errors on hard steps", color="#009E73", marker="^"),
    "late_steps": Entry(words="errors on late steps", color="#A8508A", marker="D"),
}
"""Kinds of errors of simulated labelers; the level is their balanced error."""

USELESS = 0.5
"""Balanced error of labels that say nothing."""

ORACLE = "oracle"
"""Variant of students that learn from the labels of an embedded world's oracle."""

LABELERS: dict[str, Entry] = {
    ORACLE: Entry(words="oracle", color="#222222", marker="*"),
    "large_prm": Entry(words="large PRM, by threshold", color="#A8508A", marker="D"),
    "fewer_labels": Entry(words="large PRM, fewer labels", color="#D55E00", marker="v"),
    "smaller_prm": Entry(words="PRM of the students' size", color="#009E73", marker="P"),
}
"""Labelers without simulated errors; the level is a threshold, or a number of problems with ratings."""

TRAINING_SETS: dict[str, Entry] = {
    "uniform": Entry(words="uniform solutions", color="#0072B2", marker="o"),
    "collected": Entry(words="the large PRM's collected solutions", color="#D55E00", marker="s"),
    "both": Entry(words="both together", color="#A8508A", marker="D"),
}
"""Training sets of large ORMs, which the records store as the acquisition."""


def is_plain(acquisition: object) -> bool:
    """Return whether an acquisition is the default: uniform, or null as for references."""
    return not isinstance(acquisition, str) or acquisition == PLAIN_ACQUISITION


def acquisition_words(acquisition: object) -> str:
    """Return an acquisition's display name, or its name in the records if it has no entry."""
    known = ACQUISITIONS.get(str(acquisition))
    return str(acquisition).replace("_", " ") if known is None else known.words


def arm_words(arm: str, acquisition: object = None) -> str:
    """Return the paper's words for an arm, with the acquisition unless it is the default."""
    words = ARMS[arm].words
    return words if is_plain(acquisition) else f"{words}, {acquisition_words(acquisition)}"


def short_words(arm: str) -> str:
    """Return the words for an arm, without what it was trained on."""
    return ARMS[arm].words.removesuffix(", collected data")
