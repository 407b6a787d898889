"""The record that all formats share: one solution to one problem, with what is known about its steps."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ablations.formats.annotation_file import FINISH_REASONS

RATINGS = (-1, 0, 1)
_SUM = 1e-2
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
        held = (self.wrong, self.neutral, self.right)
        if not all(0 <= one <= 1 for one in held) or abs(sum(held) - 1) > _SUM:
            raise ValueError(f"label: found {held}; allowed: probabilities in [0, 1] that sum to 1")

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
    """Text of the step; not empty, without separators."""
    label: Label = None
    """Label of the step."""

    def __post_init__(self) -> None:
        if not self.text:
            raise ValueError("text: found an empty step; allowed: text")
        if type(self.label) is not int and not isinstance(self.label, Probabilities | None):
            raise ValueError(f"label: found {self.label!r}; allowed: -1, 0, 1, Probabilities or None")
        if type(self.label) is int and self.label not in RATINGS:
            raise ValueError(f"label: found {self.label}; allowed: -1, 0, 1, Probabilities or None")


@dataclass(frozen=True, kw_only=True)
class SolutionStep(Candidate):
    """A step of the solution."""

    alternatives: tuple[Candidate, ...] = ()
    """Other candidates after the same preceding steps."""
    human: bool = False
    """Whether a person wrote it."""


@dataclass(frozen=True, kw_only=True)
class LabeledSolution:
    """One solution to one problem, or a problem alone."""

    problem: str
    """Text of the problem; not empty."""
    problem_id: str | None = None
    """Name of the problem."""
    reference: str | None = None
    """Reference final answer."""
    reference_solution: str | None = None
    """A right solution by the problem's authors."""
    level: int | None = None
    """Difficulty on MATH's scale, from 1 (easy) to 5 (hard)."""
    subject: str | None = None
    """Subject of the problem, such as Algebra."""
    dataset: str | None = None
    """Source of the problem, such as GSM8K."""

    steps: tuple[SolutionStep, ...] = ()
    """Steps of the solution; empty for a problem alone."""
    open_candidates: tuple[Candidate, ...] = ()
    """Candidates after the last step, none of which was chosen."""
    step_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Labeler -> P(the step is right) in [0, 1], one per step; the steps' labels come from none of these."""
    solution_scores: Mapping[str, float] = field(default_factory=dict)
    """Further labelers -> the score of the whole solution, higher for better ones."""
    answer: str | None = None
    """Final answer of the solution; None if there is none, or it was not recorded."""
    correct: bool | None = None
    """Whether the final answer is right; None if unknown."""
    finished: bool = True
    """Whether the solution reached its end, as far as is known."""
    finish_reason: str | None = None
    """Reason that labeling ended: found_error, solution, bad_problem or give_up, as in PRM800K."""
    prm_score: float | None = None
    """Score of the whole solution by a process reward model."""
    orm_score: float | None = None
    """Score of the whole solution by an outcome reward model."""

    solution_id: str | None = None
    """Name of the solution."""
    sample: int | None = None
    """Number of the solution among those to its problem, from 0."""
    generator: str | None = None
    """Model that wrote the solution."""
    labeler: str | None = None
    """Labeler of the steps."""
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
        kinds = {type(one.label) for one in self.candidates() if one.label is not None}
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
        wrong = (one.wrong == 1 if isinstance(one, Probabilities) else one == -1 for one in self.labels)
        return any(wrong)

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
        steps = tuple(
            replace(step, label=change(step.label), alternatives=_changed(step.alternatives, change))
            for step in self.steps
        )
        return replace(self, steps=steps, open_candidates=_changed(self.open_candidates, change))


def _changed(candidates: tuple[Candidate, ...], change: Callable[[Label], Label]) -> tuple[Candidate, ...]:
    return tuple(replace(one, label=change(one.label)) for one in candidates)


@dataclass(frozen=True, kw_only=True)
class LabeledPrefix:
    """One target of process supervision."""

    problem: str
    """Text of the problem, which is the prompt."""
    prefix: tuple[str, ...]
    """Steps of the chosen path before the candidate."""
    candidate: str
    """Step to evaluate."""
    label: int | Probabilities
    """Label of the candidate."""


def labeled_prefixes(record: LabeledSolution) -> Iterator[LabeledPrefix]:
    """Yields every labeled candidate, after the steps that were chosen before it, exactly once."""
    for at in range(len(record.steps) + 1):
        prefix = record.texts[:at]
        for one in _tried(record, at):
            if one.label is not None:
                yield LabeledPrefix(
                    problem=record.problem, prefix=prefix, candidate=one.text, label=one.label
                )


def each_alternative(record: LabeledSolution, *, repeat: bool) -> Iterator[LabeledSolution]:
    """Splits a record into several without alternatives: the solution, then one per labeled alternative.

    Args:
        record: the record to split; its unlabeled alternatives stay where they are.
        repeat: whether the steps before an alternative keep their labels, for formats without unlabeled
            steps; alternatives after an unlabeled step then cannot be expressed, and stay where they are.
            Otherwise, each label is in only one record.
    """
    unlabeled = record.labels.index(None) if None in record.labels else len(record.steps)
    reach = unlabeled if repeat else len(record.steps)
    steps = tuple(
        replace(step, alternatives=_kept(step.alternatives, at <= reach))
        for at, step in enumerate(record.steps)
    )
    open_candidates = _kept(record.open_candidates, len(record.steps) <= reach)
    yield replace(record, steps=steps, open_candidates=open_candidates)
    for at in range(reach + 1):
        before = tuple(
            SolutionStep(text=step.text, label=step.label if repeat else None) for step in record.steps[:at]
        )
        for one in _tried(record, at)[at < len(record.steps) :]:
            if one.label is not None:
                tried = SolutionStep(text=one.text, label=one.label)
                yield replace(
                    record,
                    steps=(*before, tried),
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


def _tried(record: LabeledSolution, at: int) -> tuple[Candidate, ...]:
    """Returns the candidates for a step, the chosen one first."""
    if at == len(record.steps):
        return record.open_candidates
    return (record.steps[at], *record.steps[at].alternatives)


def _kept(candidates: tuple[Candidate, ...], told: bool) -> tuple[Candidate, ...]:
    """Returns the alternatives that do not become records of their own."""
    return tuple(one for one in candidates if one.label is None or not told)
