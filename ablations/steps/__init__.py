"""The pipeline's steps, as functions of a config and of earlier artifacts."""

from ablations.engine.step import Imported, Stage


def _stage(version: int, function: str, *, spreads: bool = False) -> Stage:
    return Stage(version, Imported(f"{__name__}.{function}"), spreads)


STAGES: dict[str, Stage] = {
    "problems": _stage(1, "draw:problems"),
    "base": _stage(1, "draw:base"),
    "checkpoint": _stage(1, "base_model:checkpoint"),
    "ratings": _stage(1, "draw:ratings"),
    "pool": _stage(2, "read_pool:pool"),
    "fold": _stage(2, "read_pool:fold"),
    "fold_labels": _stage(1, "read_pool:fold_labels"),
    "scratch_base": _stage(2, "read_pool:scratch_base"),
    "mathmix": _stage(1, "language:mathmix"),
    "generator": _stage(1, "language:generator"),
    "samples": _stage(1, "language:samples", spreads=True),
    "labeler": _stage(1, "train_prm:labeler", spreads=True),
    "train": _stage(2, "train_student:train", spreads=True),
    "label_noise": _stage(1, "train_student:noise"),
    "choose": _stage(2, "train_student:choose"),
    "scores": _stage(1, "score:scores", spreads=True),
    "opinion": _stage(1, "acquire:opinion", spreads=True),
    "acquired": _stage(2, "acquire:acquired"),
    "drawn": _stage(1, "collect:drawn"),
    "collected": _stage(1, "collect:collected"),
    "joined": _stage(1, "collect:joined"),
    "annotated": _stage(1, "train_prm:annotated"),
    "rated": _stage(1, "train_prm:rated"),
    "large_prm": _stage(1, "train_prm:large_prm", spreads=True),
    "scorer": _stage(2, "evaluate_large:scorer"),
    "votes": _stage(1, "evaluate_large:votes"),
    "generations": _stage(1, "evaluate_large:generations"),
    "quintiles": _stage(1, "evaluate_large:by_quintile"),
    "instability": _stage(1, "measure_stability:instability"),
    "cell": _stage(3, "evaluate:cell"),
    "of_kind": _stage(1, "evaluate:of_kind"),
    "references": _stage(3, "evaluate:references"),
    "strategies": _stage(2, "evaluate_strategies:strategies"),
    "validated": _stage(2, "validate:validated"),
    "records": _stage(2, "records:records"),
    "examples": _stage(1, "examples:examples"),
}
