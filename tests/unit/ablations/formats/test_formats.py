"""Every format alike: what it carries comes back bit for bit, what it does not is told."""

import gzip
from collections import Counter
from dataclasses import fields, replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefixes import labeled_prefixes

from ablations.formats.annotation_file import FINISH_REASONS
from ablations.formats.catalogue import FORMATS, WRITTEN
from ablations.formats.labeled_solution import (
    Candidate,
    LabeledSolution,
    Probabilities,
    SolutionStep,
    each_alternative,
)
from ablations.formats.losses import FEATURES, FIELDS, NEEDS, fitted
from ablations.formats.overlap import held_out_problems
from ablations.formats.questions import letters_and_digits
from ablations.formats.rows import ReadHooks, read_rows, whole, write_rows

MARKS = [
    "a",
    "?",
    " ",
    "\n",
    "ки",
    "Step 1: ",
    "step 2: ",
    "Step 2:",
    "+",
    "-",
    "#### ",
    "é",
    "<<1=1>>",
    "\r",
]
text = st.lists(st.sampled_from(MARKS), min_size=1, max_size=5).map("".join) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=5
)
name = st.none() | st.sampled_from(["a", "b", "labels"])
share = st.floats(0, 1)


def three_classes(wrong, of_rest):
    neutral = (1 - wrong) * of_rest
    return Probabilities(wrong=wrong, neutral=neutral, right=max(0.0, 1 - wrong - neutral))


LABELS = {
    "ratings": st.sampled_from([-1, 0, 1]),
    "probabilities": share.map(Probabilities.of_right),
    "three classes": st.builds(three_classes, share, share),
    "nothing": st.none(),
}


@st.composite
def records(draw):
    """Anything that a record may hold; more often than not what formats need."""
    label = LABELS[draw(st.sampled_from(sorted(LABELS)))]
    if draw(st.booleans()):
        label = st.none() | label
    candidates = st.lists(st.builds(Candidate, text=text, label=label), max_size=2).map(tuple)
    step = st.builds(SolutionStep, text=text, label=label, alternatives=candidates, human=st.booleans())
    steps = draw(st.lists(step, max_size=4).map(tuple))
    number = st.floats(allow_nan=False, allow_infinity=False)
    scores = st.lists(share, min_size=len(steps), max_size=len(steps)).map(tuple)
    reference = draw(text | st.none())
    return LabeledSolution(
        problem=draw(text),
        problem_id=draw(name),
        reference=reference,
        reference_solution=draw(text | st.none()),
        level=draw(st.none() | st.integers(1, 5)),
        subject=draw(name),
        dataset=draw(name),
        steps=steps,
        open_candidates=draw(candidates),
        step_scores=draw(st.dictionaries(st.sampled_from(["prm", "q", "labels"]), scores, max_size=2)),
        solution_scores=draw(st.dictionaries(st.sampled_from(["orm", "q"]), number, max_size=2)),
        answer=draw(st.just(reference) | text | st.none()),
        correct=draw(st.sampled_from([True, True, False, None])),
        finished=draw(st.sampled_from([True, True, False])),
        finish_reason=draw(st.none() | st.sampled_from(FINISH_REASONS)),
        prm_score=draw(st.none() | number),
        orm_score=draw(st.none() | number),
        solution_id=draw(name),
        sample=draw(st.none() | st.integers(0, 9)),
        generator=draw(name),
        labeler=draw(name),
        generation=draw(st.none() | st.integers(-1, 9)),
        screening=draw(st.booleans()),
        quality_control=draw(st.booleans()),
    )


def everything(form):
    return {option: True for option in form.options if option.startswith("keep_")}


FULL = LabeledSolution(
    problem="1+1?",
    problem_id="p0",
    reference="2",
    reference_solution="It is \\boxed{2}.",
    level=1,
    subject="Algebra",
    dataset="MATH",
    steps=(
        SolutionStep(text="Step 1: a", label=1, alternatives=(Candidate(text="x", label=-1),)),
        SolutionStep(text="Step 2: b\nc", label=0, human=True),
        SolutionStep(text="Step 3: d", label=-1),
        SolutionStep(text="Step 4: e", label=1),
        SolutionStep(text="Step 5: f"),
    ),
    open_candidates=(Candidate(text="y", label=1),),
    step_scores={"prm": (0.0, 0.25, 0.5, 0.75, 1.0)},
    solution_scores={"orm": -3.5},
    answer="two",
    correct=True,
    finished=False,
    finish_reason="found_error",
    prm_score=0.5,
    orm_score=0.25,
    solution_id="s0",
    sample=3,
    generator="gpt",
    labeler="ann",
    generation=6,
    screening=True,
    quality_control=True,
)
"""A record that holds every feature that ratings allow."""
ENDED = {"finished": True, "finish_reason": "solution"}


