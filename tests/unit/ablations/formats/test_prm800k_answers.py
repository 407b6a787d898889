"""The final answer of a PRM800K row that names none, as in phase 1."""

import json

import pytest

from ablations.formats import prm800k


@pytest.mark.parametrize(
    ("reason", "given", "answer"),
    [("solution", None, "5"), ("solution", "7", "7"), ("found_error", None, None), ("give_up", None, None)],
)
def test_a_solution_that_reached_its_end_has_the_answer_it_states(tmp_path, reason, given, answer):
    done = {"text": "So it is 5.\n\n# Answer\n\n5", "rating": 1}
    row = {
        "question": {"problem": "2+3?", "ground_truth_answer": "5", "pre_generated_answer": given},
        "label": {
            "steps": [{"completions": [done], "human_completion": None, "chosen_completion": 0}],
            "finish_reason": reason,
        },
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (record,) = prm800k.FORMAT.read(path, keep_give_up=True)
    assert record.answer == answer
