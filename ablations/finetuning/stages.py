"""The kinds of finetuning, as stages that can be spread over devices."""

from ablations.engine.step import Imported, Stage

STAGES: dict[str, Stage] = {
    "scratch": Stage(1, Imported("ablations.finetuning.scratch:scratch")),
    "mathmix": Stage(1, Imported("ablations.finetuning.language:mathmix")),
    "generator": Stage(1, Imported("ablations.finetuning.language:generator")),
    "large-prm": Stage(1, Imported("ablations.finetuning.large_prm:large_prm"), spreads=True),
}
