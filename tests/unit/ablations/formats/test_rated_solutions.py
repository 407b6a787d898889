"""Rated solutions of any format: each label once, after what was chosen before it, none behind an error."""

import json

import numpy as np
import pytest
from paths import SHARED_DATA

from ablations.data.left_out import LeftOut
from ablations.formats.rated_solutions import Branch, Rated, read_rated
from ablations.steps.encoded_ratings import encode_rated
from lightning_modules.encoding import IGNORE

DATA = SHARED_DATA / "prm800k"
REAL = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the PRM800K files in {DATA}")


def completion(text, rating):
    return {"text": text, "rating": rating, "flagged": False}


def raw(steps, reason, problem="1+1+1?", **more):
    return {
        "question": {"problem": problem, "ground_truth_answer": "3", "pre_generated_steps": None},
        "label": {"steps": steps, "finish_reason": reason},
        "generation": None,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
    } | more


def step(*completions, chosen=None, human=None):
    said = None if human is None else completion(human, None)
    return {"completions": list(completions) or None, "human_completion": said, "chosen_completion": chosen}


STEPS = [
    step(completion("1+1=2", 1), completion("1+1=3", -1), completion("Well", 0), chosen=0),
    step(completion("2+1=4", -1), completion("2+1=5", None), human="2+1=3"),
    step(completion("#4", -1), completion("#3", 1)),
]
"""The second step is a person's, who rated the one rated candidate wrong; the last one is wrong."""


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path, **more):
    left_out = LeftOut()
    return list(read_rated(path, left_out, **{"options": {}, "threshold": None} | more)), left_out


def test_each_labeled_alternative_is_a_target_after_the_chosen_steps(tmp_path):
    (one,), left_out = read(write(tmp_path / "raw.jsonl", [raw(STEPS, "found_error")]))
    first, human = "1+1=2", "2+1=3"
    assert one.branches == (
        Branch(steps=(first, human, "#4"), ratings=(1, None, -1)),
        Branch(steps=("1+1=3",), ratings=(-1,)),
        Branch(steps=("Well",), ratings=(0,)),
        Branch(steps=(first, "2+1=4"), ratings=(None, -1)),
        Branch(steps=(first, human, "#3"), ratings=(None, None, 1)),
    )
    assert one.labels == 6  # 3 candidates of the first step, 1 of the second, 2 of the third
    assert left_out.counts == {}


def test_what_readers_drop_and_what_has_no_label_is_counted(tmp_path):
    rows = [
        raw(STEPS, "give_up"),
        raw(STEPS, "solution", is_initial_screening_question=True),
        raw([step(completion("1+1=2", None), chosen=0)], "solution"),
        raw([step(completion("1+1=2", 1), chosen=0)], "solution"),
    ]
    path = write(tmp_path / "raw.jsonl", rows)
    (one,), left_out = read(path)
    assert one.labels == 1
    assert left_out.counts == {
        "solutions given up on (give_up)": 1,
        "initial screening questions": 1,
        "without a label": 1,
    }
    assert left_out.first["without a label"] == ["raw.jsonl, solution 1"]  # the first that the reader gave
    kept, left_out = read(path, options={"keep_give_up": True, "keep_screening": True, "labeler": "no pool"})
    assert [one.labels for one in kept] == [6, 6, 1] and left_out.counts == {"without a label": 1}


def test_labels_behind_the_first_error_are_none(tmp_path):
    row = {"problem": "1+1+1?", "steps": ["1", "2", "3", "4"], "ratings": [1, -1, 1, -1]}
    (one,), _ = read(write(tmp_path / "paths.jsonl", [row]))
    assert one.branches == (Branch(steps=("1", "2"), ratings=(1, -1)),)


def test_probabilities_become_ratings_by_the_threshold(tmp_path):
    # P(wrong) is 0.1, 0.3 and 0.9.
    trl = {"prompt": "1+1?", "completions": ["1", "2", "3"], "labels": [0.9, 0.7, 0.1]}
    path = write(tmp_path / "trl.jsonl", [trl])
    for threshold, ratings in ((0.5, (1, 1, -1)), (0.2, (1, -1))):
        ((one,), _) = read(path, threshold=threshold)
        assert one.branches == (Branch(steps=("1", "2", "3")[: len(ratings)], ratings=ratings),)
    with pytest.raises(ValueError, match="threshold: found none; allowed: a number in"):
        read(path)
    with pytest.raises(ValueError, match="threshold: found 2; allowed"):
        read(path, threshold=2)


def test_other_labeled_formats(tmp_path):
    process_bench = {
        **{"id": "a", "generator": "g", "problem": "1+1?", "steps": ["1", "2", "3"]},
        **{"final_answer_correct": False, "label": 1},
    }
    (one,), _ = read(write(tmp_path / "bench.jsonl", [process_bench]))
    assert one.branches == (Branch(steps=("1", "2"), ratings=(1, -1)),)
    pool = {
        **{"problem_id": "p", "problem": "1+1?", "answer": "2"},
        "samples": [
            {
                **{"sample": 0, "steps": ["1", "2"], "answer": "2", "final_correct": True},
                "step_scores": {"prm": [0.9, 0.6]},
            }
        ],
    }
    path = write(tmp_path / "pool.jsonl", [pool])
    none, left_out = read(path)
    assert none == [] and left_out.counts == {"without a label": 1}
    (one,), _ = read(path, options={"labeler": "prm"}, threshold=0.2)
    assert one.branches == (Branch(steps=("1", "2"), ratings=(1, -1)),)


