from dataclasses import replace

import pytest
from toy_steps import named

from ablations.engine.costs.costs import (
    NO_MODEL,
    TEXT_SECONDS,
    compare_times,
    compute_costs,
    longest_path,
    operations,
    task_seconds,
)
from ablations.engine.costs.hardware import DEVICES, KINDS, Device, device_of
from ablations.engine.costs.work import Work
from ablations.engine.store import Timing
from lightning_modules.sizes import Size, size_of

TINY = size_of("tiny", vocabulary=5)
"""20,640 parameters multiply a token, and 160 more in a language model; 2 layers, width 32."""
PLAIN = Size(name="plain", parameters=50, reward=50, language=50, layers=0, width=1)
SIZES = {"student": PLAIN, "generator": PLAIN, "large": PLAIN}
DEVICE = Device(name="slow", peak=1000.0, utilization=0.5, sampling=0.1, timed_as="cpu")


def work(kind="scoring", tokens=5, **more):
    return Work(role=more.pop("role", "student"), kind=kind, tokens=tokens, context=10, **more)


def task(name, *inputs, tokens=5, n=0, role="student", **more):
    """Five tokens scored by 50 parameters take 5 x 2 x 50 / (1000 x 0.5) = 1 second."""
    some = (work(tokens=tokens, role=role),) if tokens else ()
    return named(name, **more)(n=n, of=inputs, label=f"{name} {n}", work=some)


@pytest.mark.parametrize(
    ("kind", "of_one_token"),
    [
        # 2 a parameter, and 4 x 2 layers x 32 x 10 tokens of the row
        ("scoring", 2 * 20_640 + 2_560),
        # thrice: 6 a parameter, 12 in attention
        ("training", 6 * 20_640 + 7_680),
        ("sampling", 2 * 20_800 + 2_560),
        ("language training", 6 * 20_800 + 7_680),
    ],
)
def test_operations_of_a_tiny_backbone(kind, of_one_token):
    assert operations(work(kind, tokens=1), TINY) == of_one_token
    assert operations(work(kind, tokens=7), TINY) == 7 * of_one_token


def test_seconds_of_a_task():
    # training 6 x 50 x 5 / 500 = 3 s, sampling 2 x 50 x 5 / 100 = 5 s, and what the host does before
    both = replace(task("train"), work=(work("training", texts=4), work("sampling")))
    assert task_seconds(both, SIZES, DEVICE) == pytest.approx(8 + 4 * TEXT_SECONDS)
    assert task_seconds(task("gather", tokens=0), SIZES, DEVICE) == 0


def grid(**more):
    """A draw of 2 s, eight trainings of 1 s each, two scorings of 3 s, and a table."""
    draw = task("samples", tokens=10, role="generator", **more)
    trains = [task("train", draw, n=n) for n in range(8)]
    scores = [task("scores", trains[n], tokens=15, n=n) for n in range(2)]
    return [draw, *trains, *scores, task("records", *scores, tokens=0)]


def test_costs_by_kind_and_in_total_of_a_grid_small_enough_to_count():
    kinds, total = compute_costs(grid(), SIZES, DEVICE, (1, 2, 4, 100))
    found = {one.what: (one.tasks, one.tokens, one.operations, one.seconds) for one in kinds}
    assert found == {
        "sampling": (1, 10, 1000, (2, 2, 2, 2)),  # one task: more devices do not help
        "training of students": (8, 40, 4000, (8, 4, 2, 1)),
        "scoring by students": (2, 30, 3000, (6, 3, 3, 3)),
        NO_MODEL: (1, 0, 0, (0, 0, 0, 0)),
    }
    assert list(found)[-1] == NO_MODEL
    assert (total.tasks, total.tokens, total.operations) == (12, 80, 8000)
    # Two devices halve all of it; the longest path takes 2 + 1 + 3 s on any number.
    assert total.seconds == (16, 8, 6, 6)


def test_what_can_be_spread_shortens_the_longest_path():
    kinds, total = compute_costs(grid(spreads=True), SIZES, DEVICE, (1, 2, 4, 100))
    assert kinds[0].seconds == (2, 1, 0.5, 0.02)
    # 16 / 2 = 8; on four devices 16 / 4 = 4 is less than the path of 2 / 4 + 1 + 3
    assert total.seconds == (16, 8, 4.5, 4.02)


def test_the_longest_path():
    tasks = grid()
    seconds = {one: task_seconds(one, SIZES, DEVICE) for one in tasks}
    path = longest_path(tasks, seconds.__getitem__)
    assert [one.name for one in path] == ["samples", "train", "scores"]
    assert sum(seconds[one] for one in path) == 6
    assert path[1] in path[2].parents


def timing(seconds, device="cpu x86_64", resumed=False):
    return Timing(
        step="train", weight=1.0, seconds=seconds, resumed=resumed, device=device, finished="2026-01-01"
    )


def test_predicted_beside_measured():
    tasks = grid()
    draw, trains, records = tasks[0], tasks[1:9], tasks[-1]
    timings = {
        draw.key: timing(4.0),
        trains[0].key: timing(1.0),
        trains[1].key: timing(4.0),
        trains[2].key: timing(90.0, resumed=True),
        trains[3].key: timing(90.0, device="NVIDIA H100 80GB HBM3"),
        records.key: timing(90.0),  # no model, no prediction
        "other": timing(90.0),
    }
    sampled, trained, total = compare_times(tasks, SIZES, DEVICE, timings)
    assert (sampled.what, sampled.tasks, sampled.predicted, sampled.measured) == ("sampling", 1, 2, 4)
    assert sampled.agrees  # a factor of 2, no more
    assert (trained.tasks, trained.predicted, trained.measured, trained.agrees) == (2, 2, 5, False)
    assert (total.tasks, total.predicted, total.measured, total.agrees) == (3, 4, 9, False)
    assert not replace(total, measured=1.9).agrees and replace(total, measured=2.0).agrees
    assert compare_times(tasks, SIZES, replace(DEVICE, timed_as="A100"), timings) == []


def test_devices():
    assert device_of("h100") == DEVICES["h100"] and KINDS[0] == "h100"
    own = device_of("a100", peak_tflops=2.0, utilization=1.0, sampling_utilization=0.5)
    assert (own.peak, own.utilization, own.sampling) == (2e12, 1.0, 0.5)
    core = device_of("cpu")
    assert 1e8 < core.peak < 1e14 and core.timed_as in timing(1.0).device
    for change, message in (
        ({"kind": "tpu"}, "device_kind: found 'tpu'; allowed: h100, h200, a100, cpu"),
        ({"peak_tflops": 0.0}, "peak_tflops: found 0; allowed: above 0"),
        ({"peak_tflops": float("inf")}, "peak_tflops: found inf; allowed"),
        ({"utilization": 1.5}, "utilization: found 1.5; allowed: above 0, to 1"),
        ({"sampling_utilization": 0.0}, "sampling_utilization: found 0; allowed"),
    ):
        with pytest.raises(ValueError, match=message):
            device_of(**{"kind": "h100"} | change)
