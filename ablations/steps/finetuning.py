"""What steps have in common that finetune a checkpoint."""

from dataclasses import dataclass

from ablations.engine.step import Step, apart
from ablations.steps.base_model import CausalModel
from ablations.steps.course import Course
from ablations.steps.withheld import Withheld


@dataclass(frozen=True, kw_only=True, eq=False)
class Finetuning:
    """The base, how it is trained, and what is not learned."""

    base: Step[CausalModel]
    course: Course
    withheld: Withheld = Withheld()
    """Problems from which nothing is learned."""
    checkpoint_every: int = apart(100)
    """Updates between two states that are kept."""

    @property
    def device(self) -> str:
        return self.course.device