def test_targets_stand_at_the_last_token_of_each_labeled_step(tokenizer_of, tmp_path):
    """A token a byte, and a BOS before them: positions are counted by hand."""
    rated, _ = read(write(tmp_path / "raw.jsonl", [raw(STEPS, "found_error")]))
    left_out = LeftOut()
    branches = encode_rated(tokenizer_of("llama"), rated, None, left_out)
    assert branches.solution.tolist() == [0] * 5 and branches.labels == 6 and branches.cut_labels == 0
    dataset = branches.dataset()
    held = [np.flatnonzero(target != IGNORE).tolist() for target in dataset.targets]
    # BOS 0, "1+1+1?\n" 1 to 7, "1+1=2\n" 8 to 13, "2+1=3\n" 14 to 19, "#4\n" 20 to 22; alternatives of the
    # first step end at 13 and, of "Well\n", at 12, of the second at 19, of the third at 22.
    assert held == [[13, 22], [13], [12], [19], [22]]
    classes = [target[at].tolist() for target, at in zip(dataset.targets, held, strict=True)]
    assert classes == [[2, 0], [0], [1], [0], [2]]  # negative 0, neutral 1, positive 2
    assert len(dataset) == 1 and dataset.target_count(np.array([0])) == 6
    assert left_out.counts == {}


def test_alternatives_share_what_they_begin_with(tokenizer_of, tmp_path):
    rated, _ = read(write(tmp_path / "raw.jsonl", [raw(STEPS, "found_error")]))
    dataset = encode_rated(tokenizer_of("qwen2"), rated, None, LeftOut()).dataset()
    batch = dataset.batch(np.array([0]), 6)
    cells = sum(int((layout.end_BT > 0).sum()) for layout in batch.layouts)
    visited = {int(cell) for layout in batch.layouts for cell in layout.node_of}
    # The solution 7 + 6 + 6 + 3 = 22 tokens. "1+1=3\n" differs from "1+1=2\n" in its last two, "Well\n" in
    # all 5, "2+1=4\n" from "2+1=3\n" in 2, "#3\n" from "#4\n" in 2: 11 more. Apart they were 22 + 13 + 12 +
    # 19 + 22 = 88.
    assert len(batch.layouts) == 1 and len(visited) == 33 <= cells
    assert sum(map(len, dataset.token_ids)) == 88
    assert sum(float(weight.sum()) for weight in batch.weights) == 6


def test_what_is_cut_before_its_first_label_is_counted_and_named(tokenizer_of):
    both = tuple(Branch(steps=("aaaa", "bbbb"), ratings=ratings) for ratings in ((1, -1), (None, 1)))
    rated = [
        Rated(name="a, solution 1", problem="p", branches=both),
        Rated(name="a, solution 2", problem="pppppppp", branches=both),
    ]
    left_out = LeftOut()
    # "p\n" and "aaaa\n" are 7 tokens, so 8 hold the first step of the first solution, and none of the second.
    branches = encode_rated(tokenizer_of("qwen2"), rated, 8, left_out)
    assert branches.solution.tolist() == [0] and branches.labels == 1
    assert branches.cut_labels == 5  # 3 in each, but for the one that is held
    assert left_out.counts == {"cut before the first label": 3}
    assert left_out.first == {
        "cut before the first label": ["a, solution 1", "a, solution 2", "a, solution 2"]
    }
    assert [len(target) for target in branches.dataset().targets] == [7]


@REAL
def test_all_real_ratings_are_read():
    rated, left_out = read(DATA / "validation1818_decoded.jsonl")
    assert len(rated) == 1818 and left_out.counts == {}
    ratings = [rating for one in rated for branch in one.branches for rating in branch.ratings]
    assert [ratings.count(rating) for rating in (1, 0, -1, None)] == [8596, 639, 1566, 0]
    assert sum(one.labels for one in rated) == 8596 + 639 + 1566 == 10_801
    assert len({one.key for one in rated}) == 216


@REAL
def test_real_raw_rows_with_their_alternatives():
    rated, left_out = read(DATA / "raw_samples_6.jsonl")
    # Candidates of each step, all of them rated; a person wrote the second step of the first row.
    assert [one.labels for one in rated] == [
        1 + 5 + 1 + 1 + 1 + 5,
        1 + 1 + 1 + 1 + 1 + 1 + 4,
        1 + 1 + 1 + 1 + 7,
        1 + 1 + 1 + 1 + 1 + 7 + 1,
    ]
    # The solution, and every candidate that was not chosen.
    assert [len(one.branches) for one in rated] == [1 + 5 + 4, 1 + 3, 1 + 6, 1 + 6]
    assert left_out.counts == {"solutions given up on (give_up)": 1, "initial screening questions": 1}
    everything, _ = read(DATA / "raw_samples_6.jsonl", options={"keep_give_up": True, "keep_screening": True})
    assert [one.labels for one in everything][4:] == [7 + 6, 12]
