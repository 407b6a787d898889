"""Stages of active learning: a selector's opinion of a pool, and the rows that an acquisition picks."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.special

from ablations.acquisition.strategies import NONE, AcquisitionSettings, Candidates, Rows, acquire
from ablations.data.artifacts import ACQUIRED, OPINION, SCORES, Samples, labelled_rows, write_json
from ablations.data.ragged import Ragged
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.evaluation.scoring_rules import product
from ablations.steps.score import scored


def opinion(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes how convincing a selector finds each solution, and how uncertain it is of the steps.

    Inputs: model, samples. With ``steps`` in the config, also writes its step scores, for stages that
    evaluate the selector. A labeler's labels are artifacts of another stage and hold no opinion, so
    ``acquired`` stops if it is given one.
    """
    scores = scored(config, inputs, context)
    if not context.group.first:
        return
    if config.get("steps"):
        scores.write(out / SCORES)
    # A solution that the selector could not read in full is neither convincing nor uncertain.
    convincing = np.where(scores.unscored, -np.inf, product(scores))
    entropy = np.where(scores.unscored, 0.0, step_entropy(scores))
    table = pa.table({"convincing": convincing, "entropy": entropy})
    pq.write_table(table, out / OPINION)


def acquired(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Picks the rows to label, and writes what they are like.

    Inputs: samples, opinions (optional; selectors', of the samples), taken (optional; rows labeled before).
    Only the row numbers of labeled solutions are read; no input holds a label.
    """
    samples = Samples.read(one(inputs, "samples"))
    known = candidates_of(samples, several(inputs, "opinions"))
    given = AcquisitionSettings(wrong_fraction=config["wrong_fraction"], similarity=config["similarity"])
    taken = labelled_rows(one(inputs, "taken")) if "taken" in inputs else NONE
    rows = acquire(
        config["acquisition"],
        known,
        config["budget"],
        given,
        config["seed"],
        taken=taken,
        uniform_share=config.get("uniform_share", 0.0),
    )
    before = {"taken": taken.tolist()} if "taken" in inputs else {}
    write_chosen(out, samples, rows, known, **before)


def candidates_of(samples: Samples, folders: tuple[Path, ...]) -> Candidates:
    """Collects what is known of samples without labels; ``folders`` hold selectors' opinions of them."""
    opinions = [pq.read_table(folder / OPINION) for folder in folders]
    count = len(samples.solutions)
    return Candidates(
        problem=samples.solutions.problem_index,
        sample=samples.solutions.sample,
        steps=step_codes(samples),
        final_correct=samples.solutions.final_correct,
        convincing=np.array([table["convincing"].to_numpy() for table in opinions]).reshape(-1, count),
        entropy=opinions[0]["entropy"].to_numpy() if opinions else np.zeros(count),
    )


def write_chosen(
    out: Path, samples: Samples, rows: Rows, known: Candidates | None = None, **more: Any
) -> None:
    """Writes chosen rows and what they are like: null if none was chosen, or no selector was asked."""
    chosen = samples.solutions.take(rows)
    asked = known is not None and len(known.convincing) > 0 and len(rows) > 0
    facts = {
        "rows": rows.tolist(),
        "ends_right": float(chosen.final_correct.mean()) if len(rows) else None,
        "distinct": chosen.distinct(),
        "convincing": float(np.exp(known.convincing[0, rows]).mean()) if known and asked else None,
    }
    write_json(out / ACQUIRED, facts | more)


def step_entropy(scores: StepScores) -> np.ndarray:
    """Returns float64 [R]: mean over steps of the entropy of right vs. wrong, in nats; 0 without steps."""
    wrong = scores.prob.values[:, 0]
    entropy = scipy.special.entr(wrong) + scipy.special.entr(1 - wrong)
    total = Ragged(values=entropy, offsets=scores.prob.offsets).reduce(np.add, 0.0)
    return total / np.maximum(scores.prob.lengths, 1)


def step_codes(samples: Samples) -> Ragged:
    """Returns int64 [total steps]; equal codes mean equal texts."""
    column = samples.solutions.column("steps").combine_chunks()
    codes = column.flatten().dictionary_encode().indices.to_numpy().astype(np.int64)
    return Ragged.from_lengths(codes, samples.solutions.n_steps)
