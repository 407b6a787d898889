"""The features that a format can carry, as data, and the treatment of a record that holds more.

A format names the features that it carries. Every other feature of a record is dropped, in the order of
``FEATURES`` and by the rule given there, and reported; the rest survives bit for bit.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ablations.data.thresholds import exceeds
from ablations.formats.labeled_solution import Label, LabeledSolution, Probabilities, SolutionStep

NO_ERROR_SHOWN = "ended at an error (found_error) that none of its steps shows"
ERROR_CUT = "its error would be lost"
MARKS = "texts that hold the format's own marks"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Something that a record may hold."""

    description: str
    """The feature, and after a semicolon what happens to it if it is lost."""
    has: Callable[[LabeledSolution], bool]
    drop: Callable[[LabeledSolution, float | None], LabeledSolution]
    """(record, threshold) -> the record without it."""


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """Features that a format can carry, and those that it needs."""

    carries: frozenset[str]
    leaves_out: frozenset[str] = frozenset()
    """Features that are not dropped: a record that holds one is left out entirely."""
    needs: frozenset[str] = frozenset()
    """Names in ``NEEDS``: a record that lacks one is left out entirely."""
    makes_up: frozenset[str] = frozenset()
    """Names of fields that the writer fills with numbers if a record lacks them."""
    several: bool = True
    """Whether a problem may have several solutions; otherwise its first record represents all."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A record cut down to what a format can carry, or left out."""

    record: LabeledSolution | None
    """The part of the record that the format carries; None if it is left out."""
    lost: tuple[str, ...] = ()
    why: str | None = None


def fitted(record: LabeledSolution, abilities: Abilities, threshold: float | None = None) -> Fitted:
    """Cuts a record down to what a format can carry; probabilities become ratings by a threshold of P(wrong).

    Raises:
        ValueError: the threshold is needed and not given.
    """
    lost = []
    shows_errors = "labels" in abilities.carries
    if shows_errors and "finish_reason" not in abilities.carries and record.error_not_shown:
        return Fitted(record=None, why=NO_ERROR_SHOWN)
    has_error = record.has_error
    for name, feature in FEATURES.items():
        if name in abilities.carries or not feature.has(record):
            continue
        if name in abilities.leaves_out:
            return Fitted(record=None, why=feature.description.split(";")[0])
        record = feature.drop(record, threshold)
        lost.append(name)
    if shows_errors and has_error and not record.has_error:
        return Fitted(record=None, why=ERROR_CUT)
    for name, need in NEEDS.items():
        if name in abilities.needs and not need.has(record):
            return Fitted(record=None, why=f"without {need.description}")
    return Fitted(record=record, lost=tuple(lost))


def check_fits(
    records: Iterable[LabeledSolution], abilities: Abilities, tells_apart: Callable[[LabeledSolution], bool]
) -> Iterator[LabeledSolution]:
    """Yields the same records, checking that none holds more than a format can carry or less than it needs.

    Raises:
        ValueError: a record does not fit; writing alone never loses anything.
    """
    for number, record in enumerate(records):
        fit = fitted(record, abilities)
        found = fit.why
        if fit.lost:
            found = FEATURES[fit.lost[0]].description.split(";")[0]
        elif found is None and not tells_apart(record):
            found = MARKS
        if found is not None:
            allowed = "what the format carries, as fitted() leaves it"
            raise ValueError(f"record {number}: found {found}; allowed: {allowed}")
        yield record


def _holds(kind: type) -> Callable[[LabeledSolution], bool]:
    return lambda record: any(isinstance(candidate.label, kind) for candidate in record.candidates())


def _without_alternatives(record: LabeledSolution, _: float | None) -> LabeledSolution:
    steps = tuple(replace(step, alternatives=()) for step in record.steps)
    return replace(record, steps=steps, open_candidates=())


def _rated(record: LabeledSolution, threshold: float | None) -> LabeledSolution:
    if threshold is None:
        raise ValueError(
            "threshold: found none; allowed: a number in [0, 1], because the labels are probabilities and "
            "the target has only ratings: a step is rated wrong where P(wrong) exceeds the threshold"
        )
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: found {threshold}; allowed: a number in [0, 1]")

    def rating(label: Label) -> Label:
        if not isinstance(label, Probabilities):
            return label
        if exceeds(label.wrong, threshold):
            return -1
        return 0 if label.neutral > label.right else 1

    return record.relabeled(rating)


def _two_classes(label: Label) -> Label:
    if isinstance(label, Probabilities) and label != Probabilities.of_right(label.right):
        return Probabilities.of_right(1 - label.wrong)
    return label


def _certain(label: Label) -> Label:
    if not isinstance(label, int):
        return label
    return Probabilities(wrong=float(label < 0), neutral=float(label == 0), right=float(label > 0))


def _after_error(record: LabeledSolution) -> tuple[SolutionStep, ...]:
    return () if record.first_error is None else record.steps[record.first_error + 1 :]


def _unlabeled_after_error(record: LabeledSolution, _: float | None) -> LabeledSolution:
    unlabeled = tuple(replace(step, label=None) for step in _after_error(record))
    return replace(record, steps=(*record.steps[: len(record.steps) - len(unlabeled)], *unlabeled))


def _partly_labeled(record: LabeledSolution) -> bool:
    """Returns whether some steps have a label and others do not, ignoring those after the first error."""
    labels = record.labels[: len(record.steps) - len(_after_error(record))]
    return None in labels and set(labels) != {None}


def _lines(record: LabeledSolution, _: float | None) -> LabeledSolution:
    lines = (line for text in record.texts for line in text.split("\n") if line)
    return replace(record, steps=tuple(SolutionStep(text=line) for line in lines))


