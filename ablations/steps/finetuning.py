"""Fields shared by the steps that finetune a checkpoint."""

from dataclasses import dataclass

from ablations.engine.step import Step, apart
from ablations.steps.base_model import CausalModel
from ablations.steps.course import Course
from ablations.steps.withheld import Withheld


@dataclass(frozen=True, kw_only=True, eq=False)
class Finetuning:
    """The base, the settings of its training, and the problems that are withheld."""

    base: Step[CausalModel]
    course: Course
    withheld: Withheld = Withheld()
    """Problems from which nothing is learned."""
    checkpoint_every: int = apart(100)
    """Updates between two saved states."""

    @property
    def device(self) -> str:
        return self.course.device
