"""PRM800K's raw rows, phase 1 and phase 2: people's ratings of every candidate step that was tried.

A row is one solution: ``question`` holds the problem, ``label.steps[i].completions`` the candidates for step
i with their ratings -1, 0 (neutral, a label of its own) or 1, and ``chosen_completion`` the candidate from
which the next step continues. If that is null, the next step continues from a person's ``human_completion``;
the last step may have none. If labeling ended at an error (``found_error``), the last step is the solution's
own, which is rated wrong: the candidate that is in ``pre_generated_steps`` (ignoring white space), or the
only one, or the first one if nothing is pre-generated. The other candidates of a step are its alternatives:
separate targets after the steps chosen before, never steps of the solution. In phase 1 ``generation`` is
null; in phase 2 it counts, with -1 for the screening. Phase 1 has no ``pre_generated_answer``: if labeling
reached the end (``solution``), the answer is the one that the steps state.

The position of the chosen candidate among the others is lost.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.formats.annotation_file import FINISH_REASONS
from ablations.formats.format import Format
from ablations.formats.labeled_solution import Candidate, LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, ReadHooks, integer, read_rows
from ablations.formats.step_fields import read_rating
from ablations.grading.extraction import extract_answer

FIELDS = frozenset({"labeler", "generation", "is_quality_control_question", "is_initial_screening_question"})
FIELDS |= {
    f"question.{name}"
    for name in ("problem", "ground_truth_solution", "ground_truth_answer", "pre_generated_steps")
}
FIELDS |= {"question.pre_generated_answer", "question.pre_generated_verifier_score", "label.finish_reason"}
FIELDS |= {f"label.steps[].completions[].{name}" for name in ("text", "rating")}
FIELDS |= {f"label.steps[].human_completion.{name}" for name in ("text", "rating", "source")}
FIELDS |= {"label.steps[].chosen_completion"}


def _read(
    path: str | Path,
    hooks: ReadHooks | None = None,
    *,
    keep_screening: bool = False,
    keep_quality_control: bool = False,
    keep_give_up: bool = False,
    keep_bad_problem: bool = False,
    rest: bool = False,
) -> Iterator[LabeledSolution]:
    """Reads a file's records, one per row.

    Args:
        path: the file to read.
        hooks: called while reading.
        keep_screening: keep the questions used to screen every labeler.
        keep_quality_control: keep the solutions used to check labelers.
        keep_give_up: keep the solutions that a labeler gave up on.
        keep_bad_problem: keep the problems that a labeler reported as broken.
        rest: add the pre-generated steps after the last labeled one, unlabeled.

    Raises:
        ValueError: a row is malformed.
    """
    hooks = hooks or ReadHooks()
    dropped = hooks.dropped or (lambda kind: None)
    unread = hooks.unread or (lambda names: None)
    for record, generated in read_rows(path, _parse, hooks, FIELDS):
        if record.screening and not keep_screening:
            dropped("initial screening questions")
        elif record.quality_control and not keep_quality_control:
            dropped("quality control questions")
        elif record.finish_reason == "give_up" and not keep_give_up:
            dropped("solutions given up on (give_up)")
        elif record.finish_reason == "bad_problem" and not keep_bad_problem:
            dropped("broken problems (bad_problem)")
        else:
            whole = _with_rest(record, generated) if rest else record
            if generated is not None and generated != whole.texts:
                unread({"question.pre_generated_steps (those that are no steps of the chosen path)"})
            yield whole


def _parse(row: Fields) -> list[tuple[LabeledSolution, tuple[str, ...] | None]]:
    question, label = row.mapping("question"), row.mapping("label")
    generated = None
    if question.get("pre_generated_steps") is not None:
        generated = question.texts("pre_generated_steps", required=False)
    reason = label.get("finish_reason")
    allowed = f"null, {', '.join(FINISH_REASONS)}"
    label.check("finish_reason", reason, reason is None or reason in FINISH_REASONS, allowed)
    steps: list[SolutionStep] = []
    open_candidates: tuple[Candidate, ...] = ()
    last = len(label.array("steps")) - 1
    for i, fields in enumerate(label.objects("steps")):
        candidates = _candidates(fields)
        default = _default_choice(generated, i, candidates) if i == last and reason == "found_error" else None
        step = _step(fields, candidates, default)
        if step is not None:
            steps.append(step)
        elif i == last:
            open_candidates = candidates
        else:
            raise fields.fault("chosen_completion", None, "an index, because a step follows")
    record = LabeledSolution(
        problem=question.string("problem", filled=True),
        reference=question.optional_name("ground_truth_answer"),
        reference_solution=question.optional_string("ground_truth_solution"),
        steps=tuple(steps),
        open_candidates=open_candidates,
        answer=question.optional_name("pre_generated_answer"),
        finish_reason=reason,
        prm_score=question.optional_number("pre_generated_verifier_score"),
        labeler=row.optional_name("labeler"),
        generation=row.optional_integer("generation"),
        screening=row.optional_boolean("is_initial_screening_question") or False,
        quality_control=row.optional_boolean("is_quality_control_question") or False,
    )
    if record.answer is None and reason == "solution":
        record = replace(record, answer=extract_answer("\n".join(record.texts)))
    return [(record, generated)]


def _candidates(step: Fields) -> tuple[Candidate, ...]:
    if step.get("completions") is None:
        return ()
    return tuple(
        Candidate(text=fields.string("text", filled=True), label=read_rating(fields, "rating"))
        for fields in step.objects("completions")
    )


def _step(step: Fields, candidates: tuple[Candidate, ...], default: int | None) -> SolutionStep | None:
    """Returns the step from which the solution continues; None if there is none."""
    given = step.get("chosen_completion")
    chosen = integer(given)
    if given is not None:
        good = chosen is not None and 0 <= chosen < len(candidates)
        step.check("chosen_completion", given, good, f"null or an index below {len(candidates)}")
    elif step.get("human_completion") is not None:
        human = step.mapping("human_completion")
        text, label = human.string("text", filled=True), read_rating(human, "rating")
        return SolutionStep(text=text, label=label, alternatives=candidates, human=True)
    else:
        chosen = default
    if chosen is None:
        return None
    others = (*candidates[:chosen], *candidates[chosen + 1 :])
    return SolutionStep(text=candidates[chosen].text, label=candidates[chosen].label, alternatives=others)


def _default_choice(
    generated: tuple[str, ...] | None, i: int, candidates: tuple[Candidate, ...]
) -> int | None:
    """Returns the index of the candidate that is the solution's step where labeling ended at an error."""
    if generated is None:
        return 0 if candidates else None
    if i >= len(generated):
        return None
    if len(candidates) == 1:
        return 0
    texts = [candidate.text for candidate in candidates]
    if generated[i] in texts:
        return texts.index(generated[i])
    without_space = ["".join(text.split()) for text in texts]
    target = "".join(generated[i].split())
    return without_space.index(target) if target in without_space else None


