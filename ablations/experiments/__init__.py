"""The experiments, by the name that ``ablations run`` takes."""

from ablations.experiments.supervision import SUPERVISION
from ablations.pipeline import Experiment

EXPERIMENTS: dict[str, Experiment] = {"supervision": SUPERVISION}
