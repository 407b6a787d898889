"""From a judge's verdicts to trained students: steps without a label become no target, and the run ends."""

import gzip
import json
import re

import numpy as np
from fake_judge import Reply, fake_judge
from sums_pool import PROBLEMS, SAMPLES, arguments, write_sums

from ablations.commands import cli
from ablations.data.step_scores import StepScores
from results.records import read_records

SUM = re.compile(r"Ann has (\d+) eggs, buys (\d+) and then (\d+)\.")
STEPS = re.compile(r"<paragraph_(\d+)>\n(.*?)\n</paragraph_\1>", re.DOTALL)


def calculate(request, before):
    """Finds the first step that ends with neither of the two right sums; is silent about one in 16."""
    text = request["messages"][0]["content"]
    a, b, c = map(int, SUM.search(text).groups())
    if a % 16 == 0:
        return Reply(text="Hm.")
    right = {str(a + b), str(a + b + c)}
    steps = [step for _, step in STEPS.findall(text)]
    wrong = [i for i, step in enumerate(steps) if re.findall(r"\d+", step)[-1] not in right]
    return Reply(text=rf"The answer is \boxed{{{wrong[0] if wrong else -1}}}.")


def test_students_learn_from_a_judge(tmp_path, capsys):
    source, out = write_sums(tmp_path / "sums.jsonl.gz"), tmp_path / "judged.jsonl.gz"
    with fake_judge(calculate) as judge:
        words = [
            "label",
            source,
            "--labeler=sums",
            f"--endpoint={judge.url}",
            f"--store={tmp_path / 'store'}",
        ]
        assert cli.main([*map(str, words), f"--out={out}"]) == 0
    assert len(judge.requests) == PROBLEMS * SAMPLES
    with gzip.open(out, "rt") as file:
        samples = [sample for line in file for sample in json.loads(line)["samples"]]
    ends = [sample["step_scores"]["sums"] for sample in samples]
    assert sum(None in steps for steps in ends) > 5  # the last of three steps, after an error in the second
    assert all((0 in steps) != sample["final_correct"] for steps, sample in zip(ends, samples, strict=True))
    capsys.readouterr()

    assert cli.main(["evaluate", str(out), "--labeler=sums"]) == 0
    assert "Best-of-6" in capsys.readouterr().out
    assert cli.main(arguments("run", out, "sums", tmp_path, vocabulary=300, max_length=128)) == 0
    stored = [StepScores.read(path.parent) for path in (tmp_path / "store" / "pool").glob("*/scores.parquet")]
    assert len(stored) == 1 and np.isnan(stored[0].prob.values).any()
    frame = read_records(tmp_path / "out" / "records.parquet")
    best = frame[frame["metric"] == "best_of_n"]
    assert {"process", "prm_outcome", "final_answer", "labeler"} == set(best["arm"])
    # the judge calls exactly the right solutions right, and half of them are, so with four there is one
    labeler = best[best["arm"] == "labeler"].set_index("n")["value"]
    assert labeler[4] == 1.0