@pytest.mark.parametrize("form", FORMATS)
def test_its_abilities_are_known(form):
    abilities = FORMATS[form].abilities
    assert abilities.carries <= FEATURES.keys() and abilities.needs <= NEEDS.keys()
    assert abilities.leaves_out <= FEATURES.keys() - abilities.carries
    assert abilities.makes_up <= abilities.carries & FIELDS.keys()
    assert FORMATS[form].keys


@pytest.mark.parametrize("form", WRITTEN)
class TestConformance:
    @given(st.data())
    @settings(max_examples=30, deadline=None)
    def test_what_it_carries_survives_bit_for_bit(self, form, tmp_path_factory, data):
        here = FORMATS[form]
        count = data.draw(st.integers(1, 3)) if form != "pool" else 1  # a pool's problems are unique
        given_ = [data.draw(records()) for _ in range(count)]
        fits = (fitted(record, here.abilities, threshold=0.5).record for record in given_)
        carried = [fit for fit in fits if fit is not None and here.tells_apart(fit)]
        made_up = {"sample": 0, "problem_id": "p", "solution_id": "s"}
        for i, record in enumerate(carried):
            missing = {key for key in here.abilities.makes_up if getattr(record, key) is None}
            carried[i] = replace(record, **{key: made_up[key] for key in missing})
        end = data.draw(st.sampled_from(["", ".gz", ".zst"]))
        path = tmp_path_factory.getbasetemp() / f"any{here.suffix}{end}"
        here.write(path, iter(carried))
        found = list(here.read(path, **everything(here)))
        assert found == carried
        assert repr(found) == repr(carried)  # tells 1, 1.0 and True apart

    @given(record=records())
    @settings(max_examples=30, deadline=None)
    def test_cutting_down_is_final_and_told(self, form, record):
        abilities = FORMATS[form].abilities
        fit = fitted(record, abilities, threshold=0.5)
        if fit.record is None:
            assert fit.why and not fit.lost
            return
        again = fitted(fit.record, abilities, threshold=0.5)
        assert again.record == fit.record and again.lost == ()
        assert not abilities.carries & set(fit.lost)
        assert bool(fit.lost) == (fit.record != record)
        for field in FIELDS:  # each by itself
            default = getattr(LabeledSolution(problem="x"), field)
            lost = getattr(record, field) != default and field not in abilities.carries
            assert (field in fit.lost) == lost
            if field in abilities.carries and (field != "answer" or "answer_form" in abilities.carries):
                assert getattr(fit.record, field) == getattr(record, field)

    def test_nothing_is_left_of_a_file_that_failed(self, form, tmp_path):
        here = FORMATS[form]

        def failing():
            yield from ()
            raise KeyError("on the way")

        with pytest.raises(KeyError):
            here.write(tmp_path / "a.jsonl", failing())
        assert list(tmp_path.iterdir()) == []

    def test_it_writes_no_record_that_it_cannot_carry(self, form, tmp_path):
        here = FORMATS[form]
        good = fitted(replace(FULL.cut(1), **ENDED), here.abilities).record
        here.write(tmp_path / "a.jsonl", [good])
        with pytest.raises(ValueError, match=r"^record 1: found .*; allowed: what the format carries"):
            here.write(tmp_path / "b.jsonl", [good, FULL])
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]

    def test_missing_names_are_made_up(self, form, tmp_path):
        here = FORMATS[form]
        bare = replace(FULL.cut(1), problem_id=None, sample=None, solution_id=None, **ENDED)
        fit = fitted(bare, here.abilities)
        here.write(tmp_path / "a.jsonl", [fit.record])
        (found,) = here.read(tmp_path / "a.jsonl", **everything(here))
        for field in here.abilities.makes_up:
            assert getattr(found, field) is not None


@pytest.mark.parametrize("form", ["math_shepherd", "rlhflow"])
@pytest.mark.parametrize(("problem", "step"), [("Is this Step 1: no?", "see Step 1: a"), ("\nstep 1:", "a")])
def test_texts_with_the_marks_of_a_format_are_refused(form, problem, step, tmp_path):
    record = LabeledSolution(problem=problem, steps=(SolutionStep(text=step, label=1),))
    assert not FORMATS[form].tells_apart(record)
    with pytest.raises(ValueError, match="record 0: found texts that hold the format's own marks"):
        FORMATS[form].write(tmp_path / "a.jsonl", [record])


