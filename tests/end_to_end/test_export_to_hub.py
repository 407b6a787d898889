"""``ablations export`` of pools, and ``--push`` to a hub on this machine."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fake_hub import TOKEN, FakeHub, fake_hub

from ablations.commands import cli


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as (hub, address):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", address, raising=False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Three problems with a right and a wrong solution each, which the labeler tells apart."""
    path = tmp_path / "sums.jsonl.gz"
    with gzip.open(path, "wt") as lines:
        for number in range(3):
            samples = [
                {
                    "sample": sample,
                    "steps": [f"{number} + 1 = {number + 1 + sample}"],
                    "answer": str(number + 1 + sample),
                    "final_correct": sample == 0,
                    "step_scores": {"sharp": [0.9 - 0.8 * sample]},
                }
                for sample in range(2)
            ]
            problem = {"problem_id": f"p{number}", "problem": f"{number} + 1?", "answer": str(number + 1)}
            lines.write(json.dumps(problem | {"samples": samples}) + "\n")
    return path


def export(*argv: object) -> int:
    return cli.main(["export", *map(str, argv)])


def test_a_pool_gets_a_card_with_its_results(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export(pool, out, "--license", "mit", "--name", "sums") == 0
    card = (out / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "mit"
    assert front["configs"] == [{"config_name": "default", "data_files": "pool.jsonl.gz"}]
    assert (out / "pool.jsonl.gz").read_bytes() == pool.read_bytes()
    assert "| scored by | sharp |" in card and "majority voting" in card
    assert export(out / "README.md", tmp_path / "other") == 2


def test_a_pool_is_pushed_to_a_private_dataset(
    hub: FakeHub, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(pool, tmp_path / "out", "--push", "someone/sums") == 0
    (made,) = hub.created
    assert (made["name"], made["type"], made["private"]) == ("sums", "dataset", True)
    assert hub.files["pool.jsonl.gz"] == pool.read_bytes()
    assert hub.files["README.md"] == (tmp_path / "out" / "README.md").read_bytes()
    assert hub.committed_to == ["/api/datasets/someone/sums/commit/main"]
    assert capsys.readouterr().out.splitlines()[-1].endswith("someone/sums")


def test_a_model_is_pushed(hub: FakeHub, smoke, tmp_path: Path) -> None:
    out = tmp_path / "model"
    argv = ["--arm", "process", "--data-scale", 2, "--seed", 0]
    assert export(smoke.out, out, *argv, "--push", "someone/prm", "--public") == 0
    assert hub.created[0]["private"] is False
    assert {path.name for path in out.iterdir()} == set(hub.files)


def test_a_refusal_keeps_the_folder(
    hub: FakeHub, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refuses = True
    assert export(pool, tmp_path / "out", "--push", "someone/sums") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is complete, but was not uploaded to someone/sums" in line
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--push", "someone"], "push: found someone; allowed: OWNER/NAME"),
        (["--push", "a/b@main"], "push: found a/b@main; allowed: OWNER/NAME"),
        (["--public"], "public: found it without a repository; allowed: with --push OWNER/NAME"),
    ],
)
def test_bad_arguments(
    argv: list[str], message: str, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(pool, tmp_path / "out", *argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_whoever_is_not_logged_in_learns_it_first(
    hub: FakeHub,
    pool: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", "wrong")
    assert export(pool, tmp_path / "out", "--push", "someone/sums") == 2
    assert "push: the hub does not know you" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not hub.created
