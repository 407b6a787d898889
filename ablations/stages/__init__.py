"""The pipeline's steps, as functions of a config and of earlier artifacts."""

from ablations.pipeline import Imported, Stage


def _stage(version: int, function: str, *, spreads: bool = False) -> Stage:
    return Stage(version, Imported(f"{__name__}.{function}"), spreads)


STAGES: dict[str, Stage] = {
    "problems": _stage(1, "world:problems"),
    "base": _stage(1, "world:base"),
    "checkpoint": _stage(1, "bases:checkpoint"),
    "ratings": _stage(1, "world:ratings"),
    "pool": _stage(2, "pools:pool"),
    "fold": _stage(2, "pools:fold"),
    "fold_labels": _stage(1, "pools:fold_labels"),
    "scratch_base": _stage(2, "pools:scratch_base"),
    "mathmix": _stage(1, "language:mathmix"),
    "generator": _stage(1, "language:generator"),
    "samples": _stage(1, "language:samples", spreads=True),
    "labeler": _stage(1, "labeling:labeler", spreads=True),
    "train": _stage(2, "models:train", spreads=True),
    "label_noise": _stage(1, "models:noise"),
    "choose": _stage(2, "models:choose"),
    "scores": _stage(1, "scores:scores", spreads=True),
    "opinion": _stage(1, "acquisition:opinion", spreads=True),
    "acquired": _stage(2, "acquisition:acquired"),
    "drawn": _stage(1, "collection:drawn"),
    "collected": _stage(1, "collection:collected"),
    "joined": _stage(1, "collection:joined"),
    "annotated": _stage(1, "labeling:annotated"),
    "rated": _stage(1, "labeling:rated"),
    "large_prm": _stage(1, "labeling:large_prm", spreads=True),
    "scorer": _stage(2, "large_models:scorer"),
    "votes": _stage(1, "large_models:votes"),
    "generations": _stage(1, "large_models:generations"),
    "quintiles": _stage(1, "large_models:by_quintile"),
    "instability": _stage(1, "instability:instability"),
    "cell": _stage(3, "results:cell"),
    "of_kind": _stage(1, "results:of_kind"),
    "references": _stage(3, "results:references"),
    "strategies": _stage(2, "strategies:strategies"),
    "validated": _stage(2, "validation:validated"),
    "records": _stage(2, "records:records"),
    "examples": _stage(1, "examples:examples"),
}
