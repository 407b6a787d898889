"""What a run says of its progress, and how long it believes it will take."""

import io

import pytest
from toy_steps import named

from ablations.engine.progress import Lines
from ablations.engine.schedule import PRIOR_SECONDS, Rates
from ablations.engine.step import Task
from ablations.engine.store import Store


def task(name: str, weight: float) -> Task:
    return named(name)(weight=weight)


def test_a_second_run_of_one_command_counts_from_zero() -> None:
    """Five tasks and then three: never "[4/3]"."""
    said = io.StringIO()
    lines = Lines(said)
    for total in (5, 3):
        lines.begin(total, 0, 1.0)
        for _ in range(total):
            lines.started(task("one", 1.0))
            lines.ended(task("one", 1.0), 0.1, None, 0.0, 0.0)
    counts = [line.split("]")[0] + "]" for line in said.getvalue().splitlines() if line.startswith("[")]
    assert counts == [f"[{n}/5]" for n in range(1, 6)] + [f"[{n}/3]" for n in range(1, 4)]


def test_a_few_short_tasks_do_not_multiply_the_time_that_is_left(tmp_path) -> None:
    """A task planned for 0.1 s that takes 4 s says little of others: (4 + 60) / (0.1 + 60), not 40 times."""
    rates = Rates(Store(tmp_path))
    rates.add("drawn", weight=0.1, seconds=4.0)
    assert rates.seconds(task("train", 1000.0)) == pytest.approx(
        1000 * (4 + PRIOR_SECONDS) / (0.1 + PRIOR_SECONDS)
    )
    assert rates.seconds(task("train", 1000.0)) < 1100
    # of its own step it says all there is to know
    assert rates.seconds(task("drawn", 0.2)) == pytest.approx(8.0)
