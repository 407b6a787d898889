"""The pipeline's steps, as functions of a config and of earlier artifacts."""

from ablations.pipeline import Stage
from ablations.stages import acquisition, instability, language, models, pools, results, world

STAGES: dict[str, Stage] = {
    "problems": Stage(1, world.problems),
    "base": Stage(1, world.base),
    "ratings": Stage(1, world.ratings),
    "pool": Stage(2, pools.pool),
    "fold": Stage(1, pools.fold),
    "scratch_base": Stage(2, pools.scratch_base),
    "mathmix": Stage(1, language.mathmix),
    "generator": Stage(1, language.generator),
    "samples": Stage(1, language.samples),
    "labeler": Stage(1, models.labeler),
    "train": Stage(1, models.train),
    "choose": Stage(1, models.choose),
    "scores": Stage(1, models.scores),
    "opinion": Stage(1, acquisition.opinion),
    "drawn": Stage(1, acquisition.drawn),
    "acquired": Stage(1, acquisition.acquired),
    "instability": Stage(1, instability.instability),
    "cell": Stage(2, results.cell),
    "references": Stage(2, results.references),
    "records": Stage(2, results.records),
    "examples": Stage(1, results.examples),
}
