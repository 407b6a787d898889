"""The experiments, by the name that ``ablations run`` takes."""

from ablations.experiments.active_learning import ACTIVE_LEARNING
from ablations.experiments.iterative_retraining import ITERATIVE_RETRAINING
from ablations.experiments.supervision import SUPERVISION
from ablations.pipeline import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    "supervision": SUPERVISION,
    "active_learning": ACTIVE_LEARNING,
    "iterative_retraining": ITERATIVE_RETRAINING,
}
