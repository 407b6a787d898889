"""`ablations rollout`: Monte Carlo labels of the steps of a pool."""

import json

import pytest

from ablations.commands import cli
from ablations.data.solutions import Problem
from ablations.formats.pool import read_pool
from ablations.generators.generator import find_generator
from ablations.generators.setup import GeneratorChoice, Sampling
from ablations.generators.transformers_engine import TransformersEngine
from ablations.grading.grader import Grader
from lightning_modules.sampling import Completion


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The store of a test: `runs/store` in the folder that its commands are run in."""
    monkeypatch.chdir(tmp_path)


def sample(number, steps, right, **more):
    return {"sample": number, "steps": list(steps), "answer": "4", "final_correct": right} | more


@pytest.fixture
def pool(tmp_path):
    """Two problems; the third solution of the first is ungraded."""
    rows = [
        {
            "problem_id": "p",
            "problem": "2 + 2?",
            "answer": "4",
            "samples": [sample(0, "abc", True), sample(1, "abd", False), sample(2, "xy", None)],
        },
        {"problem_id": "q", "problem": "1 + 1?", "answer": "2", "samples": [sample(0, "ac", True)]},
    ]
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def argv(pool, folder, out, *more):
    return ["rollout", str(pool), "--generator", str(folder), "--out", str(out), *more]


def test_rollouts_label_steps(pool, checkpoint, tmp_path, monkeypatch, capsys):
    """Right are, of two each: from a of p the second, from ab both, from a of q none: one is cut off.

    The first rollout from ab of p is empty, and so wrong; a third is drawn in its place, and does not count.
    """
    begun = ["2 + 2?\na\n", "2 + 2?\na\nb\n", "1 + 1?\na\n"]
    texts = {
        **{(0, 0): ("#### 3", True), (0, 1): ("b\n#### 4", True)},
        **{(1, 0): ("", True), (1, 1): ("#### 4", True), (1, 2): ("#### 4", True)},
        **{(2, 0): ("#### 2", False), (2, 1): ("well", True)},
    }

    def draw(self, prompts, wanted, progress):
        assert [prompt.text for prompt in prompts] == begun
        done = [texts[prompt, number] for prompt, number in wanted]
        return [Completion(text=text, finished=end, tokens=10) for text, end in done]

    monkeypatch.setattr(TransformersEngine, "draw", draw)
    monkeypatch.setattr(Grader, "grade", lambda self, pairs, progress=None: [a == b for a, b in pairs])
    out = tmp_path / "labeled.jsonl"
    assert cli.main(argv(pool, checkpoint("gpt2"), out, "-n", "2", "--name", "mc")) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{out}: 2 problems, 3 solutions, 8 steps labeled by mc: 6 rollouts of ")
    assert first.endswith(", 70 tokens") and second == "left out: 1 ungraded solutions"
    labels = read_pool(out, "mc").labels
    assert [labels.prob.row(i)[:, 1].tolist() for i in range(3)] == [[0.5, 0.5, 1], [0.5, 0.5, 0], [0, 1]]
    by = json.loads(out.read_text().splitlines()[0])["labelled_by"]["mc"]
    assert by["rollouts"] == 2 and by["engine"] == "transformers"


def test_a_checkpoint_rolls_out_and_the_command_resumes(pool, checkpoint, tmp_path, monkeypatch, capsys):
    """The same rollouts again come from the store: nothing is drawn."""
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    more = ("-n", "3", "--max-new-tokens", "5", "--seed", "1")
    assert cli.main(argv(pool, checkpoint("qwen2"), outs[0], *more)) == 0
    monkeypatch.setattr(TransformersEngine, "draw", None)
    assert cli.main(argv(pool, checkpoint("qwen2"), outs[1], *more)) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert read_pool(outs[0], "monte_carlo").labels.prob.row(0)[-1].tolist() == [0, 1]  # its own answer
    assert "9 rollouts" in capsys.readouterr().out
    assert cli.main(argv(outs[0], checkpoint("qwen2"), tmp_path / "three.jsonl", *more)) == 2
    assert capsys.readouterr().err.startswith("ablations: name: found 'monte_carlo', whose scores")


def test_a_prompt_continues_with_the_beginning_of_a_solution(checkpoint):
    """In the chat template, it follows the assistant's turn, which is open."""
    choice = GeneratorChoice(checkpoint=str(checkpoint("qwen2")))
    generator = find_generator(choice, Sampling(samples=1, max_new_tokens=5), ())
    problem = Problem(problem_id="p", text="2 + 2?", answer="4")
    opened = generator.prompts([problem])
    (begun,) = generator.extend(opened, ["12 + 30 = 42\n"], [problem])
    decode = generator.prompter.tokenizer.decode
    assert decode(begun.ids) == begun.text and begun.text.endswith("<|im_start|>assistant\n12 + 30 = 42\n")
    assert begun.ids[: len(opened[0].ids)] == opened[0].ids
    with pytest.raises(
        ValueError, match=r"^problems: found a prompt of .* tokens for p; allowed: fewer than 512"
    ):
        generator.extend(opened, ["12 " * 600], [problem])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("-n", "0"), "rollouts: found 0; allowed: 1 or more"),
        (("--temperature", "-1"), "temperature: found -1"),
    ],
)
def test_bad_input(pool, checkpoint, tmp_path, capsys, more, message):
    assert cli.main(argv(pool, checkpoint("qwen2"), tmp_path / "out.jsonl", *more)) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ablations: {message}") and said.count("\n") == 1
