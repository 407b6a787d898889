"""`ablations label --endpoint`: a pool gets a judge's verdicts, each answer is asked for once, and a verdict
that cannot be read is missing."""

import csv
import json
import os
import re
import signal
import time

import pytest
from fake_judge import Reply, fake_judge
from processes import forked_command

from ablations.commands import cli, judging
from ablations.engine.store import Store
from ablations.formats.pool import read_pool
from ablations.labelers import chat_endpoint
from ablations.labelers.chat_endpoint import KEY_VARIABLE
from ablations.labelers.judge import Judge, default_template
from ablations.steps.ask_judge import JudgeAnswers

MODEL = "org/judge"
PARAGRAPH = re.compile(r"<paragraph_(\d+)>\n(.*?)\n</paragraph_\1>", re.DOTALL)


def pool(path, solutions):
    """Writes a pool: problem -> solutions, each a text of its steps separated by spaces."""
    rows = [
        {
            "problem_id": name,
            "problem": f"Problem {name}?",
            "answer": "1",
            "note": "kept",
            "samples": [
                {"sample": i, "steps": steps.split(), "answer": "1", "final_correct": i % 2 == 0}
                for i, steps in enumerate(samples)
            ],
        }
        for name, samples in solutions.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def paragraphs(request):
    """The steps that a request shows."""
    (message,) = request["messages"]
    found = PARAGRAPH.findall(message["content"])
    assert [int(number) for number, _ in found] == list(range(len(found)))
    return [text for _, text in found]


def honest(request, before):
    """The first step named wrong is wrong; a step named mumble makes the answer unreadable."""
    steps = paragraphs(request)
    if "mumble" in steps:
        return Reply(text="I would rather not say.")
    return Reply(text=rf"So: \boxed{{{steps.index('wrong') if 'wrong' in steps else -1}}}")


def label(source, judge, out, *more):
    words = ["label", source, "--labeler", MODEL, "--endpoint", judge.url, "--out", out, *more]
    return cli.main([str(word) for word in words])


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def scores(path, name="judge"):
    return {
        (row["problem_id"], sample["sample"]): sample["step_scores"][name]
        for row in read(path)
        for sample in row["samples"]
    }


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(chat_endpoint, "_pause", lambda stopped, seconds: None)


SOLUTIONS = {"a": ["right right", "right wrong right right", "mumble"], "b": ["mumble"], "c": ["wrong"]}


def test_a_pool_gets_verdicts(tmp_path, capsys):
    """Steps before the first error are right, it is wrong, those after it have no label."""
    source, out = pool(tmp_path / "pool.jsonl", SOLUTIONS), tmp_path / "out.jsonl"
    with fake_judge(honest) as judge:
        assert label(source, judge, out, "--price-in", "2", "--price-out", "30") == 0
    assert scores(out) == {("a", 0): [1, 1], ("a", 1): [1, 0, None, None], ("c", 0): [0]}
    # 5 answers of 100 tokens read and 10 written: 500 * 2 / 1e6 + 50 * 30 / 1e6 = 0.0025
    assert capsys.readouterr().out == (
        f"{out}: 2 problems, 3 solutions, 7 steps labeled by judge (judge, first_error, {MODEL}), 2 after an "
        "error without a label\n"
        "verdicts: 3 of 5 answers have one, 0 were cut off at 4,096 tokens\n"
        "usage: 500 tokens read, 50 written, 5 requests, 0 of them repeated\n"
        "cost: 0.0025 at the prices given\n"
        "left out: 2 of 5 solutions, which have no verdict (a sample 2, b sample 0), and 1 problems that no "
        f"other solution solves; all are in {out}.left_out.jsonl\n"
    )
    assert read(tmp_path / "out.jsonl.left_out.jsonl") == [
        {"problem_id": "a", "sample": 2, "reason": "no verdict"},
        {"problem_id": "b", "sample": 0, "reason": "no verdict"},
    ]
    for row in read(out):
        assert row["note"] == "kept"
        assert row["labelled_by"]["judge"] == {
            "family": "judge",
            "model": MODEL,
            "template": default_template("first_error"),
            "verdicts": "first_error",
            "samples": 1,
            "temperature": 0.0,
            "max_new_tokens": 4096,
            "seed": 0,
            "body": {},
            "usage": {
                **{"answers": 5, "verdicts": 3, "cut_off": 0, "requests": 5, "uncounted": 0},
                **{"prompt_tokens": 500, "completion_tokens": 50},
            },
        }
    (prompt,) = (one["messages"][0]["content"] for one in judge.requests if paragraphs(one) == ["wrong"])
    assert "\n\nProblem c?\n\n[Solution]\n\n<paragraph_0>\nwrong\n</paragraph_0>\n\nYour task" in prompt
    assert {one["model"] for one in judge.requests} == {MODEL}
    assert read_pool(out, "judge").labelers == ("judge",)


def test_a_pool_of_many_verdicts_by_hand(tmp_path, capsys):
    """Four answers about four steps: errors at step 0, at step 2, none, unreadable.

    Step 0: of three verdicts two call it right. Step 1: both that judge it. Step 2: one of two. Step 3: the
    one that judges it.
    """
    answers = iter([r"\boxed{0}", r"\boxed{2}", r"\boxed{-1}", "hm"])
    source, out = pool(tmp_path / "pool.jsonl", {"a": ["a b c d"]}), tmp_path / "out.jsonl"
    with fake_judge(lambda request, before: Reply(text=next(answers))) as judge:
        assert label(source, judge, out, "--samples=4", "--temperature=0.7", "--seed=3", "--name=x") == 0
    assert scores(out, "x") == {("a", 0): [pytest.approx(2 / 3), 1, 1 / 2, 1]}
    assert "verdicts: 3 of 4 answers have one" in capsys.readouterr().out
    assert len({one["seed"] for one in judge.requests}) == 4
    assert {one["temperature"] for one in judge.requests} == {0.7}


def test_verdicts_on_each_step(tmp_path):
    """Steps after an error have labels too; an own template, a body, and an answer that is cut off."""

    def each(request, before):
        steps = paragraphs(request)
        lines = (f"Paragraph {i}: {'incorrect' if s == 'wrong' else 'correct'}" for i, s in enumerate(steps))
        return Reply(text="\n".join(lines), finish_reason="length" if "long" in steps else "stop")

    template = tmp_path / "mine.txt"
    template.write_text("{problem} {unknown} \\boxed{}\n{steps}\nup to {last}", encoding="utf-8")
    source = pool(tmp_path / "pool.jsonl", {"{steps}": ["right wrong right", "long"]})
    with fake_judge(each) as judge:
        more = ("--verdicts=each_step", f"--template={template}", '--body={"top_p": 0.9}')
        assert label(source, judge, tmp_path / "out.jsonl", *more) == 0
    assert scores(tmp_path / "out.jsonl") == {("{steps}", 0): [1, 0, 1]}
    assert {one["top_p"] for one in judge.requests} == {0.9}
    found = {one["messages"][0]["content"] for one in judge.requests}
    start = "Problem {steps}? {unknown} \\boxed{}\n<paragraph_0>\nlong\n</paragraph_0>\nup to 0"
    assert start in found  # a text of the pool is not a field of the template


def test_failures_are_tried_again_and_counted(tmp_path, capsys):
    """Three answers take 2, 3 and 1 requests; the server does not count the tokens of one of them."""

    def rule(request, before):
        (first, *_) = paragraphs(request)
        failures = {
            "busy": [Reply(status=429, headers={"Retry-After": "7"})],
            "down": [Reply(status=500)] * 2,
        }
        if before < len(failures.get(first, [])):
            return failures[first][before]
        return Reply(text=r"\boxed{-1}", **({"usage": None} if first == "plain" else {}))

    source = pool(tmp_path / "pool.jsonl", {"a": ["busy", "down", "plain"]})
    with fake_judge(rule) as judge:
        assert label(source, judge, tmp_path / "out.jsonl") == 0
    assert (
        "usage: 200 tokens read, 20 written, 6 requests, 3 of them repeated; the server did not count the "
        "tokens of 1 answers\n"
    ) in capsys.readouterr().out
    assert len(judge.requests) == 6


def test_what_is_too_long_for_the_model_is_left_out(tmp_path):
    message = b'{"error": {"message": "the request exceeds the available context size"}}'

    def rule(request, before):
        return Reply(status=400, body=message) if "long" in paragraphs(request) else honest(request, before)

    source = pool(tmp_path / "pool.jsonl", {"a": ["long", "right"]})
    with fake_judge(rule) as judge:
        assert label(source, judge, tmp_path / "out.jsonl") == 0
    (left_out,) = read(tmp_path / "out.jsonl.left_out.jsonl")
    assert left_out == {"problem_id": "a", "sample": 0, "reason": "longer than the model's context"}


def test_no_answer_is_asked_for_twice(tmp_path, monkeypatch, capsys):
    """A server that rejects the eighth request; then the same command; then others that share its answers."""
    monkeypatch.setattr(judging, "SHARD", 2)
    source = pool(tmp_path / "pool.jsonl", {f"p{p}": [f"right s{p}", f"wrong t{p}"] for p in range(6)})
    answered = []

    def moody(request, before):
        if len(answered) == 7:
            return Reply(status=403, body=b'{"error": {"message": "no credit left"}}')
        answered.append(request)
        return honest(request, before)

    with fake_judge(moody) as judge:
        assert label(source, judge, tmp_path / "out.jsonl", "--concurrency=1") == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ablations: ")]
    assert line.startswith(
        f"ablations: endpoint: found status 403 from {judge.url} (no credit left); allowed"
    )
    assert len(answered) == 7 and not (tmp_path / "out.jsonl").exists()
    assert len(Store("runs/store").addresses()) == 3  # three shards of two, and one answer of the fourth

    with fake_judge(honest) as judge:  # at another address
        assert label(source, judge, tmp_path / "out.jsonl") == 0
        assert len(judge.requests) == 12 - 7 and not [one for one in judge.requests if one in answered]
        assert label(source, judge, tmp_path / "again.jsonl") == 0
        assert len(judge.requests) == 5  # all are in the store
        # answers are read in another way
        assert label(source, judge, tmp_path / "each.jsonl", "--verdicts=each_step", "--template=t") == 2
        assert "template: found no file t" in capsys.readouterr().err
        (tmp_path / "t").write_text(default_template("first_error"))
        assert label(source, judge, tmp_path / "each.jsonl", "--verdicts=each_step", "--template=t") == 2
        said = capsys.readouterr().err
        assert "verdicts: found none in 12 answers, which begin with 'So: \\\\boxed{-1}'; allowed:" in said
        assert len(judge.requests) == 5
        # another template is another question
        (tmp_path / "t").write_text(default_template("first_error") + "Be brief.")
        assert label(source, judge, tmp_path / "brief.jsonl", "--template=t") == 0
        assert len(judge.requests) == 5 + 12
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    assert label(source, judge, tmp_path / "offline.jsonl") == 0  # needs no server


def test_more_samples_ask_for_the_rest(tmp_path):
    source = pool(tmp_path / "pool.jsonl", {"a": ["right", "wrong"]})
    with fake_judge(honest) as judge:
        for samples, asked in ((1, 2), (3, 6), (2, 6)):
            out = tmp_path / f"{samples}.jsonl"
            assert label(source, judge, out, f"--samples={samples}", "--temperature=1") == 0
            assert len(judge.requests) == asked


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_started_again(signal_, tmp_path):
    """The answers that came before are not asked for again; an interrupt waits for those under way."""
    count = 60
    source = pool(tmp_path / "pool.jsonl", {"a": [f"right s{i}" for i in range(count)]})
    out = tmp_path / "out.jsonl"

    def slow(request, before):
        time.sleep(0.02)
        return honest(request, before)

    with fake_judge(slow) as judge:
        words = [
            "label",
            source,
            "--labeler",
            MODEL,
            "--endpoint",
            judge.url,
            "--out",
            out,
            "--concurrency=2",
        ]
        process = forked_command(words, out=tmp_path / "said", log=tmp_path / "log")
        while process.is_alive() and len(judge.requests) < 20:
            time.sleep(0.001)
        os.kill(process.pid, signal_)
        process.join()
        assert process.exitcode == (130 if signal_ == signal.SIGINT else -signal.SIGKILL) and not out.exists()
        (kept,) = (tmp_path / "runs/store/.scratch").glob("*/answers.jsonl")
        lines, asked = len(kept.read_text().splitlines()), len(judge.requests)
        assert lines == asked if signal_ == signal.SIGINT else asked - 2 <= lines <= asked
        with kept.open("a") as file:
            file.write('[59, {"text": "torn')
        assert label(source, judge, out) == 0
        assert len(judge.requests) - asked == count - lines
    assert len(scores(out)) == count


def test_a_judge_is_evaluated_on_rated_steps(tmp_path, capsys):
    """Of two solutions with an error one is found, that without is called right: F1 is 2 * 1/2 / (1/2 + 1).

    A solution without a verdict is left out, and named as such; it counts neither as right nor as wrong.
    """
    rated = [("right wrong later", 1), ("right right", -1), ("right wrong", 0), ("mumble right", -1)]
    rows = [
        {
            "id": f"r{n}",
            "problem": f"{n}?",
            "steps": steps.split(),
            "label": first,
            "final_answer_correct": True,
        }
        for n, (steps, first) in enumerate(rated)
    ]
    file = tmp_path / "processbench.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with fake_judge(honest) as judge:
        words = ["evaluate", MODEL, "--endpoint", judge.url, "--on", file, "--threshold=0.5", "--out"]
        assert cli.main([str(word) for word in [*words, tmp_path / "out"]]) == 0
        said = capsys.readouterr().out
        assert f"{file}\nverdicts: 3 of 4 answers have one" in said
        assert f"left out of {file}: 1 no verdict" in said
        assert cli.main([str(word) for word in [*words, tmp_path / "again"]]) == 0
        assert len(judge.requests) == 4
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert facts["left_out"] == {str(file): {"no verdict": 1}}
    assert facts["checkpoint"]["judge"]["usage"]["answers"] == 4
    with (tmp_path / "out" / "metrics.csv").open() as lines:
        found = {row["metric"]: row for row in csv.DictReader(lines) if row["labeler"] == "judge"}
    assert float(found["first_error_f1"]["estimate"]) == pytest.approx(2 / 3)
    assert found["first_error_f1"]["count"] == "3"
    assert cli.main(["evaluate", MODEL, "--endpoint", judge.url]) == 2
    assert (
        "on: found none with --endpoint; allowed: solutions that the judge reads" in capsys.readouterr().err
    )


def test_a_judge_is_evaluated_on_a_pool(tmp_path, capsys):
    source = pool(tmp_path / "pool.jsonl", {"a": ["right", "wrong", "mumble"]})
    with fake_judge(honest) as judge:
        words = ["evaluate", MODEL, "--endpoint", judge.url, "--on", source, "--name=x"]
        assert cli.main([str(word) for word in words]) == 0
        assert label(source, judge, tmp_path / "out.jsonl") == 0
        assert len(judge.requests) == 3  # both commands ask the same
    said = capsys.readouterr().out
    assert "Best-of-2" in said and "left out of" in said


def test_answers_survive_in_the_store(tmp_path):
    source = pool(tmp_path / "pool.jsonl", {"a": ["right", "mumble"]})
    with fake_judge(honest) as judge:
        assert label(source, judge, tmp_path / "out.jsonl") == 0
    (address,) = Store("runs/store").addresses()
    answers = JudgeAnswers.read(Store("runs/store").root / address).answers
    assert [answer.text for answer in answers] == [r"So: \boxed{-1}", "I would rather not say."]
    assert {(one.finish_reason, one.prompt_tokens, one.requests) for one in answers} == {("stop", 100, 1)}


def test_the_key_is_written_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(KEY_VARIABLE, "sk-hidden")
    source = pool(tmp_path / "pool.jsonl", {"a": ["right"]})
    with fake_judge(honest) as judge:
        assert label(source, judge, tmp_path / "out.jsonl", "--log-format=json") == 0
    assert judge.headers[0]["Authorization"] == "Bearer sk-hidden"
    said = capsys.readouterr()
    assert "sk-hidden" not in said.out + said.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        assert b"sk-hidden" not in path.read_bytes() and judge.url.encode() not in path.read_bytes(), path


def test_mistakes_are_one_line(tmp_path, capsys):
    source, out = pool(tmp_path / "pool.jsonl", {"a": ["right"]}), tmp_path / "out.jsonl"
    with fake_judge(honest) as judge:
        pass

    def mistake(*more, endpoint=True):
        words = ["label", source, "--labeler", MODEL, "--out", out, *more]
        words += ["--endpoint", judge.url] if endpoint is True else []
        assert cli.main([str(word) for word in words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert f"endpoint: found no server at {judge.url} ([Errno 111] Connection refused)" in mistake()
    assert "samples: found 4 without --endpoint; allowed: none" in mistake("--samples=4", endpoint=False)
    assert "device: found cuda with --endpoint; allowed: none" in mistake("--device=cuda")
    assert "samples: found 4 at temperature 0, where all are alike" in mistake("--samples=4")
    assert "verdicts: found 'grades'; allowed: first_error, each_step" in mistake("--verdicts=grades")
    assert "temperature: found -1.0; allowed: 0 or more" in mistake("--temperature=-1")
    assert "body: found []; allowed: a JSON object" in mistake("--body=[]")
    assert 'body: found {"a": NaN}; allowed: a JSON object' in mistake('--body={"a": NaN}')
    assert "body: found seed; allowed: fields other than model, messages" in mistake('--body={"seed": 1}')
    assert "price_in, price_out: found one of them" in mistake("--price-in=1")
    assert "endpoint: found no base address" in mistake("--endpoint=localhost:8000", endpoint=False)
    (tmp_path / "t").write_text("{problem}")
    assert "template: found no {steps}; allowed: a text with {problem} and {steps}" in mistake("--template=t")
    (tmp_path / "t").write_bytes(b"\xff")
    assert "template: found no UTF-8 text in t" in mistake("--template=t")
    assert not out.exists()


def test_a_reply_that_is_nonsense_is_no_verdict_but_a_failure(tmp_path, capsys):
    source = pool(tmp_path / "pool.jsonl", {"a": ["right"]})
    with fake_judge(lambda request, before: Reply(body=b"<html>")) as judge:
        assert label(source, judge, tmp_path / "out.jsonl") == 2
    said = capsys.readouterr().err
    assert f"endpoint: found a reply that is no chat completion from {judge.url}, 6 times" in said


def test_requests_of_a_seed_differ_by_sample_and_are_the_same_again():
    judge = Judge(model="m", template=default_template("first_error"), samples=3, temperature=1.0, seed=5)
    seeds = [judge.request(sample)["seed"] for sample in range(3)]
    assert len(set(seeds)) == 3 and all(0 <= seed < 2**31 for seed in seeds)
    assert judge.request(1)["seed"] == seeds[1]