def _with_rest(record: LabeledSolution, generated: tuple[str, ...] | None) -> LabeledSolution:
    labeled = len(record.steps)
    if generated is None or record.open_candidates or record.texts != generated[:labeled]:
        return record
    return replace(record, steps=(*record.steps, *(SolutionStep(text=text) for text in generated[labeled:])))


def _row(record: LabeledSolution) -> dict[str, Any]:
    steps = [_step_row(step) for step in record.steps]
    if record.open_candidates:
        completions = [_completion(candidate) for candidate in record.open_candidates]
        steps.append({"completions": completions, "human_completion": None, "chosen_completion": None})
    elif record.finish_reason == "found_error" and steps and record.labels[-1] == -1:
        steps[-1]["chosen_completion"] = None
    return {
        "labeler": record.labeler,
        "timestamp": None,
        "generation": record.generation,
        "is_quality_control_question": record.quality_control,
        "is_initial_screening_question": record.screening,
        "question": {
            "problem": record.problem,
            "ground_truth_solution": record.reference_solution,
            "ground_truth_answer": record.reference,
            "pre_generated_steps": list(record.texts),
            "pre_generated_answer": record.answer,
            "pre_generated_verifier_score": record.prm_score,
        },
        "label": {"steps": steps, "total_time": None, "finish_reason": record.finish_reason},
    }


def _step_row(step: SolutionStep) -> dict[str, Any]:
    others = [_completion(candidate) for candidate in step.alternatives]
    if step.human:
        human = {"text": step.text, "rating": step.label, "source": "human", "flagged": None}
        return {"completions": others or None, "human_completion": human, "chosen_completion": None}
    completions = [_completion(step), *others]
    return {"completions": completions, "human_completion": None, "chosen_completion": 0}


def _completion(candidate: Candidate) -> dict[str, Any]:
    return {"text": candidate.text, "rating": candidate.label, "flagged": None}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "neutral", "alternatives", "human", "steps", "line_breaks"})
        | {"after_error", "unlabeled_after_error", "unlabeled", "numbering"}
        | {"reference", "reference_solution", "answer", "prm_score", "labeler", "generation", "finish_reason"}
        | {"screening", "quality_control"},
    ),
    keys=frozenset({"question", "label"}),
    reader=_read,
    options=frozenset({"keep_screening", "keep_quality_control", "keep_give_up", "keep_bad_problem", "rest"}),
    row=_row,
)
