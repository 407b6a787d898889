"""The record that all formats share: one solution to one problem, with what is known about its steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ablations.formats.annotation_file import FINISH_REASONS

RATINGS = (-1, 0, 1)
SUM_TOLERANCE = 1e-2
"""Maximum distance from 1 of the sum of probabilities that others computed."""


@dataclass(frozen=True, kw_only=True)
class Probabilities:
    """Soft label of a step."""

    wrong: float
    """P(the step is wrong), in [0, 1]."""
    neutral: float = 0.0
    """P(the step is neutral), in [0, 1]; 0 if only two classes are known."""
    right: float
    """P(the step is right), in [0, 1]."""

    def __post_init__(self) -> None:
        probs = (self.wrong, self.neutral, self.right)
        if not all(0 <= prob <= 1 for prob in probs) or abs(sum(probs) - 1) > SUM_TOLERANCE:
            raise ValueError(f"label: found {probs}; allowed: probabilities in [0, 1] that sum to 1")

    @classmethod
    def of_right(cls, right: float) -> "Probabilities":
        """Builds the probabilities of two classes."""
        return cls(wrong=1 - right, right=right)


Label = int | Probabilities | None
"""Rating (-1 wrong, 0 neutral, 1 right), probabilities, or None if unlabeled."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A step that was tried."""

    text: str
    """Not empty, without separators."""
    label: Label = None

    def __post_init__(self) -> None:
        if not self.text:
            raise ValueError("text: found an empty step; allowed: text")
        label = self.label
        if not (label in RATINGS if type(label) is int else isinstance(label, Probabilities | None)):
            raise ValueError(f"label: found {label!r}; allowed: -1, 0, 1, Probabilities or None")


@dataclass(frozen=True, kw_only=True)
class SolutionStep(Candidate):
    """A step of the solution."""

    alternatives: tuple[Candidate, ...] = ()
    human: bool = False
    """Whether a person wrote it."""


