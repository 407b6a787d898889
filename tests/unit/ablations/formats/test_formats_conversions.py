"""What conversions must never do: make an error disappear, or lose a field without a word."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations.commands import cli
from ablations.data.left_out import LeftOut
from ablations.formats.catalogue import FORMATS, WRITTEN
from ablations.formats.conversion import Conversion, convert
from ablations.formats.labeled_solution import Candidate, LabeledSolution, Probabilities, SolutionStep
from ablations.formats.losses import ERROR_CUT, NO_ERROR_SHOWN, fitted
from ablations.formats.rated_solutions import read_rated
from tests.unit.ablations.formats.test_formats import ENDED, FULL, everything, records
from tests.unit.ablations.formats.test_formats_by_hand import (
    BENCH,
    MATH_500,
    PATHS,
    SCORED,
    completion,
    phase_2,
    tried,
)

LABELLED = [name for name in WRITTEN if "labels" in FORMATS[name].abilities.carries]


def converted(source, target, record, folder):
    """The account, and what the target's reader finds; the record is cut down to the source first."""
    form, other = FORMATS[source], FORMATS[target]
    form.write(folder / "in.jsonl", [record])
    how = Conversion(source=form, target=other, options=everything(form), threshold=0.5)
    account = convert(folder / "in.jsonl", folder / "out.jsonl", how)
    return account, list(other.read(folder / "out.jsonl", **everything(other)))


@given(source=st.sampled_from(LABELLED), target=st.sampled_from(LABELLED), record=records())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_error_disappears(source, target, record, tmp_path_factory):
    """Whatever is converted to whatever: an error stays one, or its solution is left out and counted."""
    record = fitted(record, FORMATS[source].abilities, threshold=0.5).record
    if record is None or not FORMATS[source].tells_apart(record):
        return
    account, found = converted(source, target, record, tmp_path_factory.getbasetemp())
    assert account.read == account.written + sum(account.left_out.values()) == 1
    assert len(found) == account.written
    for one in found:
        kept = one.has_error or any(0 in scores for scores in one.step_scores.values())
        assert not record.has_error or kept
        assert not record.error_not_shown or one.error_not_shown
        assert account.lost or one.labels == record.labels


def converted_rows(source, target, *rows, folder, options=()):
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    paths = [str(folder / "in.jsonl"), str(folder / "out.jsonl")]
    cli.main(["convert", "--from", source, "--to", target, *options, *paths])
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


A = tried(completion("a", 1), chosen=0)


@pytest.mark.parametrize(
    "last",
    [
        [completion("b ", -1)],  # only white space differs from the pre-generated b
        [completion("another", -1)],  # the only candidate
        [completion("x", 1), completion(" b", -1)],
    ],
)
def test_the_step_that_ended_the_labeling_is_the_error(last, tmp_path):
    (row,) = converted_rows("prm800k", "processbench", phase_2([A, tried(*last)]), folder=tmp_path)
    error = next(one["text"] for one in last if one["rating"] == -1)
    assert (row["steps"], row["label"]) == (["a", error], 1)


@pytest.mark.parametrize(
    "steps",
    [
        [A, tried(completion("x", -1), completion("y", -1))],  # neither is the pre-generated b
        [A, tried(completion("b", 1))],
        [A, tried(completion("b", None))],
        [A],
        [A, tried()],
    ],
)
@pytest.mark.parametrize("target", [one for one in LABELLED if one != "prm800k"])
def test_a_solution_whose_error_is_not_found_is_left_out(target, steps, tmp_path, capsys):
    rows = [phase_2(steps)]
    if target == "pool":
        rows = [rows[0] | {"question": rows[0]["question"] | {"pre_generated_answer": "3"}}]
    assert converted_rows("prm800k", target, *rows, folder=tmp_path) == []
    assert f"left out: {NO_ERROR_SHOWN}" in capsys.readouterr().out


def test_its_candidates_are_still_learned_from(tmp_path):
    row = phase_2([A, tried(completion("x", -1), completion("y", -1))])
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (rated,) = read_rated(tmp_path / "a.jsonl", LeftOut(), options={}, threshold=None)
    found = [(branch.steps, branch.ratings) for branch in rated.branches]
    assert found == [(("a",), (1,)), (("a", "x"), (None, -1)), (("a", "y"), (None, -1))]


@pytest.mark.parametrize("target", ["math_shepherd", "rlhflow"])
def test_no_solution_is_cut_before_its_error(target):
    """Cut before the unlabeled step, what is left would be a solution without an error."""
    steps = tuple(SolutionStep(text=text, label=label) for text, label in (("a", 1), ("b", None), ("c", -1)))
    fit = fitted(LabeledSolution(problem="1+1?", steps=steps), FORMATS[target].abilities)
    assert (fit.record, fit.why, fit.lost) == (None, ERROR_CUT, ())
    early = tuple(replace(step, label=label) for step, label in zip(steps, (-1, None, 1), strict=True))
    fit = fitted(LabeledSolution(problem="1+1?", steps=early), FORMATS[target].abilities)
    assert fit.record.labels == (-1,)


@pytest.mark.parametrize(
    ("text", "problem", "step"),
    [
        (
            "Do this. Step 1: add. Step 2: halve 4. Step 1: 2 ки",
            "Do this. Step 1: add. Step 2: halve 4.",
            "2",
        ),
        ("In Step 1: why? step 1: a ки", "In Step 1: why?", "a"),
        ("What is Step 1 of 2? Step 1: a ки", "What is Step 1 of 2?", "a"),
        ("1+1? Step 1: Step 1: a ки", "1+1?", "Step 1: a"),  # numbered twice
    ],
)
def test_a_problem_that_speaks_of_step_1_is_not_cut(text, problem, step, tmp_path):
    row = {"input": text, "label": text.replace("ки", "-")}
    (found,) = converted_rows("math_shepherd", "trl", row, folder=tmp_path)
    assert found == {"prompt": problem, "completions": [step], "labels": [False]}
    turns = [{"role": "user", "content": text.removesuffix(" ки")}, {"role": "assistant", "content": "-"}]
    assert converted_rows("rlhflow", "trl", {"conversations": turns}, folder=tmp_path) == [found]


