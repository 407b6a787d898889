"""People as the annotator: files written, rated, checked, and the data collection going on with them."""

import json
import shutil

import pytest

from ablations.commands import cli
from ablations.world.annotator import Annotator, up_to_first_error
from ablations.world.worlds import WORLDS
from results.records import plain, read_records

GENERATIONS = 3  # phase 1 and two more at scale smoke


@pytest.fixture
def command(smoke, tmp_path):
    """`ablations annotate ACTION` or `ablations run` on the first experiment's store."""
    shutil.copytree(smoke.store, tmp_path / "store")

    def call(*words, code=0):
        flags = ("--scale=smoke", "--workers=1", f"--store={tmp_path / 'store'}")
        folder = f"--settings.collection.annotations={tmp_path / 'ratings'}"
        assert cli.main([*words, *flags, folder]) == code

    return call


def rate(path, change=lambda ratings: ratings):
    """Rates as the world's annotator of `large_scale` does."""
    annotator = Annotator(name="annotator-0", easy_error=0.01, hard_error=0.04)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        steps = row["question"]["pre_generated_steps"]
        problem = row["question"]["problem"]
        ratings = change(up_to_first_error(annotator.rate(WORLDS["facts"], problem, steps)))
        for step, rating in zip(row["label"]["steps"], ratings, strict=True):
            step["completions"][0]["rating"] = rating
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_people_who_rate_as_the_annotator_does_make_the_same_large_prm(command, tmp_path, capsys):
    for generation in range(GENERATIONS):
        file = tmp_path / "ratings" / f"generation-{generation}.jsonl"
        command("annotate", "write", "large_scale")
        assert f"{file}: " in capsys.readouterr().out
        assert len(file.read_text().splitlines()) > 0
        rate(file)
    command("annotate", "read", "large_scale")
    told = capsys.readouterr().out
    assert "generation-0.jsonl: 12 solutions, 0 of them not rated; " in told
    assert told.endswith("All generations are rated: `ablations run` continues.\n")
    command("run", "large_scale", f"--out={tmp_path / 'people'}")
    argv = ["run", "large_scale", "--scale=smoke", "--workers=1", f"--store={tmp_path / 'store'}"]
    assert cli.main([*argv, f"--out={tmp_path / 'world'}"]) == 0
    found, expected = (
        plain(read_records(tmp_path / who / "records.parquet")).drop(columns="config")
        for who in ("people", "world")
    )
    assert found.astype(str).equals(expected.astype(str))


def test_ratings_that_are_wrong_stop_it(command, tmp_path, capsys):
    command("annotate", "read", "large_scale")
    file = tmp_path / "ratings" / "generation-0.jsonl"
    assert capsys.readouterr().out == f"{file}: does not exist yet; `ablations annotate write` writes it\n"
    command("run", "large_scale", code=2)
    assert capsys.readouterr().err.startswith(f"ablations: collection.annotations: found no {file}; allowed")
    command("annotate", "write", "large_scale")
    capsys.readouterr()
    for action in ("read", "write"):  # nobody has rated it yet
        command("annotate", action, "large_scale", code=2)
        message = f"ablations: {file}:1: field label.steps[0]: found null; allowed: a rating of 1, 0 or -1"
        assert capsys.readouterr().err.splitlines()[-1].startswith(message)
    rate(file, lambda ratings: (-1, *[1] * (len(ratings) - 1)))
    command("annotate", "read", "large_scale", code=2)
    message = f"ablations: {file}:1: field label.steps[1]: found 1; allowed: null: a step before is rated -1"
    assert capsys.readouterr().err.splitlines()[-1].startswith(message)
    command("run", "large_scale", code=2)  # it is told before anything is computed
    assert capsys.readouterr().err.splitlines()[-1].startswith(message)


@pytest.mark.parametrize("flag", ["store", "settings.collection.annotations"])
def test_a_file_where_a_folder_is_wanted(tmp_path, capsys, flag):
    (tmp_path / "file").touch()
    argv = ["annotate", "write", "large_scale", "--scale=smoke", f"--{flag}={tmp_path / 'file'}"]
    if flag == "store":
        argv.append(f"--settings.collection.annotations={tmp_path / 'ratings'}")
    assert cli.main(argv) == 2
    message = (
        f"ablations: {flag.removeprefix('settings.')}: found the file {tmp_path / 'file'}; allowed: a folder"
    )
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "annotate: found nothing; allowed: write, read"),
        (("rate",), "annotate: found rate; allowed: write, read"),
        (("read", "large_scale"), "collection.annotations: found null; allowed: the folder of labeling"),
        (("read", "supervision"), "experiment: found one whose labels are not collected; allowed: large_sca"),
    ],
)
def test_mistakes(capsys, words, message):
    assert cli.main(["annotate", *words, *(["--scale=smoke"] if len(words) > 1 else [])]) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")