@dataclass(frozen=True, kw_only=True)
class LabeledSolution:
    """One solution to one problem, or only a problem."""

    problem: str
    """Text of the problem; not empty."""
    problem_id: str | None = None
    reference: str | None = None
    reference_solution: str | None = None
    """A right solution by the problem's authors."""
    level: int | None = None
    """Difficulty on MATH's scale, from 1 (easy) to 5 (hard)."""
    subject: str | None = None
    """Subject of the problem, such as Algebra."""
    dataset: str | None = None
    """Source of the problem, such as GSM8K."""

    steps: tuple[SolutionStep, ...] = ()
    """Steps of the solution; empty if there is only a problem."""
    open_candidates: tuple[Candidate, ...] = ()
    """Candidates after the last step, none of which was chosen."""
    step_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Labeler -> P(the step is right) in [0, 1], one per step, NaN where there is none; the steps' labels
    come from none of these."""
    solution_scores: Mapping[str, float] = field(default_factory=dict)
    """Further labelers -> the score of the whole solution, higher for better ones."""
    answer: str | None = None
    """Final answer of the solution; None if there is none, or it was not recorded."""
    correct: bool | None = None
    """Whether the final answer is right; None if unknown."""
    finished: bool = True
    finish_reason: str | None = None
    """Reason that labeling ended: found_error, solution, bad_problem or give_up, as in PRM800K."""
    prm_score: float | None = None
    orm_score: float | None = None

    solution_id: str | None = None
    sample: int | None = None
    """Number of the solution among those to its problem, from 0."""
    generator: str | None = None
    """Model that wrote the solution."""
    labeler: str | None = None
    generation: int | None = None
    """Generation of the data collection in PRM800K's phase 2 (-1 for the screening); None in phase 1."""
    screening: bool = False
    """Whether it was used to screen labelers."""
    quality_control: bool = False
    """Whether it was used to check labelers."""

    def __post_init__(self) -> None:
        if not self.problem:
            raise ValueError("problem: found an empty one; allowed: text")
        if self.finish_reason is not None and self.finish_reason not in FINISH_REASONS:
            allowed = ", ".join(FINISH_REASONS)
            raise ValueError(f"finish_reason: found {self.finish_reason!r}; allowed: None, {allowed}")
        kinds = {type(candidate.label) for candidate in self.candidates() if candidate.label is not None}
        if len(kinds) > 1:
            raise ValueError("labels: found ratings and probabilities in one record; allowed: one kind")
        for name, scores in self.step_scores.items():
            if len(scores) != len(self.steps):
                raise ValueError(
                    f"step_scores[{name!r}]: found {len(scores)}; allowed: {len(self.steps)}, one per step"
                )

    def candidates(self) -> Iterator[Candidate]:
        """Yields the steps and all alternatives, in the order of the solution."""
        for step in self.steps:
            yield step
            yield from step.alternatives
        yield from self.open_candidates

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts of the steps."""
        return tuple(step.text for step in self.steps)

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels of the steps."""
        return tuple(step.label for step in self.steps)

    @property
    def first_error(self) -> int | None:
        """Index of the first step that is rated wrong, from 0; None if there is none."""
        return self.labels.index(-1) if -1 in self.labels else None

    @property
    def has_error(self) -> bool:
        """Whether a step is rated wrong, or is wrong with probability 1."""
        return any(
            label.wrong == 1 if isinstance(label, Probabilities) else label == -1 for label in self.labels
        )

    @property
    def error_not_shown(self) -> bool:
        """Whether labeling ended at an error, although no step is wrong."""
        return self.finish_reason == "found_error" and not self.has_error

    def cut(self, length: int) -> "LabeledSolution":
        """Keeps only the first `length` steps."""
        scores = {name: values[:length] for name, values in self.step_scores.items()}
        return replace(self, steps=self.steps[:length], step_scores=scores, open_candidates=())

    def relabeled(self, change: Callable[[Label], Label]) -> "LabeledSolution":
        """Changes every label, including those of the alternatives."""

        def changed(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
            return tuple(replace(candidate, label=change(candidate.label)) for candidate in candidates)

        steps = tuple(
            replace(step, label=change(step.label), alternatives=changed(step.alternatives))
            for step in self.steps
        )
        return replace(self, steps=steps, open_candidates=changed(self.open_candidates))


def labeled_steps(texts: Sequence[str], labels: Sequence[Label]) -> tuple[SolutionStep, ...]:
    """Builds steps from texts and labels, one per text."""
    return tuple(SolutionStep(text=text, label=label) for text, label in zip(texts, labels, strict=True))


def each_alternative(record: LabeledSolution, *, repeat: bool) -> Iterator[LabeledSolution]:
    """Splits a record into several without alternatives: the solution, then one per labeled alternative.

    Args:
        record: the record to split; its unlabeled alternatives stay where they are.
        repeat: whether the steps before an alternative keep their labels, for formats without unlabeled
            steps; alternatives after an unlabeled step then cannot be expressed, and stay where they are.
            Otherwise, each label is in only one record.
    """
    steps = record.steps
    last = record.labels.index(None) if repeat and None in record.labels else len(steps)
    alternatives = [*(step.alternatives for step in steps), record.open_candidates]
    *remaining, open_candidates = [
        tuple(candidate for candidate in candidates if candidate.label is None or at > last)
        for at, candidates in enumerate(alternatives)
    ]
    yield replace(
        record,
        steps=tuple(replace(step, alternatives=rest) for step, rest in zip(steps, remaining, strict=True)),
        open_candidates=open_candidates,
    )
    for at, candidates in enumerate(alternatives[: last + 1]):
        before = labeled_steps(record.texts[:at], record.labels[:at] if repeat else [None] * at)
        for candidate in candidates:
            if candidate.label is not None:
                yield replace(
                    record,
                    steps=(*before, SolutionStep(text=candidate.text, label=candidate.label)),
                    open_candidates=(),
                    step_scores={},
                    solution_scores={},
                    answer=None,
                    correct=None,
                    finished=True,
                    finish_reason=None,
                    prm_score=None,
                    orm_score=None,
                    solution_id=None,
                    sample=None,
                )
