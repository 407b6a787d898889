"""Stages that evaluate: the rows of a cell, the reference lines, the run's records, its example problems."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ablations.discrimination import calibration, solution_auroc, step_auroc
from ablations.evaluation import best_of_n, majority, pass_at_n, random_choice, single_draw
from ablations.pipeline import Context, Inputs
from ablations.ragged import Ragged
from ablations.scoring import SCORING_OF, SCORINGS
from ablations.solutions import StepScores
from ablations.stages.files import SCORES, Samples, read_json, read_ratings, write_json
from results.examples import write_examples
from results.records import Record, write_records

ROWS, CHOSEN = "rows.json", "chosen.json"
Row = dict[str, Any]


class Judged:
    """Solutions of all folds side by side, as arrays of problems by solutions."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.samples = [Samples.read(folder) for folder in folders]
        self.correct_PM = self.stack([s.solutions.final_correct for s in self.samples])
        self.finished_PM = self.stack([s.solutions.finished for s in self.samples])
        # Answers are compared within a problem, so codes of different folds may clash.
        self.answer_PM = self.stack([s.solutions.answer_code for s in self.samples])
        drawn = self.correct_PM.shape[1]
        self.ns = [2**k for k in range(drawn.bit_length()) if 2**k < drawn] + [drawn]

    def stack(self, values: list[np.ndarray]) -> np.ndarray:
        """Values of the folds' solutions, [R] each, as one array [P, M]."""
        return np.concatenate([s.solutions.per_problem(v) for s, v in zip(self.samples, values, strict=True)])

    def per_n(self, metric: str, value_PK: np.ndarray, **more: Any) -> list[Row]:
        """One row an N."""
        single = single_draw(self.ns, self.correct_PM.shape[1])
        return [
            {
                "metric": metric,
                "n": n,
                "value": float(value_PK[:, k].mean()),
                "problem_values": value_PK[:, k].tolist(),
                "single_draw": bool(single[k]),
                **more,
            }
            for k, n in enumerate(self.ns)
        ]

    def scored(self, scores: list[StepScores], scoring: str, ratings: list[Ragged]) -> list[Row]:
        """Best-of-N and AUROCs of one reward model (or one a fold)."""
        rows = self.by_score(self.stack([SCORINGS[scoring](s) for s in scores]))
        if ratings:
            rows += defined("step_auroc", step_auroc(joined(scores), Ragged.concatenate(ratings)))
        return rows

    def by_score(self, score_PM: np.ndarray) -> list[Row]:
        """Best-of-N and AUROC of the solutions' scores."""
        rows = self.per_n("best_of_n", best_of_n(score_PM, self.correct_PM, self.finished_PM, self.ns))
        auroc = solution_auroc(score_PM.ravel(), self.correct_PM.ravel(), self.finished_PM.ravel())
        return rows + defined("solution_auroc", auroc)


def defined(metric: str, value: float) -> list[Row]:
    """The metric's row; none where it is undefined, as an AUROC is where all are right or all wrong."""
    return [{"metric": metric, "value": value}] if np.isfinite(value) else []


