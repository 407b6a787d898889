"""The kinds of finetuning, as stages that devices can be spread over."""

from ablations.finetuning import language, large_prm, scratch
from ablations.pipeline import Stage

STAGES: dict[str, Stage] = {
    "scratch": Stage(1, scratch.scratch),
    "mathmix": Stage(1, language.mathmix),
    "generator": Stage(1, language.generator),
    "large-prm": Stage(1, large_prm.large_prm, spreads=True),
}
