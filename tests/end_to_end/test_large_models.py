"""The experiments of the large models at scale smoke through the command line, on the first one's store."""

import shutil
from dataclasses import replace

import pytest
from defaults import settings_of

from ablations.commands import cli
from ablations.data.artifacts import ChosenRows
from ablations.data.models import LargePrm
from ablations.experiments.large_models import LargeModels
from ablations.experiments.world_fold import embedded_fold
from results.records import plain, read_records

EXPERIMENTS = ("large_scale", "orm_superset", "difficulty")
WITHIN = 12
"""Problems of the labeler at scale smoke."""


@pytest.fixture(scope="module")
def run(smoke, tmp_path_factory):
    """The folder with the store, and a folder of results for each experiment."""
    folder = tmp_path_factory.mktemp("large")
    shutil.copytree(smoke.store, folder / "store")
    for name in EXPERIMENTS:
        argv = ("run", name, "--scale=smoke", "--workers=1", f"--store={folder / 'store'}")
        assert cli.main([*argv, f"--out={folder / name}"]) == 0
    return folder


def records(run, name):
    frame = read_records(run / name / "records.parquet")
    assert set(frame["experiment"]) == {name}
    return frame


def made(run, step):
    return sorted(path.parent for path in (run / "store" / step).glob("*/manifest.json"))


def test_what_was_made_before_is_used_again(smoke, run):
    for path in smoke.store.glob("[a-z]*/*/manifest.json"):
        again = run / "store" / path.relative_to(smoke.store)
        assert again.read_bytes() == path.read_bytes()
    # Beside the first experiment's five samples the labeler's pool, and those that tell difficulty.
    counts = {step: len(made(run, step)) for step in ("references", "samples", "large_prm")}
    # Beside the labeler, phase 1 and two generations: a PRM each, the last of them the large PRM of all three
    # experiments.
    assert counts == {"references": 1, "samples": 5 + 2, "large_prm": 1 + 3}
    # All students as they were; one large ORM (one learning rate), and one on each of three sets.
    before = len(list((smoke.store / "train").glob("*/manifest.json")))
    assert len(made(run, "train")) == before + 1 + 3


def test_generations_are_wrong_new_and_trained_on(smoke, run):
    generations = [ChosenRows.read(path) for path in made(run, "collected")]
    assert len(generations) == 2
    assert all(chosen.ends_right == 0 and chosen.distinct == len(chosen.rows) for chosen in generations)
    assert not set(generations[0].rows) & set(generations[1].rows)
    labeler = {path.name for path in made(smoke.store.parent, "large_prm")}
    trained = sorted(
        LargePrm.read(path).facts.solutions for path in made(run, "large_prm") if path.name not in labeler
    )
    sizes = sorted(len(chosen.rows) for chosen in generations)
    assert trained[0] == WITHIN and trained[2] == WITHIN + sum(sizes)
    assert trained[1] - WITHIN in sizes


def test_records_of_the_large_models(run):
    frame = records(run, "large_scale")
    assert set(frame["arm"]) == {"large_prm", "large_orm", "labeler", "majority", "oracle", "random"}
    assert frame["cell"].isna().all() and frame["seed"].isna().all()
    best = frame[(frame["metric"] == "best_of_n") & (frame["n"] == 8)].set_index("arm")
    voted = frame[(frame["metric"] == "weighted_vote") & (frame["n"] == 8)].set_index("arm")
    assert set(best.index) == set(voted.index) == {"large_prm", "large_orm", "labeler"}
    assert voted.loc["labeler", "labelled_solutions"] == 2 * WITHIN
    assert best.loc["large_orm", "labelled_solutions"] == 4 * WITHIN
    total = plain(frame[frame["metric"] == "ends_right"]).iloc[0]
    assert total["labelled_solutions"] == best.loc["large_prm", "labelled_solutions"] <= 3 * WITHIN
    assert total["labelled_steps"] == best.loc["large_prm", "labelled_steps"]
    data = frame[frame["variant"].isin(["phase", "generation"]) & (frame["metric"] == "ends_right")]
    levels = data.groupby("variant")["level"].apply(list).to_dict()
    assert levels == {"phase": [1, 2], "generation": [0, 1, 2]}
    assert data[data["variant"] == "phase"]["value"].iloc[1] == 0