@pytest.mark.parametrize("form", WRITTEN)
def test_a_row_that_is_converted_to_itself_is_the_same(form, tmp_path):
    """But for the fields that the account names."""
    here = FORMATS[form]
    record = fitted(replace(FULL.cut(1), **ENDED), here.abilities).record
    here.write(tmp_path / "a.jsonl", [record])
    row = json.loads((tmp_path / "a.jsonl").read_text())
    more = add_fields(row)
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    how = Conversion(source=here, target=here, options=everything(here))
    account = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", how)
    assert (tmp_path / "out.jsonl").read_text() == (tmp_path / "a.jsonl").read_text()
    assert account.unread.keys() == {name for name in more if not name.startswith(WHOLE)}


WHOLE = (
    *("step_scores.", "solution_scores.", "samples[].step_scores.", "samples[].solution_scores."),
    *("rating_probs[].", "label.steps[].human_completion."),
)
"""Fields that are read with all that they hold, or that the row does not have."""


def add_fields(row, of=""):
    """Adds a field to every object within a row; returns their names."""
    names = set()
    for name, value in row.items():
        inner = f"{of}{name}[]." if isinstance(value, list) else f"{of}{name}."
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and not inner.startswith(WHOLE):
                names |= add_fields(one, inner)
    row["extra"] = "x"
    return names | {f"{of}extra"}


def test_fields_that_no_reader_reads_are_counted(tmp_path, capsys):
    flagged = phase_2([tried(completion("a", 1, flagged=True), chosen=0), tried(completion("b", -1))])
    converted_rows("prm800k", "prm800k", flagged, phase_2([A], "solution"), folder=tmp_path)
    told = [line.split() for line in capsys.readouterr().out.splitlines() if "not read" in line]
    assert [(words[4], words[-1]) for words in told] == [
        ("label.steps[].completions[].flagged", "1"),
        ("label.total_time", "2"),
        ("question.pre_generated_steps", "2"),
        ("timestamp", "2"),
    ]
    converted_rows("processbench", "trl", BENCH | {"dataset": "math", "note": None}, folder=tmp_path)
    told = [line for line in capsys.readouterr().out.splitlines() if "not read" in line]
    assert len(told) == 1 and told[0].split()[4:] == ["dataset", "1"]


def test_scored_samples_become_a_pool_that_can_be_evaluated(tmp_path, capsys):
    """P(right or neutral) 0.75 and 0 are a labeler's scores, no truth; what the pool has not, it counts."""
    about = {"subject": "Algebra", "level": 2, "unique_id": "test/algebra/1.json"}
    rows = [SCORED | about, SCORED | about | {"answer": "2", "is_correct": True}]
    rows += [row | {"problem": "2+2?", "unique_id": "test/algebra/2.json"} for row in rows]
    (row, other) = converted_rows("scored_samples", "pool", *rows, folder=tmp_path)
    assert (row["problem_id"], other["problem_id"]) == ("test/algebra/1.json", "test/algebra/2.json")
    assert [one["step_scores"] for one in row["samples"]] == [{"rating_probs": [0.75, 0.0]}] * 2
    told = capsys.readouterr().out
    for lost in ("level of the problem", "subject of the problem", "P(neutral); it counts as P(right)"):
        assert f"lost: {lost}" in told
    cli.main(["evaluate", str(tmp_path / "out.jsonl"), "--out", str(tmp_path / "report")])
    assert "rating_probs" in capsys.readouterr().out


def test_scored_samples_keep_what_they_say_of_the_problem(tmp_path):
    about = {"subject": "Algebra", "level": 2, "unique_id": "test/algebra/1.json"}
    assert converted_rows("scored_samples", "scored_samples", SCORED | about, folder=tmp_path) == [
        SCORED | about
    ]


def test_soft_labels_stay_where_they_can(tmp_path):
    row = {"prompt": "1+1?", "completions": ["a", "b"], "labels": [0.75, 0.5]}
    assert converted_rows("trl", "trl", row, folder=tmp_path) == [row]
    argv = ["convert", "--from", "trl", "--to", "processbench", str(tmp_path / "in.jsonl")]
    assert cli.main([*argv, str(tmp_path / "none.jsonl")]) == 2  # a threshold is needed
    found = converted_rows("trl", "processbench", row, folder=tmp_path, options=["--threshold", "0.4"])
    assert found[0]["label"] == 1  # P(wrong) 0.25, 0.5


def test_an_error_is_a_step_that_is_surely_wrong():
    open_end = LabeledSolution(
        problem="?", finish_reason="found_error", open_candidates=(Candidate(text="a", label=-1),)
    )
    assert open_end.error_not_shown and not open_end.has_error
    for label, error in ((-1, True), (0, False), (None, False), (Probabilities.of_right(0.0), True)):
        record = LabeledSolution(
            problem="?", steps=(SolutionStep(text="a", label=label),), finish_reason="found_error"
        )
        assert (record.has_error, record.error_not_shown) == (error, not error)


def test_paths_and_problems_lose_nothing(tmp_path, capsys):
    for form, row in (("prm800k_paths", PATHS | {"given_answer": "3"}), ("math", MATH_500)):
        assert converted_rows(form, form, row, folder=tmp_path) == [row]
        told = capsys.readouterr().out
        assert "lost" not in told and "not read" not in told