def _numbered(record: LabeledSolution) -> bool:
    return bool(record.steps) and all(
        text.startswith(f"Step {i}: ") and text != f"Step {i}: " for i, text in enumerate(record.texts, 1)
    )


def _without_numbers(record: LabeledSolution, _: float | None) -> LabeledSolution:
    while _numbered(record):
        texts = [text.removeprefix(f"Step {i}: ") for i, text in enumerate(record.texts, 1)]
        steps = (replace(step, text=text) for step, text in zip(record.steps, texts, strict=True))
        record = replace(record, steps=tuple(steps))
    return record


_EMPTY = LabeledSolution(problem="-")


def _field(name: str, description: str) -> Feature:
    """Builds the feature of a single field."""
    default = getattr(_EMPTY, name)
    return Feature(
        description=description,
        has=lambda record: getattr(record, name) != default,
        drop=lambda record, _: replace(record, **{name: default}),
    )


FIELDS = {
    "answer": "final answer",
    "correct": "whether the final answer is right",
    "finished": "that the solution did not reach its end",
    "reference": "reference answer",
    "reference_solution": "reference solution",
    "level": "level of the problem",
    "subject": "subject of the problem",
    "problem_id": "name of the problem",
    "dataset": "data set of the problem",
    "solution_id": "name of the solution",
    "sample": "number of the solution",
    "generator": "model that wrote the solution",
    "labeler": "labeler of the steps",
    "generation": "generation of the data collection",
    "finish_reason": "why labeling ended",
    "screening": "that it served to screen labelers",
    "quality_control": "that it served to check labelers",
    "prm_score": "a PRM's score of the whole solution",
    "orm_score": "an ORM's score of the whole solution",
}
"""Features that are each one field of the record."""

FEATURES: dict[str, Feature] = {
    "alternatives": Feature(
        description="alternatives of a step",
        has=lambda record: bool(record.open_candidates) or any(step.alternatives for step in record.steps),
        drop=_without_alternatives,
    ),
    "step_scores": _field("step_scores", "step scores of further labelers"),
    "solution_scores": _field("solution_scores", "scores of the whole solution by further labelers"),
    "human": Feature(
        description="that a person wrote a step",
        has=lambda record: any(step.human for step in record.steps),
        drop=lambda record, _: replace(
            record, steps=tuple(replace(step, human=False) for step in record.steps)
        ),
    ),
    "labels": Feature(
        description="labels of steps",
        has=lambda record: any(candidate.label is not None for candidate in record.candidates()),
        drop=lambda record, _: record.relabeled(lambda label: None),
    ),
    "soft": Feature(
        description="probabilities of steps; they become ratings by the threshold",
        has=_holds(Probabilities),
        drop=_rated,
    ),
    "three_classes": Feature(
        description="P(neutral); it counts as P(right)",
        has=lambda record: any(_two_classes(step.label) != step.label for step in record.candidates()),
        drop=lambda record, _: record.relabeled(_two_classes),
    ),
    "neutral": Feature(
        description="neutral ratings; they count as right",
        has=lambda record: any(type(step.label) is int and step.label == 0 for step in record.candidates()),
        drop=lambda record, _: record.relabeled(lambda label: 1 if label == 0 else label),
    ),
    "ratings": Feature(
        description="ratings; they become probabilities 0 and 1",
        has=_holds(int),
        drop=lambda record, _: record.relabeled(_certain),
    ),
    "after_error": Feature(
        description="labels after the first error",
        has=lambda record: any(step.label is not None for step in _after_error(record)),
        drop=_unlabeled_after_error,
    ),
    "unlabeled_after_error": Feature(
        description="unlabeled steps after the first error; the solution is cut before them",
        has=lambda record: any(step.label is None for step in _after_error(record)),
        drop=lambda record, _: record.cut(record.labels.index(None, record.first_error or 0)),
    ),
    "unlabeled": Feature(
        description="unlabeled steps; the solution is cut before the first",
        has=_partly_labeled,
        drop=lambda record, _: record.cut(record.labels.index(None)),
    ),
    "steps": Feature(
        description="solutions",
        has=lambda record: bool(record.steps),
        drop=lambda record, _: record.cut(0),
    ),
    "line_breaks": Feature(
        description="line breaks within steps; each line becomes a step",
        has=lambda record: any("\n" in text for text in record.texts),
        drop=_lines,
    ),
    "numbering": Feature(
        description="the words 'Step N: ' in the texts; the format numbers steps itself",
        has=_numbered,
        drop=_without_numbers,
    ),
    **{name: _field(name, description) for name, description in FIELDS.items()},
    "answer_form": Feature(
        description="right final answers spelled unlike the reference; the reference takes their place",
        has=lambda record: (
            record.correct is True and record.reference is not None and record.answer != record.reference
        ),
        drop=lambda record, _: replace(record, answer=record.reference),
    ),
}
"""Everything a record may hold besides the problem's text and unlabeled steps, in the order of dropping."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """Something that a format cannot do without."""

    description: str
    has: Callable[[LabeledSolution], bool]


NEEDS: dict[str, Need] = {
    "steps": Need(description="any step", has=lambda record: bool(record.steps)),
    "labels": Need(
        description="a labeled step", has=lambda record: any(step.label is not None for step in record.steps)
    ),
    "reference": Need(description="a reference answer", has=lambda record: record.reference is not None),
    "reference_solution": Need(
        description="a reference solution", has=lambda record: record.reference_solution is not None
    ),
    "correct": Need(
        description="a verdict on the final answer", has=lambda record: record.correct is not None
    ),
    "right": Need(description="a right final answer", has=lambda record: record.correct is True),
    "ended": Need(
        description="an answer and an end, though labeled right",
        has=lambda record: not record.correct or (bool((record.answer or "").strip()) and record.finished),
    ),
}
