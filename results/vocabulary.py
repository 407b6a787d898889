"""What arms, acquisitions and variants are called and how they look: one record each, read by everything.

Colors are after Okabe and Ito, told apart with any color vision; markers see to it that color never carries
the meaning alone.
"""

from dataclasses import dataclass

Line = str | tuple[int, tuple[float, ...]]
"""A line style of matplotlib."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One name in the records."""

    words: str
    """In figures and tables."""
    color: str
    """Hexadecimal."""
    marker: str
    """Of matplotlib; empty: a line without points."""


@dataclass(frozen=True, kw_only=True)
class Arm(Entry):
    """One line of a figure."""

    marker: str = ""
    """Of matplotlib; empty: a line without points."""
    line: Line = "-"
    """Its style."""
    scoring: str | None = None
    """How its reward model's solutions are scored (key of ``ablations.evaluation.scoring_rules.SCORINGS``): a
    PRM's by the product over steps, an ORM's at the last token. None: it has no reward model."""
    learned_from: str | None = None
    """A sentence for model cards; None: no student is trained this way."""


ARMS: dict[str, Arm] = {
    "process": Arm(
        words="process supervision",
        color="#0072B2",
        marker="o",
        scoring="product",
        learned_from="It learned from a label for each step, given by the labeler (a large process reward "
        "model) up to and including the first step that it finds incorrect.",
    ),
    "prm_outcome": Arm(
        words="PRM-derived outcome",
        color="#D55E00",
        marker="s",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if the labeler, a large "
        "process reward model, finds no incorrect step.",
    ),
    "final_answer": Arm(
        words="final-answer outcome",
        color="#009E73",
        marker="^",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if its final answer is.",
    ),
    "process_neutral": Arm(
        words="process supervision, neutral kept",
        color="#B8860B",
        marker="X",
        scoring="product",
        learned_from="It learned from a label for each step, negative, neutral or positive, given by the "
        "labeler (a large process reward model) up to and including the first step that it finds incorrect.",
    ),
    "oracle_outcome": Arm(
        words="oracle outcome",
        color="#56B4E9",
        marker="p",
        scoring="last_token",
        learned_from="It learned from one label for each solution: right if and only if the embedded "
        "world's oracle finds no wrong step.",
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
"""Those with a reward model of their own for each data scale and seed."""

REFERENCE_ARMS: dict[str, Arm] = {name: arm for name, arm in ARMS.items() if name not in STUDENT_ARMS}
"""Those without data scale and seed."""

PLAIN_ACQUISITION = "uniform"
"""The acquisition that goes without saying."""

ACQUISITIONS: dict[str, Entry] = {
    PLAIN_ACQUISITION: Entry(words="uniform", color="#0072B2", marker="o"),
    "uniform_distinct": Entry(words="uniform distinct", color="#56B4E9", marker="P"),
    "convincing_wrong_answers": Entry(words="convincing wrong answers", color="#D55E00", marker="s"),
    "diverse": Entry(words="diverse", color="#B8860B", marker="D"),
    "uncertainty": Entry(words="uncertainty", color="#009E73", marker="^"),
    "disagreement": Entry(words="disagreement", color="#A8508A", marker="v"),
}
"""Ways to choose the solutions that are labeled."""

REDUCTIONS: dict[str, Entry] = {
    "product": Entry(words="product", color="#0072B2", marker="o"),
    "minimum": Entry(words="minimum", color="#D55E00", marker="s"),
    "mean": Entry(words="mean", color="#009E73", marker="P"),
    "geometric mean": Entry(words="geometric mean", color="#A8508A", marker="^"),
    "last step": Entry(words="last step", color="#8A8A8A", marker="v"),
}
"""Ways to reduce the probabilities of a solution's steps to one score."""

FIRST = "first_selector"
"""The variant of the selector with which every way of retraining begins."""

WAYS: dict[str, Entry] = {
    "train_on": Entry(words="trained on", color="#D55E00", marker="o"),
    "from_base": Entry(words="from the base", color="#0072B2", marker="s"),
    "uniform_share": Entry(words="uniform share", color="#B8860B", marker="D"),
    "one_shot": Entry(words="all at once", color="#555555", marker="^"),
}
"""Ways to make the selector of a later round of retraining."""

FORMS: dict[str, Entry] = {
    "every_token": Entry(words="every token", color="#0072B2", marker="o"),
    "last_token": Entry(words="last token", color="#D55E00", marker="s"),
    "every_and_last": Entry(words="every and last token", color="#009E73", marker="^"),
    "mean_logit": Entry(words="mean of the logits", color="#A8508A", marker="D"),
}
"""Where the loss of an outcome reward model is taken."""


TRAINING_SETS: dict[str, Entry] = {
    "uniform": Entry(words="uniform solutions", color="#0072B2", marker="o"),
    "collected": Entry(words="the large PRM's collected solutions", color="#D55E00", marker="s"),
    "both": Entry(words="both together", color="#A8508A", marker="D"),
}
"""What a large ORM is trained on; the records have it as its acquisition."""


def is_plain(acquisition: object) -> bool:
    """Whether an acquisition goes without saying: uniform, or null as for references."""
    return not isinstance(acquisition, str) or acquisition == PLAIN_ACQUISITION


def acquisition_words(acquisition: object) -> str:
    """An acquisition in words; one without a record, by its name."""
    known = ACQUISITIONS.get(str(acquisition))
    return str(acquisition).replace("_", " ") if known is None else known.words


def arm_words(arm: str, acquisition: object = None) -> str:
    """The paper's words for an arm, with the acquisition where it is not the plain one."""
    words = ARMS[arm].words
    return words if is_plain(acquisition) else f"{words}, {acquisition_words(acquisition)}"


def short_words(arm: str) -> str:
    """The words for an arm, without what it was trained on."""
    return ARMS[arm].words.removesuffix(", collected data")
