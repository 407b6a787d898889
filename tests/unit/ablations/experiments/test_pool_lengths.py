"""How many tokens students read where the user sets no source.max_length."""

import pytest
from defaults import settings_of
from pool_files import write_pool

from ablations.commands import cli
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions


@pytest.mark.parametrize(
    ("letters", "tokens"), [(10, 1024), (1500, 1536), (1533, 1536), (1534, 1600), (9000, 8192)]
)
def test_the_longest_solution_fits(tmp_path, letters, tokens):
    """A question of one letter, a step, and the ends of two lines: 3 bytes more; the next multiple of 64."""
    path = tmp_path / "pool.jsonl"
    right = Solution(
        problem_id="p", sample=0, steps=("x" * letters,), answer="1", finished=True, final_correct=True
    )
    problems = [Problem(problem_id="p", text="?", answer="1")]
    write_pool(path, problems, Solutions.from_rows([right]), {"a": Ragged.from_rows([[0.5]])})
    assert settings_of("supervision", "smoke", pool=path, labeler="a").source.max_length == tokens


def test_solutions_that_may_be_cut_are_named_before_anything_is_trained(tmp_path, capsys):
    """One of six solutions has a step of 1,100 letters."""
    rows = [
        Solution(
            problem_id=f"p{p}", sample=s, steps=("x" * (1100 if p == 1 and s == 0 else 5),), answer="1",
            finished=True, final_correct=s == 0,
        )
        for p in range(3)
        for s in range(2)
    ]  # fmt: skip
    problems = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="1") for p in range(3)]
    path = tmp_path / "pool.jsonl"
    write_pool(path, problems, Solutions.from_rows(rows), {"a": Ragged.from_rows([[0.5]] * 6)})
    plan = ["plan", "supervision", "--scale=smoke", f"--pool={path}", "--labeler=a", f"--store={tmp_path}"]
    plan += ["--settings.source.folds=3", "--settings.data_scales=[1]"]
    assert cli.main([*plan, "--settings.source.max_length=1024"]) == 0
    # "1?" and a line end, 1,100 letters and a line end: 3 + 1101 bytes
    said = capsys.readouterr().err
    assert "source.max_length: 1 of 6 solutions have more than 1,024 bytes, and so perhaps tokens, " in said
    assert "p1 sample 0 (1,104)" in said
    assert cli.main(plan) == 0 and "source.max_length" not in capsys.readouterr().err  # sized to the pool
