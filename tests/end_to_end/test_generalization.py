"""Generalization: the plan, and a run at scale smoke on the store of the first experiment."""

import numpy as np
import pytest
from defaults import settings_of

from ablations.commands import cli
from ablations.experiments import generalization, supervision
from ablations.experiments.source_settings import GeneratorSettings
from ablations.steps.draw import DrawProblems
from ablations.steps.train_student import TrainStudent
from ablations.world.text import build_tokenizer
from ablations.world.worlds import WORLDS
from results.records import plain, read_records

WORLD = "dropped"


@pytest.mark.parametrize("scale", ["smoke", "quick", "small", "paper"])
def test_students_and_labeler_are_those_of_supervision(scale):
    """Only test problems of other kinds, their samples, scores and ratings are new; nothing is trained."""
    given = settings_of("generalization", scale, WORLD)
    assert given.kinds == ("usual", "long")
    before = {task.key for task in supervision.plan(settings_of("supervision", scale, WORLD)).tasks}
    tasks = generalization.plan(given).tasks
    trained = [task for task in tasks if isinstance(task, TrainStudent) and not task.tuning]
    assert len(trained) == 3 * given.seeds
    new = [task for task in tasks if task.key not in before]
    assert {task.name for task in new} == {
        *("problems", "samples", "ratings", "scores"),
        *("of_kind", "references", "records"),
    }
    assert [task.kind for task in new if isinstance(task, DrawProblems)] == ["long"]


@pytest.mark.parametrize("name", WORLDS)
def test_no_authors_solution_is_too_long_for_the_generator(name):
    world, rng = WORLDS[name], np.random.default_rng(0)
    tokenizer = build_tokenizer(world)
    for kind in world.kinds:
        for _ in range(300):
            lines = world.write_solution(world.draw_problem(rng, kind), rng)
            text = "".join(f"{line}\n" for line in lines)
            found = len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1
            assert found <= GeneratorSettings().max_new_tokens


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--settings.kinds=[usual,rare]"],
            "kinds: found ['usual', 'rare']; allowed: one or more of usual, long",
        ),
        (["--settings.kinds=[]"], "kinds: found []; allowed: one or more of usual, long, each once"),
        (["--settings.data_scale=3"], "data_scale: found 3; allowed: 1 to source.train_samples = 2"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flags, message):
    argv = ["plan", "generalization", "--scale=smoke", f"--world={WORLD}", f"--store={tmp_path / 's'}"]
    assert cli.main([*argv, *flags]) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")


def test_a_pool_is_refused(tmp_path, capsys):
    pool = tmp_path / "pool.jsonl"
    pool.write_text("")
    argv = ["plan", "generalization", f"--pool={pool}", "--labeler=me", f"--store={tmp_path / 's'}"]
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ablations: pool: found {pool}; allowed: none") and said.count("\n") == 1


def test_long_problems_are_shown(capsys):
    assert cli.main(["world", "sample", f"--world={WORLD}", "--kind=long", "--n=2"]) == 0
    problems = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "right answer" in line]
    assert [WORLDS[WORLD].operations(problem) for problem in problems] == [8, 8]
    assert cli.main(["world", "sample", f"--world={WORLD}", "--kind=rare"]) == 2
    assert "kind: found rare; allowed in a world of arithmetic: usual, long" in capsys.readouterr().err


def test_it_ends_with_its_tables_and_figure(smoke, run_on_smoke):
    before = {path.parent.name for path in smoke.store.glob("train/*/manifest.json")}
    run = run_on_smoke("generalization")
    folder, said = run.folder, run.stdout
    assert "Problems solved by kind" in said and "What remains of the differences" in said
    assert {path.parent.name for path in (folder / "store").glob("train/*/manifest.json")} == before
    frame = read_records(folder / "out" / "records.parquet")
    kinds = set(frame["variant"].dropna())
    assert {"usual", "long"} <= kinds
    for kind in kinds:
        arms = set(frame[frame["variant"] == kind]["arm"])
        assert arms == {"process", "prm_outcome", "final_answer", "labeler", "majority", "oracle", "random"}
    cut = frame[frame["metric"] == "unfinished"].set_index("variant")["value"]
    assert set(cut.index) == kinds and (cut <= 0.1).all()
    # on usual problems a model's rows are those of supervision
    best = frame[(frame["metric"] == "best_of_n") & (frame["n"] == 4)]
    usual = best[best["variant"] == "usual"].set_index("arm")["value"]
    assert usual.to_dict() == plain(best).set_index("arm")["value"].to_dict()
    assert (folder / "out" / "figures" / "generalization.png").is_file()
