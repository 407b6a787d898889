"""`ablations evaluate`: scores computed elsewhere, and checkpoints that score first."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT, SHARED_DATA

from ablations.commands import cli
from ablations.evaluation.discrimination import auroc
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.labeler import load_labeler

GSM8K = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz"
RATED = SHARED_DATA / "prm800k" / "validation1818_decoded.jsonl"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def metrics(out):
    """(labeler, scoring, metric, n) -> row."""
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["labeler"], row["scoring"], row["metric"], row["n"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def value(row):
    return float(row["estimate"])


def evaluate(*argv, code=0):
    assert cli.main(["evaluate", *map(str, argv)]) == code


def pool(labels=False):
    """Two problems, two solutions each: a right and a wrong one, two right ones. By product `good` prefers
    the right one, `bad` the wrong one; by minimum `good` ties them."""
    steps = {"a": [0.9, 0.8], "b": [0.8]}
    rows = []
    for p, right in enumerate([[True, False], [True, True]]):
        samples = []
        for i, correct in enumerate(right):
            good = [0.9, 0.5] if correct else [0.5, 0.5]
            bad = [0.1, 0.5] if correct else [0.9, 0.5]
            scores = {"good": good, "bad": bad} | ({"labels": [1.0, float(correct)]} if labels else {})
            answer = "1" if correct else "2"
            samples.append(
                {"sample": i, "steps": list(steps), "answer": answer, "final_correct": correct}
                | {"step_scores": scores}
            )
        rows.append({"problem_id": f"p{p}", "problem": f"{p}?", "answer": "1", "samples": samples})
    return rows


def test_best_of_n_by_hand(tmp_path, capsys):
    out = tmp_path / "new" / "out"
    evaluate(
        write(tmp_path / "pool.jsonl", pool()), "--scoring", "product", "--scoring", "minimum", "--out", out
    )
    text = capsys.readouterr().out
    assert "Best-of-2" in text and "Labeled steps" not in text
    found = metrics(out)
    # pass@1: (1/2 + 1) / 2; pass@2: 1; of two different answers the vote is a tie: (1/2 + 1) / 2
    assert value(found["", "", "pass_at_n", "1"]) == 0.75 and value(found["", "", "pass_at_n", "2"]) == 1
    assert value(found["", "", "majority", "2"]) == 0.75
    for scoring, good in (("product", 1.0), ("minimum", 0.75)):
        assert value(found["good", scoring, "best_of_n", "2"]) == good
        assert value(found["good", scoring, "best_of_n_minus_majority", "2"]) == good - 0.75
        assert value(found["good", scoring, "best_of_n", "1"]) == 0.75
    bad = found["bad", "product", "best_of_n_minus_majority", "2"]
    # by problem -1/2 and 0: standard error 1/4, t = 12.7 with one degree of freedom; cut at -1 and 1
    assert [float(bad[name]) for name in ("estimate", "lower", "upper")] == [-0.25, -1.0, 1.0]
    assert bad["problems"] == "2" and bad["single_draw"] == "True"
    # weights 0.45 against 0.25 and 0.05 against 0.45: one right, one wrong
    assert value(found["good", "product", "weighted_vote", "2"]) == 1.0
    assert value(found["bad", "product", "weighted_vote", "2"]) == 0.5
    facts = json.loads((out / "facts.json").read_text())
    (told,) = facts["files"]
    assert told["labelers"] == ["bad", "good"] and facts["scoring"] == ["product", "minimum"]
    assert told["format"] == "pool" and len(told["sha256"]) == 64 and "thresholds" not in facts
    assert (out / "table.txt").read_text() in text
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("facts.json", "metrics.csv", "new", "out", "pool.jsonl", "table.txt")
    ]


def graded(*problems, labeler="prm"):
    """A pool of (score, right) per solution; None is ungraded."""
    return [
        {
            "problem_id": f"p{p}",
            "problem": f"{p}?",
            "answer": "1",
            "samples": [
                {"sample": i, "steps": ["a"], "answer": "1" if right else "2", "final_correct": right}
                | {"step_scores": {labeler: [score]}}
                for i, (score, right) in enumerate(samples)
            ],
        }
        for p, samples in enumerate(problems)
    ]


def test_ungraded_solutions_are_left_out_and_counted(tmp_path, capsys):
    """Scores 0.9, 0.6, 0.3 per problem. p0: right, wrong, wrong. p1: the best one is ungraded; wrong, right.

    N goes up to 2. Of p0 two of three solutions: {1,2} right, {1,3} right, {2,3} wrong: 2/3. Of p1 the one
    pair: wrong. p2 has one graded solution of three and is left out.
    """
    rows = graded(
        [(0.9, True), (0.6, False), (0.3, False)],
        [(0.9, None), (0.6, False), (0.3, True)],
        [(0.9, None), (0.6, None), (0.3, True)],
    )
    evaluate(write(tmp_path / "pool.jsonl", rows), "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    assert value(found["prm", "product", "best_of_n", "1"]) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert value(found["prm", "product", "best_of_n", "2"]) == pytest.approx((2 / 3 + 0) / 2)
    # pass@2: of p0 all pairs but {2,3}; majority of two that differ is a tie: 1/2 + 1/2 + 0, and 1/2
    assert value(found["", "", "pass_at_n", "2"]) == pytest.approx((2 / 3 + 1) / 2)
    assert value(found["", "", "majority", "2"]) == pytest.approx((1 / 3 + 1 / 2) / 2, abs=0.1)  # 100 draws
    best = found["prm", "product", "best_of_n", "2"]
    assert (best["problems"], best["single_draw"]) == ("2", "False")
    (told,) = json.loads((tmp_path / "out" / "facts.json").read_text())["files"]
    assert told["final_answers"] == {
        "problems": 2,
        "solutions": 5,
        "solutions_per_problem": [2, 3],
        "ungraded": 3,
        "left_out_with_their_problems": 1,
        "problems_left_out": ["p2"],
    }
    text = capsys.readouterr().out
    assert "Ungraded solutions left out of best-of-N and votes: 3.\n" in text
    assert "are ungraded: 1 (p2); graded solutions left out with them: 1.\n" in text
    assert "one draw" not in text and "single draw" not in text
    assert (tmp_path / "out" / "table.txt").read_text() in text


@pytest.mark.parametrize("problems", [1, 2])
def test_too_few_problems_tell_nothing(problems, tmp_path, capsys):
    """The reward model is right on each, voting on half of them: 50 points, without an interval and a p."""
    evaluate(write(tmp_path / "pool.jsonl", graded(*[[(0.9, True), (0.2, False)]] * problems)))
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if line.startswith("prm  ") and "inconclusive" in line]
    assert line.split()[2:7] == ["100.0", "100.0", "+50.0", "-", "inconclusive"]
    assert "fewer than 6 problems" in line
    assert "above zero" not in text and "nan" not in text


def test_one_solution_per_problem(tmp_path, capsys):
    evaluate(write(tmp_path / "pool.jsonl", graded([(0.9, True)], [(0.2, False)], [(0.4, False)])))
    text = capsys.readouterr().out
    assert "Best-of-1" in text and "33.3 [0.0, 100.0]" in text and "Best-of-N by N" not in text


def test_products_of_the_same_factors_tie(tmp_path, capsys):
    """0.1 * 0.2 * 0.3 in two orders, of a right and a wrong solution: one half, as voting has it."""
    rows = graded([(0, True), (0, False)], [(0, False), (0, True)])
    for row in rows:
        for sample, scores in zip(row["samples"], ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]), strict=True):
            sample |= {"steps": ["a", "b", "c"], "step_scores": {"prm": scores}}
    evaluate(write(tmp_path / "pool.jsonl", rows), "--out", tmp_path / "out")
    best = metrics(tmp_path / "out")["prm", "product", "best_of_n_minus_majority", "2"]
    assert value(best) == 0 and best["lower"] == ""
    capsys.readouterr()


def test_scored_samples_are_evaluated_as_a_pool_too(tmp_path, capsys):
    """Their probabilities become labels of the pool, and these the scores of a labeler."""
    samples = [
        {"problem": f"{p}?", "ground_truth_answer": "1", "steps": ["a"], "answer": "1", "is_correct": right}
        | {"rating_probs": [{"-1": 1 - score, "0": 0.0, "1": score}]}
        for p in range(2)
        for score, right in ((0.75, True), (0.5, False))
    ]
    source = write(tmp_path / "samples.jsonl", samples)
    convert = ["convert", "--from=scored_samples", "--to=pool", str(source), str(tmp_path / "pool.jsonl")]
    assert cli.main(convert) == 0
    for name in ("samples", "pool"):
        evaluate(tmp_path / f"{name}.jsonl", "--out", tmp_path / name)
    (one,) = [row for key, row in metrics(tmp_path / "samples").items() if key[2:] == ("best_of_n", "2")]
    (other,) = [row for key, row in metrics(tmp_path / "pool").items() if key[2:] == ("best_of_n", "2")]
    assert (one["labeler"], other["labeler"]) == ("rating_probs", "rating_probs")
    assert value(one) == value(other) == 1
    capsys.readouterr()
    lines = (tmp_path / "pool.jsonl").read_text().replace('"rating_probs"', '"labels"')
    (tmp_path / "labels.jsonl").write_text(lines)
    evaluate(tmp_path / "labels.jsonl", "--out", tmp_path / "labels")
    assert "The scores called labels are probabilities" in capsys.readouterr().out


def test_one_labeler_and_every_strategy(tmp_path, capsys):
    words = [word for name in ("mean", "geometric_mean", "last_step") for word in ("--scoring", name)]
    file = write(tmp_path / "pool.jsonl", pool())
    evaluate(file, "--labeler", "good", *words, "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    assert {key[:2] for key in found} == {
        ("", ""),
        *(("good", name) for name in ("mean", "geometric_mean", "last_step")),
    }
    assert value(found["good", "last_step", "best_of_n", "2"]) == 0.75  # all end with 0.5
    assert "bad" not in capsys.readouterr().out


def test_rated_steps_of_a_pool(tmp_path, capsys):
    """Labels of `good`: 1 1, 1 0, 1 1, 1 1 over 0.9 0.5, 0.5 0.5, 0.9 0.5, 0.9 0.5: the wrong step ties four
    right ones and is below three: (4 / 2 + 3) / 7."""
    file = write(tmp_path / "pool.jsonl", pool(labels=True))
    evaluate(file, "--threshold", "0.5", "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    assert "labels" not in {key[0] for key in found}
    assert value(found["good", "", "step_auroc", ""]) == pytest.approx(5 / 7)
    assert found["good", "", "step_auroc", ""]["count"] == "8"
    # P(wrong) above 0.5 never: the error is missed, three of three right ones are right, F1 is 0
    assert value(found["good", "", "first_error_found", ""]) == 0
    assert value(found["good", "", "no_error_found", ""]) == 1
    assert value(found["good", "", "first_error_f1", ""]) == 0
    bins = {key[3]: row for key, row in found.items() if key[0] == "good" and key[2] == "calibration"}
    assert {n: (float(row["x"]), value(row), row["count"]) for n, row in bins.items()} == {
        "5": (0.5, 0.8, "5"),
        "9": (pytest.approx(0.9), 1.0, "3"),
    }
    # (5 * |0.5 - 0.8| + 3 * |0.9 - 1|) / 8 = 1.8 / 8
    assert value(found["good", "", "calibration_error", ""]) == pytest.approx(0.225)
    assert json.loads((tmp_path / "out" / "facts.json").read_text())["thresholds"]["bad"] == {"value": 0.5}
    text = capsys.readouterr().out
    assert "Labeled steps" in text and "Reliability" in text
    evaluate(file, "--no-first-error", "--out", tmp_path / "other")
    assert not any("first_error" in key[2] for key in metrics(tmp_path / "other"))


def paths(offset, *, scored=True):
    """Four rated solutions of problems of their own; `prm` is sure of the error at 0.3 and above."""
    rows = []
    for i in range(4):
        wrong = [0.1, 0.3 + 0.1 * i] if i % 2 else [0.05, 0.2]
        row = {"problem": f"problem {offset + i}", "steps": ["a", "b"], "ratings": [1, -1 if i % 2 else 0]}
        rows.append(row | ({"step_scores": {"prm": [1 - one for one in wrong]}} if scored else {}))
    return rows


def test_steps_without_a_score(tmp_path, capsys):
    """A judge finds the error of the first solution and a false one in the second; what follows has no score.

    First errors: one of one is found, and of the two solutions without an error one is called right, so F1
    is 2 * 1 * 1/2 / (1 + 1/2) = 2/3. Scored steps that are rated, up to the first error: right ones with 1,
    1, 0, 1 and a wrong one with 0, so the AUROC is (3 + 1/2) / 4. All rated and scored steps: the wrong one
    is found (F1 of wrong steps: 2 * 1 / (2 + 1) with one false alarm), and of 4 right ones 3 (2 * 3 / (2 * 3
    + 1)).
    """
    rated = [([1, -1, -1], [1, 0, None]), ([1, 1], [0, None]), ([1, 1], [1, 1])]
    rows = [
        {
            "problem": f"{n}?",
            "steps": list("abc"[: len(ratings)]),
            "ratings": ratings,
            "step_scores": {"j": given},
        }
        for n, (ratings, given) in enumerate(rated)
    ]
    file = write(tmp_path / "rated.jsonl", rows)
    evaluate(file, "--threshold", "0.5", "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    assert value(found["j", "", "first_error_f1", ""]) == pytest.approx(2 / 3)
    assert value(found["j", "", "step_auroc", ""]) == pytest.approx(3.5 / 4)
    assert found["j", "", "step_auroc", ""]["count"] == found["j", "", "step_f1", ""]["count"] == "5"
    assert value(found["j", "", "wrong_step_f1", ""]) == pytest.approx(2 / 3)
    assert value(found["j", "", "right_step_f1", ""]) == pytest.approx(6 / 7)
    # two solutions without an error, with products 0 and 1, and one with an error, with product 0
    assert value(found["j", "product", "solution_auroc", ""]) == pytest.approx(1.5 / 2)
    capsys.readouterr()
    evaluate(file, "--threshold", "0.5", "--scoring", "mean", code=2)
    assert "scoring: found mean with steps that j gives no score; allowed: product" in capsys.readouterr().err


def test_the_threshold_is_chosen_on_other_data(tmp_path, capsys):
    """There the errors have 0.4 and 0.6, other steps at most 0.2: from 0.2 to below 0.4 F1 is 1. The middle
    is taken, and on the benchmark, where errors have as much, F1 is 1 too."""
    file, other = (write(tmp_path / f"{n}.jsonl", paths(n)) for n in (0, 10))
    evaluate(file, "--threshold-on", other, "--out", tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    chosen = facts["thresholds"]["prm"]
    assert chosen["value"] == pytest.approx(0.3) and chosen["f1"] == 1.0
    assert chosen["chosen_on"]["file"] == str(other)
    f1 = metrics(tmp_path / "out")["prm", "", "first_error_f1", ""]
    assert value(f1) == 1.0 and float(f1["x"]) == pytest.approx(0.3) and f1["count"] == "4"
    assert "100.0" in capsys.readouterr().out


def test_no_torch_where_no_model_is_asked_for(tmp_path):
    file, other = (write(tmp_path / f"{n}.jsonl", paths(n)) for n in (0, 10))
    finals = write(tmp_path / "pool.jsonl", pool())
    code = (
        "import sys\nfrom ablations.commands import cli\n"
        f"assert cli.main(['evaluate', {str(file)!r}, '--threshold-on', {str(other)!r}]) == 0\n"
        f"assert cli.main(['evaluate', {str(finals)!r}, '--out', {str(tmp_path / 'out')!r}]) == 0\n"
        "heavy = {'torch', 'transformers', 'lightning', 'tokenizers'}\n"
        "print('heavy:', sorted(heavy.intersection(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("heavy: []\n")


def test_mistakes_are_one_line(tmp_path, capsys):
    rated, other = (write(tmp_path / f"{n}.jsonl", paths(n)) for n in (0, 10))
    finals, bare = (
        write(tmp_path / "pool.jsonl", pool()),
        write(tmp_path / "bare.jsonl", paths(5, scored=False)),
    )
    problems = write(tmp_path / "gsm8k.jsonl", [{"question": "q", "answer": "a\n#### 1"}])

    def mistake(*argv):
        evaluate(*argv, code=2)
        said = capsys.readouterr()
        (line,) = said.err.splitlines()
        assert said.out == ""
        return line.removeprefix("ablations: ")

    assert mistake(rated).startswith(
        "threshold: found none; allowed: --threshold-on FILE, to choose it on other"
    )
    assert "threshold: found more than one of" in mistake(
        rated, "--threshold", "0.5", "--threshold-on", other
    )
    assert "threshold: found 1.5; allowed: a number in [0, 1]" in mistake(rated, "--threshold", "1.5")
    assert "threshold_on: found no file" in mistake(rated, "--threshold-on", tmp_path / "none")
    shared = mistake(rated, "--threshold-on", rated)
    assert f"threshold_on: found 4 problems of {rated} there too, such as 'problem 0'" in shared
    spaced = [row | {"problem": f"  Problem {n}"} for n, row in enumerate(paths(0))]
    assert "found 4 problems" in mistake(rated, "--threshold-on", write(tmp_path / "spaced.jsonl", spaced))
    assert "threshold: found one, but no rated step" in mistake(finals, "--threshold", "0.5")
    assert f"source: found no scores in {bare}" in mistake(bare, "--threshold", "0.5")
    assert "threshold_on: found no step scores of prm" in mistake(rated, "--threshold-on", bare)
    assert "labeler: found 'x'; allowed with pool.jsonl: bad, good" in mistake(finals, "--labeler", "x")
    assert "scoring: found 'sum'; allowed: product, minimum" in mistake(finals, "--scoring", "sum")
    assert "found neither graded final answers" in mistake(problems)
    assert "out: found" in mistake(finals, "--out", tmp_path)
    assert "on: found it next to" in mistake(finals, "--on", rated)
    assert "source: found no file" in mistake(tmp_path / "none.jsonl")
    assert "labeler: found no folder" in mistake(tmp_path / "none", "--on", finals)
    assert "max_tokens: found 0" in mistake(tmp_path / "none", "--on", finals, "--max-tokens", "0")
    one_kind = write(tmp_path / "one.jsonl", [row for row in paths(20) if -1 not in row["ratings"]])
    assert "found 0 solutions with an error and 2 without" in mistake(rated, "--threshold-on", one_kind)
    assert not (tmp_path / "out").exists()


BENCH = [
    {
        "id": "a",
        "problem": "1 + 1?",
        "steps": ["1 + 1 is 3.", "So 3."],
        "label": 0,
        "final_answer_correct": False,
    },
    {"id": "b", "problem": "1 + 1?", "steps": ["1 + 1 is 2."], "label": -1, "final_answer_correct": True},
    {
        "id": "c",
        "problem": "3 + 4?",
        "steps": ["It is 7.", "I mean 8."],
        "label": 1,
        "final_answer_correct": False,
    },
    {"id": "d", "problem": "5?", "steps": ["5.", "Five."], "label": -1, "final_answer_correct": True},
]
TRL = [
    {"prompt": row["problem"], "completions": row["steps"], "labels": [1] * len(row["steps"])}
    for row in BENCH
]
SHEPHERD = [
    {
        "input": "1 + 1? Step 1: It is 2. ки\nStep 2: So 2. ки",
        "label": "1 + 1? Step 1: It is 2. +\nStep 2: So 2. -",
    }
]


@pytest.mark.parametrize("kind", ["token-classification", "reasoneval", "reward-model"])
def test_a_checkpoint_scores_rated_steps_first(kind, checkpoint, tmp_path, capsys):
    bench = write(tmp_path / "bench.jsonl", BENCH)
    out, other = tmp_path / "out", write(tmp_path / "other.jsonl", paths(0, scored=False))
    evaluate(checkpoint(kind), "--on", bench, "--threshold-on", other, "--name", "mine", "--out", out)
    said = capsys.readouterr()
    assert "shard 1 of 1" in said.err and "mine" in said.out
    labeler = load_labeler(LabelerChoice(checkpoint=str(checkpoint(kind))))
    encoded = [labeler.encode(row["problem"], row["steps"], "here") for row in BENCH]
    wrong = labeler.label(encoded).prob.values[:, 0]
    # judged: the first, not the one after its error, and all of the others
    judged, right = [0, 2, 3, 4, 5, 6], np.array([0, 1, 1, 0, 1, 1], bool)
    found = metrics(out)
    assert value(found["mine", "", "step_auroc", ""]) == pytest.approx(auroc(-wrong[judged], right), abs=1e-6)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["checkpoint"]["mine"] == labeler.identity.as_dict()
    threshold = facts["thresholds"]["mine"]["value"]
    first = [
        next((i for i, p in enumerate(wrong[a:b]) if p > threshold), -1)
        for a, b in ((0, 2), (2, 3), (3, 5), (5, 7))
    ]
    assert value(found["mine", "", "first_error_found", ""]) == np.mean([first[0] == 0, first[2] == 1])
    assert value(found["mine", "", "no_error_found", ""]) == np.mean([first[1] == -1, first[3] == -1])
    # its scores are evaluated again without it, to the same
    evaluate(
        out / "scores.jsonl.gz", "--threshold-on", out / "threshold_on.jsonl.gz", "--out", tmp_path / "again"
    )
    again = (tmp_path / "again" / "metrics.csv").read_text()
    assert again.replace(str(out / "scores.jsonl.gz"), str(bench)) == (out / "metrics.csv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *["again", "bench.jsonl", "other.jsonl", "out", "runs"]
    ]


def test_an_outcome_reward_model_is_judged_by_whole_solutions(checkpoint, tmp_path):
    """On rated steps it has an AUROC of solutions, and nothing of steps."""
    bench, out = write(tmp_path / "bench.jsonl", BENCH), tmp_path / "out"
    evaluate(checkpoint("two-classes"), "--on", bench, "--no-first-error", "--name", "orm", "--out", out)
    assert {key[:3] for key in metrics(out)} == {("orm", "as given", "solution_auroc")}
    labeler = load_labeler(LabelerChoice(checkpoint=str(checkpoint("two-classes"))))
    encoded = [labeler.encode(row["problem"], row["steps"], "here") for row in BENCH]
    right = np.array([row["label"] < 0 for row in BENCH])
    wanted = auroc(labeler.label(encoded).last, right)
    assert value(metrics(out)["orm", "as given", "solution_auroc", ""]) == pytest.approx(wanted)


def test_a_checkpoint_scores_a_pool_first(checkpoint, tmp_path, capsys):
    file = write(tmp_path / "pool.jsonl", pool(labels=True))
    evaluate(checkpoint("skywork"), "--on", file, "--no-first-error", "--out", tmp_path / "out")
    assert {key[0] for key in metrics(tmp_path / "out")} == {"", "good", "bad", "skywork"}
    evaluate(checkpoint("skywork"), "--on", file, "--no-first-error", "--labeler", "skywork")
    text = capsys.readouterr().out.split("metrics.csv")[-1]
    assert "skywork" in text and "good" not in text


@pytest.mark.parametrize(("name", "rows"), [("trl", TRL), ("math_shepherd", SHEPHERD)])
def test_other_formats_of_rated_steps(name, rows, checkpoint, tmp_path, capsys):
    file = write(tmp_path / f"{name}.jsonl", rows)
    evaluate(
        checkpoint("token-classification"), "--on", file, "--threshold", "0.5", "--out", tmp_path / "out"
    )
    judged = {"trl": "7", "math_shepherd": "2"}[name]
    assert metrics(tmp_path / "out")["token-classification", "", "calibration_error", ""]["count"] == judged
    capsys.readouterr()


def test_what_a_checkpoint_cannot_do_is_one_line(checkpoint, tmp_path, capsys):
    bench = write(tmp_path / "bench.jsonl", BENCH)

    def mistake(*argv):
        evaluate(checkpoint("token-classification"), *argv, code=2)
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ablations: ")]
        return line

    assert "threshold: found none" in mistake("--on", bench)
    assert "max_length: found 4 solutions longer than 2 tokens" in mistake(
        "--on", bench, "--threshold", "0.5", "--max-length", "2"
    )
    assert "on: found no file" in mistake("--on", tmp_path / "none.jsonl")
    assert "name: found 'good', whose scores" in mistake(
        "--on", write(tmp_path / "p.jsonl", pool()), "--name", "good"
    )


def test_what_is_too_long_is_left_out_and_told(checkpoint, tmp_path, capsys):
    rows = [*BENCH, BENCH[0] | {"id": "long", "steps": ["3 + 4 " * 200], "label": -1}]
    words = ["--on", write(tmp_path / "bench.jsonl", rows), "--threshold", "0.5", "--out", tmp_path / "out"]
    evaluate(checkpoint("token-classification"), *words)
    assert "left out of" in capsys.readouterr().out
    left_out = json.loads((tmp_path / "out" / "facts.json").read_text())["left_out"]
    assert list(left_out.values()) == [{"too long": 1, "without labels": 0}]


@pytest.mark.skipif(not GSM8K.is_file(), reason="the real solutions are not at hand")
def test_the_seven_prms_on_gsm8k(tmp_path, capsys):
    """Best-of-32 read off the file again: the highest product's share of right ones among its ties."""
    import gzip

    evaluate(GSM8K, "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    names = {key[0] for key in found} - {""}
    assert len(names) == 7 and "qwen_prm" in capsys.readouterr().out
    with gzip.open(GSM8K, "rt") as file:
        problems = [json.loads(line)["samples"] for line in file]
    for name in names:
        solved = []
        for samples in problems:
            scores = [np.log(np.maximum(one["step_scores"][name], 1e-300)).sum() for one in samples]
            best = [one["final_correct"] for one, s in zip(samples, scores, strict=True) if s == max(scores)]
            solved.append(np.mean(best))
        row = found[name, "product", "best_of_n", "32"]
        assert value(row) == pytest.approx(np.mean(solved)) and row["problems"] == "100"
        assert float(row["lower"]) < value(row) < float(row["upper"])


@pytest.mark.skipif(not RATED.is_file(), reason="the real ratings are not at hand")
def test_real_ratings(checkpoint, tmp_path, capsys):
    """A part of PRM800K's rated solutions, scored by a tiny model: every rated step is judged."""
    with RATED.open() as file:
        rows = [json.loads(line) for _, line in zip(range(60), file, strict=False)]
    file = write(tmp_path / "rated.jsonl", rows)
    out = tmp_path / "out"
    evaluate(checkpoint("token-classification"), "--on", file, "--threshold", "0.5", "--out", out)
    left_out = json.loads((out / "facts.json").read_text())["left_out"][str(file)]["too long"]
    judged = int(metrics(out)["token-classification", "", "step_auroc", ""]["count"])
    assert 0 < judged <= sum(len(row["ratings"]) for row in rows)
    assert left_out or judged == sum(len(row["ratings"]) for row in rows)
    capsys.readouterr()
