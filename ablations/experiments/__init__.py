"""The experiments, by the name that ``ablations run`` takes."""

from ablations.engine.experiment import Experiment
from ablations.experiments.active_learning import ACTIVE_LEARNING
from ablations.experiments.difficulty import DIFFICULTY
from ablations.experiments.generalization import GENERALIZATION
from ablations.experiments.hyperparameters import HYPERPARAMETERS
from ablations.experiments.iterative_retraining import ITERATIVE_RETRAINING
from ablations.experiments.labeler_quality import LABELER_QUALITY
from ablations.experiments.large_scale import LARGE_SCALE
from ablations.experiments.orm_forms import ORM_FORMS
from ablations.experiments.orm_superset import ORM_SUPERSET
from ablations.experiments.over_optimization import OVER_OPTIMIZATION
from ablations.experiments.scoring import SCORING
from ablations.experiments.supervision import SUPERVISION
from ablations.experiments.supervision_forms import SUPERVISION_FORMS

EXPERIMENTS: dict[str, Experiment] = {
    "supervision": SUPERVISION,
    "active_learning": ACTIVE_LEARNING,
    "iterative_retraining": ITERATIVE_RETRAINING,
    "scoring": SCORING,
    "hyperparameters": HYPERPARAMETERS,
    "orm_forms": ORM_FORMS,
    "labeler_quality": LABELER_QUALITY,
    "supervision_forms": SUPERVISION_FORMS,
    "large_scale": LARGE_SCALE,
    "orm_superset": ORM_SUPERSET,
    "difficulty": DIFFICULTY,
    "generalization": GENERALIZATION,
    "over_optimization": OVER_OPTIMIZATION,
}