def cell(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """train, scores, samples [, ratings, choice], each a fold's [, further rows] -> the rows of one cell."""
    judged = Judged(_several(inputs["samples"]))
    rows = judged.scored(
        [StepScores.read(folder / SCORES) for folder in _several(inputs["scores"])],
        SCORING_OF[config["arm"]],
        [read_ratings(folder) for folder in _several(inputs.get("ratings", ()))],
    )
    trained = _trained(inputs)
    curves = [fact["curve"] for fact in trained]
    for points in zip(*curves, strict=True):
        update, value = (float(np.mean([point[name] for point in points])) for name in ("update", "value"))
        rows.append({"metric": "validation_best_of_n", "n": round(update), "value": value})
    for folder in _several(inputs.get("further", ())):
        rows += read_json(folder / ROWS)
    hashes = [fact["solutions_hash"] for fact in trained]
    shared: Row = {
        "arm": config["arm"],
        "acquisition": config.get("acquisition", "uniform"),
        "data_scale": config["data_scale"],
        "seed": config["seed"],
        **{name: config[name] for name in ("variant", "level") if name in config},
        "solutions_hash": hashes[0]
        if len(hashes) == 1
        else hashlib.sha256("".join(hashes).encode()).hexdigest(),
        "distinct_solutions": sum(fact["distinct_solutions"] for fact in trained),
        "labelled_solutions": sum(fact["solutions"] for fact in trained),
        "labelled_steps": sum(fact["targets"] for fact in trained)
        if SCORING_OF[config["arm"]] == "product"
        else None,
    }
    chosen = [{k: v for k, v in fact.items() if k not in ("curve", "solutions_hash")} for fact in trained]
    for fact, folder in zip(chosen, _several(inputs.get("choices", ())), strict=False):  # seed 0 has them
        fact["grid"] = read_json(folder / "choice.json")["grid"]
    write_json(out / ROWS, [row | shared for row in rows])
    write_json(out / CHOSEN, chosen)


def references(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples, labels [, ratings; train samples' labels and ratings] -> the lines that no student moves."""
    judged = Judged(_several(inputs["samples"]))
    correct_PM, finished_PM, ns = judged.correct_PM, judged.finished_PM, judged.ns
    once = random_choice(correct_PM, finished_PM)
    voted_PM = np.where(finished_PM, judged.answer_PM, -1)  # -1: no vote
    rows: list[Row] = [
        {
            "arm": "random",
            "metric": "random",
            "n": 1,
            "value": float(once.mean()),
            "problem_values": once.tolist(),
        },
        *judged.per_n("pass_at_n", pass_at_n(correct_PM, ns), arm="oracle"),
        *judged.per_n(
            "majority",
            majority(voted_PM, correct_PM, ns, config["majority_draws"], config["seed"]),
            arm="majority",
        ),
    ]
    labels = [StepScores.read(folder / SCORES) for folder in _several(inputs["labels"])]
    ratings = [read_ratings(folder) for folder in _several(inputs.get("ratings", ()))]
    of_labeler = judged.scored(labels, "product", ratings)
    if "pool_ratings" in inputs:
        pool = StepScores.read(inputs["pool_labels"] / SCORES)  # type: ignore[operator]
        truth = read_ratings(inputs["pool_ratings"])  # type: ignore[arg-type]
        of_labeler += defined("pool_step_auroc", step_auroc(pool, truth))
        seen = truth.up_to_first(truth.values < 0)
        found = calibration(1.0 - pool.prob.values[seen, 0], truth.values[seen] >= 0, config["bins"])
        of_labeler += [
            {"metric": "calibration", "n": b, "x": float(x), "count": int(count), "value": float(value)}
            for b, (x, value, count) in enumerate(
                zip(found.mean_predicted, found.observed, found.count, strict=True)
            )
            if count
        ]
    rows += [{"arm": "labeler", **row} for row in of_labeler]
    write_json(out / ROWS, rows)


def records(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """cells [, references] -> the run's tidy table; stops if two arms were trained on other solutions."""
    rows: list[Record] = []
    seen: dict[tuple[Any, ...], str] = {}
    for folder in (*_several(inputs.get("references", ())), *_several(inputs["cells"])):
        whole = json.loads(config["settings"])
        if (folder / CHOSEN).is_file():
            whole["chosen"] = read_json(folder / CHOSEN)
        for row in read_json(folder / ROWS):
            if "solutions_hash" in row:
                varied = row.get("variant"), row.get("level")
                which = row["acquisition"], row["data_scale"], row["seed"], *varied
                known = seen.setdefault(which, row["solutions_hash"])
                if known != row["solutions_hash"]:
                    raise ValueError(
                        f"solutions of {row['arm']} at data scale {row['data_scale']}, seed {row['seed']}: "
                        f"found hash {row['solutions_hash']}; allowed: {known}, that of the other arms"
                    )
                row.setdefault("cell", folder.name)  # a further evaluation names the cell that it is of
            rows.append(
                Record(
                    experiment=config["experiment"],
                    scale=config["scale"],
                    dataset=config["dataset"],
                    config=json.dumps(whole, sort_keys=True),
                    revision=config["revision"],
                    **row,
                )
            )
    write_records(out / "records.parquet", rows)


def examples(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples, arms' scores [, ratings] of one fold -> test problems for the report's browser."""
    samples = Samples.read(_several(inputs["samples"])[0])
    solutions = samples.solutions
    arms: dict[str, StepScores] = {
        arm: StepScores.read(folder / SCORES)
        for arm, folder in zip(config["arms"], _several(inputs["scores"]), strict=True)
    }
    arms["labeler"] = StepScores.read(inputs["labels"] / SCORES)  # type: ignore[operator]
    ranked = {arm: SCORINGS[SCORING_OF.get(arm, "product")](s) for arm, s in arms.items()}
    ratings = read_ratings(inputs["ratings"]) if (inputs.get("ratings")) else None  # type: ignore[arg-type]
    texts = samples.steps()
    found = []
    for p, problem in enumerate(samples.problems[: config["problems"]]):
        rows = np.flatnonzero(solutions.problem_index == p)
        text_of = {row: tuple(texts[row]) for row in rows}
        count = Counter(text_of.values())
        first = {text_of[row]: int(row) for row in rows[::-1]}
        may_win = rows[solutions.finished[rows]]
        best = {
            arm: text_of[may_win[int(np.argmax(values[may_win]))]]
            for arm, values in ranked.items()
            if len(may_win)
        }
        shown = sorted(first, key=lambda text: (text not in best.values(), -count[text], first[text]))
        found.append(
            {
                "problem_id": problem.problem_id,
                "problem": problem.text,
                "answer": problem.answer,
                "solutions": [
                    _example(solutions.row(first[text]), first[text], count[text], arms, ranked, ratings)
                    | {"chosen_by": [arm for arm, chosen in best.items() if chosen == text]}
                    for text in shown[: config["solutions"]]
                ],
            }
        )
    write_examples(out / "examples.json", found)


def _example(
    solution: Any,
    row: int,
    count: int,
    arms: dict[str, StepScores],
    ranked: dict[str, Any],
    ratings: Ragged | None,
) -> Row:
    right = {arm: 1.0 - s.prob.row(row)[:, 0] for arm, s in arms.items()}
    oracle = ratings.row(row) if ratings is not None else None
    return {
        "sample": solution.sample,
        "answer": solution.answer,
        "finished": solution.finished,
        "final_correct": solution.final_correct,
        "count": count,
        "steps": [
            {
                "text": text,
                "oracle": None if oracle is None else int(oracle[i]),
                "scores": {arm: float(np.clip(values[i], 0, 1)) for arm, values in right.items()},
            }
            for i, text in enumerate(solution.steps)
        ],
        "solution_scores": {arm: float(np.clip(values[row], -1e9, 1e9)) for arm, values in ranked.items()},
    }


def joined(scores: list[StepScores]) -> StepScores:
    """Scores of several folds, one after the other."""
    prob = Ragged.concatenate([s.prob for s in scores])
    return StepScores(prob=prob, last=np.concatenate([s.last for s in scores]))


def _several(folders: Path | tuple[Path, ...]) -> tuple[Path, ...]:
    return folders if isinstance(folders, tuple) else (folders,)


def _trained(inputs: Inputs) -> list[Row]:
    """Facts of the chosen training of each fold."""
    if "choices" not in inputs:
        return [read_json(folder / "train.json") for folder in _several(inputs["trains"])]
    choices = [read_json(folder / "choice.json")["index"] for folder in _several(inputs["choices"])]
    trains = _several(inputs["trains"])
    grid = len(trains) // len(choices)
    return [read_json(trains[f * grid + index] / "train.json") for f, index in enumerate(choices)]