def test_every_field_of_a_record_is_a_feature():
    apart = {"problem", "steps", "open_candidates", "step_scores", "solution_scores"}
    assert {one.name for one in fields(LabeledSolution)} - apart == FIELDS.keys()
    not_held = [key for key, one in FEATURES.items() if not one.has(FULL)]
    # the first two are of probabilities, and FULL's unlabeled step stands behind an error
    assert not_held == ["soft", "three_classes", "unlabeled"]


def labels_of(record):
    return [step.label for step in record.steps]


LOSSES = {
    # format: (what FULL loses beside the fields, or why it is left out)
    "prm800k": (["step_scores", "solution_scores"], [1, 0, -1, 1, None]),
    "prm800k_paths": (["alternatives", "human"], [1, 0, -1, 1, None]),
    "trl": (["alternatives", "step_scores", "solution_scores", "human", "neutral"], [1, 1, -1, 1, None]),
    "math_shepherd": (
        [
            "alternatives",
            "step_scores",
            "solution_scores",
            "human",
            "neutral",
            "unlabeled_after_error",
            "numbering",
        ],
        [1, 1, -1, 1],
    ),
    "rlhflow": (
        [
            "alternatives",
            "step_scores",
            "solution_scores",
            "human",
            "neutral",
            "unlabeled_after_error",
            "numbering",
        ],
        [1, 1, -1, 1],
    ),
    "processbench": (
        ["alternatives", "human", "neutral", "after_error"],
        [1, 1, -1, None, None],
    ),
    "math": (["alternatives", "step_scores", "solution_scores", "human", "labels", "steps"], []),
    "gsm8k": (
        ["alternatives", "step_scores", "solution_scores", "human", "labels", "line_breaks", "answer_form"],
        [None] * 6,  # the line break makes one more
    ),
    "problems": (["alternatives", "step_scores", "solution_scores", "human", "labels", "steps"], []),
    "scored_samples": "unlabeled steps",
    "pool": "unlabeled steps",
}


@pytest.mark.parametrize("form", LOSSES)
def test_what_a_full_record_loses(form):
    fit = fitted(FULL, FORMATS[form].abilities)
    if isinstance(LOSSES[form], str):
        assert (fit.record, fit.why) == (None, LOSSES[form])
        return
    lost, labels = LOSSES[form]
    assert [key for key in fit.lost if key not in FIELDS] == lost
    assert labels_of(fit.record) == labels


def soft(*labels):
    steps = tuple(SolutionStep(text=f"s{i}", label=label) for i, label in enumerate(labels))
    return LabeledSolution(problem="1+1?", reference="2", answer="2", correct=True, steps=steps)


def test_ratings_become_sure_probabilities():
    fit = fitted(soft(1, 0, -1), FORMATS["scored_samples"].abilities)
    sure = [Probabilities(wrong=w, neutral=n, right=r) for w, n, r in ((0, 0, 1), (0, 1, 0), (1, 0, 0))]
    assert labels_of(fit.record) == sure and fit.lost == ("ratings",)
    fit = fitted(soft(1, 0, -1), FORMATS["pool"].abilities)  # where neutral counts as right
    assert [label.right for label in labels_of(fit.record)] == [1, 1, 0] and fit.lost == (
        "neutral",
        "ratings",
    )


def test_probabilities_become_ratings_by_the_threshold():
    """P(wrong) 0.2, 0.3, 0.1: what exceeds 0.2 is wrong; the last is more probably neutral than right."""
    three = Probabilities(wrong=0.1, neutral=0.5, right=0.4)
    record = soft(Probabilities(wrong=0.2, right=0.8), Probabilities(wrong=0.3, right=0.7), three)
    fit = fitted(record, FORMATS["prm800k_paths"].abilities, threshold=0.2)
    assert labels_of(fit.record) == [1, -1, 0] and fit.lost == ("soft", "correct")
    with pytest.raises(ValueError, match="^threshold: found none; allowed: a number in"):
        fitted(record, FORMATS["prm800k_paths"].abilities)
    with pytest.raises(ValueError, match="^threshold: found 20; allowed: a number in"):
        fitted(record, FORMATS["prm800k_paths"].abilities, threshold=20)
    # no threshold is needed where probabilities stay; P(neutral) counts as right: 1 - 0.1
    fit = fitted(record, FORMATS["trl"].abilities)
    assert [label.right for label in labels_of(fit.record)] == [0.8, 0.7, 0.9]
    assert fit.lost == ("three_classes", "answer", "correct", "reference")


