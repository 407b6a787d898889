"""Over-optimization: the plan, and a run at scale smoke on the store of the first experiment."""

import numpy as np
import pytest
from defaults import settings_of

from ablations.commands import cli
from ablations.evaluation.ensembles import COMBINERS
from ablations.experiments import over_optimization, supervision
from ablations.steps.evaluate_ensemble import EvaluateEnsemble
from ablations.steps.sampling import SampleSolutions
from ablations.steps.train_student import TrainStudent
from results.analyses.over_optimization import largest_n
from results.records import check_same_solutions, plain, read_records
from results.vocabulary import ENSEMBLES, ONE_MODEL


@pytest.mark.parametrize("scale", ["quick", "small"])
def test_students_are_those_of_supervision_and_n_is_chosen_on_other_problems_than_tests(scale):
    given = settings_of("over_optimization", scale)
    usual = settings_of("supervision", scale)
    tasks = over_optimization.plan(given).tasks
    before = {task.key for task in supervision.plan(usual).tasks}
    trained = [task for task in tasks if isinstance(task, TrainStudent)]
    assert len([task for task in trained if not task.tuning]) == 3 * len(given.data_scales) * given.seeds
    assert {task.key for task in trained} <= before
    judged = [task for task in tasks if isinstance(task, EvaluateEnsemble)]
    sampled = [task for task in tasks if isinstance(task, SampleSolutions)]
    for task in judged:
        assert isinstance(task.validation, SampleSolutions) and isinstance(task.samples, SampleSolutions)
        assert (task.validation.problems.split, task.samples.problems.split) == ("validation", "test")
        assert [one.key for one in sampled if one.seed == task.validation.seed] == [task.validation.key]
        models = 1 if task.combiner is None else given.seeds
        assert len(task.scores) == len(task.validation_scores) == models
    assert len(judged) == 3 * len(given.data_scales) * (given.seeds + len(COMBINERS))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("seeds=1", "seeds: found 1; allowed: 2 or more, the models of an ensemble"),
        ("choice_samples=65", "choice_samples: found 65; allowed: 1 to source.test_samples = 64"),
        ("combiners=[median]", "combiners: found ['median']; allowed: one or more of mean_score, "),
        ("data_scales=[3]", "data_scales: found [3]; allowed: ascending, 1 to source.train_samples = 2"),
        ("arms=[process,process]", "arms: found ['process', 'process']; allowed: one or more of process, "),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "over_optimization", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ablations: {message}") and said.count("\n") == 1


def test_a_pool_is_refused(tmp_path, capsys):
    pool = tmp_path / "pool.jsonl"
    pool.write_text("")
    argv = ["plan", "over_optimization", f"--pool={pool}", "--labeler=me", f"--store={tmp_path / 's'}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: pool: found {pool}; allowed: none, because N is ")


def test_it_ends_with_its_tables_and_figures(run_on_smoke):
    run = run_on_smoke("over_optimization", "--settings.arms=[prm_outcome,final_answer]")
    for title in ("N chosen on validation problems", "Ensembles minus", "Blind spots", "belief and truth"):
        assert title in run.stdout
    for name in ("over_optimization", "tail_precision"):
        assert (run.folder / "out" / "figures" / f"{name}.png").is_file()
    frame = read_records(run.folder / "out" / "records.parquet")
    check_same_solutions(frame)
    assert largest_n(frame) == 64
    rows = frame[frame["variant"].isin(list(ENSEMBLES))]
    assert set(rows["variant"]) == set(ENSEMBLES)
    one, several = rows[rows["variant"] == ONE_MODEL], rows[rows["variant"] != ONE_MODEL]
    assert set(one["seed"]) == {0, 1} and several["seed"].isna().all() and several["cell"].isna().all()
    # one model's best-of-N is that of its cell
    columns = ["arm", "seed", "n"]
    alone, cells = (
        part[part["metric"] == "best_of_n"].set_index(columns)["value"] for part in (one, plain(frame))
    )
    np.testing.assert_allclose(alone, cells.reindex(alone.index), rtol=0, atol=1e-12)
    # the only one of the best-scored is the best of all, and all of them are pass@1
    top, best = (rows[rows["metric"] == name] for name in ("top_right", "best_of_n"))
    kinds = ["arm", "variant", "seed"]
    for tail, n in ((1, 64), (64, 1)):
        found = top[top["n"] == tail].merge(best[best["n"] == n], on=kinds)
        np.testing.assert_allclose(found["value_x"], found["value_y"], rtol=0, atol=1e-12)
        assert len(found) == 2 * (2 + 3)  # two arms; two models and three ensembles