def test_orms_on_three_sets(run):
    frame = records(run, "orm_superset")
    orms = frame[frame["arm"] == "large_orm"].drop_duplicates("acquisition").set_index("acquisition")
    labels = orms["labelled_solutions"].to_dict()
    assert set(labels) == {"uniform", "collected", "both"}
    assert labels["uniform"] == labels["collected"] < labels["both"] <= 2 * labels["uniform"]


def test_rows_of_quintiles(run):
    frame = records(run, "difficulty")
    quintiles = frame[frame["variant"] == "quintile"]
    assert set(quintiles["level"]) == {1, 2, 3, 4, 5}
    assert set(quintiles["arm"]) == {"large_prm", "large_orm", "labeler", "majority", "oracle", "random"}
    for arm in ("large_prm", "large_orm"):
        whole = plain(frame[(frame["arm"] == arm) & (frame["metric"] == "best_of_n") & (frame["n"] == 4)])
        parts = quintiles[
            (quintiles["arm"] == arm) & (quintiles["metric"] == "best_of_n") & (quintiles["n"] == 4)
        ]
        joined = [value for values in parts["problem_values"] for value in values]
        assert sorted(joined) == sorted(whole["problem_values"].iloc[0])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_ends_with_its_figure_and_report(run, name):
    assert (run / name / "figures" / f"{name}.png").is_file()
    report = (run / name / "report.html").read_text()
    assert "Each large model is one training" in report and f'id="figure-{name}"' in report
    assert "the arms get the identical ones" not in report


def test_at_scale_small_the_prm_buys_as_many_labels_as_the_labeler():
    for scale in ("quick", "small", "paper"):
        given = settings_of("large_scale", scale)
        assert given.collection.labeled == given.source.labeler.samples
        models = LargeModels(settings=given, fold=embedded_fold(given.source))
        assert models.collected.prm.tokens == models.labeler.tokens


@pytest.mark.parametrize(
    ("name", "flag", "message"),
    [
        (
            "large_scale",
            "collection.selection=luck",
            "collection.selection: found 'luck'; allowed: per_problem",
        ),
        ("large_scale", "collection.generations=0", "collection.generations: found 0; allowed: 1 or more"),
        (
            "large_scale",
            "collection.chosen=3",
            "collection.uniform, generations, chosen: found 7 labeled solutions per problem; allowed: 1 to "
            "collection.pool_samples = 6",
        ),
        ("orm_superset", "orm_samples=7", "orm_samples: found 7; allowed: 1 to collection.pool_samples = 6"),
        ("orm_superset", "orm.backbone=small", "orm.backbone: found 'small'; allowed: large"),
        ("difficulty", "difficulty_samples=0", "difficulty_samples: found 0; allowed: 1 or more"),
    ],
)
def test_malformed_settings(tmp_path, capsys, name, flag, message):
    argv = ["plan", name, "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_pool_is_refused(tmp_path, capsys, name):
    argv = ["plan", name, "--scale=smoke", f"--store={tmp_path / 's'}", "--pool=p.jsonl", "--labeler=prm"]
    assert cli.main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("ablations: pool: found p.jsonl; allowed: none, because the labeler and its")


def test_the_whole_set_is_another_choice_from_the_same_pool():
    given = settings_of("large_scale", "small")
    whole = replace(given, collection=replace(given.collection, selection="whole_set"))
    one, other = (LargeModels(settings=one, fold=embedded_fold(one.source)) for one in (given, whole))
    assert one.pool == other.pool and one.orm.train(0) == other.orm.train(0)
    chosen = zip(one.collected.choices, other.collected.choices, strict=True)
    assert [a == b for a, b in chosen] == [True, False, False, False]


def test_over_the_whole_set_end_to_end(run):
    """K over the whole set: as many in all at most, whichever problems they solve; all on the same pool."""
    argv = ("run", "large_scale", "--scale=smoke", "--workers=1", f"--store={run / 'store'}")
    flag = "--settings.collection.selection=whole_set"
    before = made(run, "collected")
    assert cli.main([*argv, flag, f"--out={run / 'whole'}"]) == 0
    new = [path for path in made(run, "collected") if path not in before]
    assert len(new) == 2 and all(0 < len(ChosenRows.read(path).rows) <= WITHIN for path in new)
    frame = read_records(run / "whole" / "records.parquet")
    told = frame[(frame["metric"] == "ends_right") & (frame["variant"] == "generation")]
    assert len(told) == 3 and (told[told["level"] > 0]["value"] == 0).all()
    assert ((frame["arm"] == "large_prm") & (frame["metric"] == "best_of_n")).any()