@given(records(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_alternatives_as_records_hold_each_label_once(record, repeat):
    parts = list(each_alternative(record, repeat=repeat))
    assert parts[0].texts == record.texts and parts[0].labels == record.labels
    told = Counter()
    for i, part in enumerate(parts):
        prefixes = list(labeled_prefixes(part))
        told.update(prefixes if i == 0 or not repeat else prefixes[-1:])
        if i and repeat:
            assert None not in part.labels  # the format has no unlabeled steps
    assert told == Counter(labeled_prefixes(record))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problem": ""}, "problem: found an empty one"),
        ({"finish_reason": "tired"}, "finish_reason: found 'tired'"),
        ({"step_scores": {"prm": (0.5,)}}, r"step_scores\['prm'\]: found 1; allowed: 0, one per step"),
        (
            {
                "steps": (
                    SolutionStep(text="a", label=1),
                    SolutionStep(text="b", label=Probabilities.of_right(0.5)),
                )
            },
            "labels: found ratings and probabilities",
        ),
    ],
)
def test_records_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        LabeledSolution(**{"problem": "1+1?"} | options)


@pytest.mark.parametrize("label", [True, 2, 0.5, "1"])
def test_labels_that_cannot_be(label):
    with pytest.raises(ValueError, match="label: found .*; allowed: -1, 0, 1, Probabilities or None"):
        Candidate(text="a", label=label)
    with pytest.raises(ValueError, match="text: found an empty step"):
        Candidate(text="")


@pytest.mark.parametrize("shares", [(0.5, 0, 0.6), (-0.1, 0, 1.1), (float("nan"), 0, 1)])
def test_probabilities_that_cannot_be(shares):
    wrong, neutral, right = shares
    with pytest.raises(ValueError, match="allowed: probabilities in"):
        Probabilities(wrong=wrong, neutral=neutral, right=right)


def rows_of(path, reading=None):
    return list(read_rows(path, lambda row: [(row.line, row)], reading))


@pytest.mark.parametrize("end", ["", ".gz", ".zst"])
def test_files_are_compressed_by_name(end, tmp_path):
    path = tmp_path / f"a.jsonl{end}"
    write_rows(path, ({"n": n} for n in range(2500)))
    told = []
    assert rows_of(path, ReadHooks(progress=told.append)) == [(n + 1, {"n": n}) for n in range(2500)]
    assert told == sorted(told) and len(told) == 26 and told[-1] == path.stat().st_size
    content = path.read_bytes()
    write_rows(path, ({"n": n} for n in range(2500)))
    assert path.read_bytes() == content  # no time stamp
    path.write_bytes(content + content)  # files may be joined
    assert len(rows_of(path)) == 5000


def test_other_tools_read_the_compressed_files(tmp_path):
    write_rows(tmp_path / "a.gz", [{"n": "é"}])
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == '{"n": "é"}\n'
    write_rows(tmp_path / "a.zst", [{"n": "é"}])
    with pa.input_stream(str(tmp_path / "a.zst"), compression="zstd") as file:
        assert file.read().decode() == '{"n": "é"}\n'


@pytest.mark.parametrize("end", [".gz", ".zst"])
@pytest.mark.parametrize("content", [b'{"n": 1}\n', None])
def test_damaged_files(end, content, tmp_path):
    path = tmp_path / f"a{end}"
    write_rows(path, ({"n": n} for n in range(100)))
    path.write_bytes(content or path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r":\d+: field \(line\): found .*; allowed: UTF-8 text, gzipped if"):
        rows_of(path, ReadHooks(aside=lambda line: None))


def test_a_file_takes_its_place_once_it_is_whole(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("before")
    with pytest.raises(KeyError), whole(path) as file:
        file.write(b"new")
        assert path.read_text() == "before"
        raise KeyError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_overlap_is_found_whatever_the_format_and_the_spelling(tmp_path):
    held_out = tmp_path / "test.jsonl"
    problems = ["What is  1+1?", "Other"]
    FORMATS["trl"].write(
        held_out, [LabeledSolution(problem=one, steps=(SolutionStep(text="a", label=1),)) for one in problems]
    )
    mine = [LabeledSolution(problem="what is\n1+1? "), LabeledSolution(problem="What is 2+2?")]
    found = held_out_problems([held_out])
    assert [one for one in mine if letters_and_digits(one.problem) in found] == mine[:1]


def test_overlap_with_rows_that_are_dropped_by_default(tmp_path):
    held_out = tmp_path / "test.jsonl"
    FORMATS["prm800k"].write(held_out, [LabeledSolution(problem="1+1?", screening=True)])
    assert list(FORMATS["prm800k"].read(held_out)) == []
    assert held_out_problems([held_out]) == {"11": held_out}
