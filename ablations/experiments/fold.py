"""One fold's data for training and evaluating students, and steps on it; a world is a single fold."""

from dataclasses import dataclass, fields, replace

from ablations.data.artifacts import Ratings, Samples
from ablations.data.models import TrainedModel
from ablations.data.states import States
from ablations.data.step_scores import StepScores
from ablations.engine.costs.work import Lengths, Role, Texts, scoring
from ablations.engine.step import Step
from ablations.experiments.settings import StudentSettings
from ablations.steps.acquire import AskSelector
from ablations.steps.base_model import CausalModel
from ablations.steps.collect import DrawRows
from ablations.steps.compute_states import SECONDS_PER_STATE_TOKEN, ComputeStates
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_prm import TrainLargePrm
from ablations.world.facts import FactWorld
from ablations.world.worlds import world_of

FACTS = Lengths(tokens=38, prompt=6.5, sharing=0.13, until_error=0.77, trained_row=64, scored_row=200)
"""Measured on 12,800 solutions to 200 problems of the world `facts`."""
ARITHMETIC = Lengths(tokens=70, prompt=17, sharing=0.23, until_error=0.7, trained_row=115, scored_row=200)
"""Measured on 169,600 solutions at scale `small` in the world `dropped`, laid out for both its backbones:
sharing on 1 to 128 solutions per problem, where it is accurate to 15%; beyond that it is an extrapolation."""
REAL = Lengths(
    tokens=300, prompt=55, sharing=0.03, until_error=0.93, trained_row=355, scored_row=400, slowness=2.3
)
"""Measured on 3,200 solutions to 100 problems of GSM8K, in the tokens of tokenizers trained on them."""
SECONDS_PER_TOKEN = {"small": 1 / 28_000, "large": 1 / 7_000}
"""Training time on one ordinary core, for estimates."""
AllStates = tuple[Step[States], ...]
"""States of samples, in parts."""
SOLUTIONS_PER_PART = 800
"""Solutions whose states one task computes, about."""
SECONDS_PER_HEAD = 3.0
"""Time in which a head on stored states is trained or scores samples, for estimates."""
SCORING_SPEED = 6
"""Tokens scored in the time that training on one token takes, for estimates."""


def lengths_of(world: str) -> Lengths:
    """Returns the typical lengths of solutions in an embedded world."""
    return FACTS if isinstance(world_of(world), FactWorld) else ARITHMETIC


@dataclass(frozen=True, kw_only=True)
class TrainingFold:
    """One fold's data for training and selecting students. No test problem can be reached from it."""

    base: Step[CausalModel]
    """Small base model."""
    train: Step[Samples]
    """Samples of the training problems."""
    train_labels: Step[StepScores]
    """The labeler's scores of them."""
    validation: Step[Samples]
    """Samples of the validation problems."""
    problems: int
    """Number of training problems."""
    lengths: Lengths
    """Typical lengths of its solutions."""
    threshold: float
    """The labeler's P(negative) above which a step is incorrect."""
    device: str
    """Device on which models are trained on it and score it."""
    max_length: int | None = None
    """Maximum tokens of a solution that students read; None: no limit."""
    name: str = ""
    """Suffix for display that names the fold, if there are several."""
    steps_labeled: bool = True
    """Whether the labeler scores steps, rather than whole solutions only."""
    train_ratings: Step[Ratings] | None = None
    """The oracle's ratings of the training samples; None where there is no oracle."""
    train_states: AllStates = ()
    """States of the training samples by a frozen trunk, if the students have one."""
    validation_states: AllStates = ()
    """States of the validation samples, likewise."""


@dataclass(frozen=True, kw_only=True)
class Fold(TrainingFold):
    """The artifacts of one fold; the embedded world is a single one."""

    test: Step[Samples]
    """Samples of the test problems."""
    test_labels: Step[StepScores]
    """The labeler's scores of them."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the test samples."""
    test_states: AllStates = ()
    """States of the test samples by a frozen trunk, if the students have one."""
    large_prm: TrainLargePrm | None = None
    """The labeler's training in the embedded world: from the large base, on samples for its problems."""

    @property
    def training(self) -> TrainingFold:
        """The fold without its test data."""
        return TrainingFold(**{field.name: getattr(self, field.name) for field in fields(TrainingFold)})


def compute_states(
    base: Step[CausalModel],
    samples: Step[Samples],
    students: StudentSettings,
    device: str,
    max_length: int | None = None,
) -> tuple[ComputeStates, ...]:
    """Returns the steps that compute states of samples for students with a frozen trunk; none for others."""
    if students.frozen is None:
        return ()
    texts = texts_of(samples)
    parts = max(1, min(round(texts.problems * texts.samples / SOLUTIONS_PER_PART), texts.problems))
    share = replace(texts, problems=round(texts.problems / parts))
    return tuple(
        ComputeStates(
            base=base,
            samples=samples,
            layers=students.frozen.layers,
            part=part,
            parts=parts,
            max_length=max_length,
            chat_template=students.chat_template,
            dtype=students.frozen.dtype,
            device=device,
            label=f"states of {samples.label}" + (f", part {part + 1} of {parts}" if parts > 1 else ""),
            weight=share.tokens * SECONDS_PER_STATE_TOKEN,
            work=(scoring("student", share),),
        )
        for part in range(parts)
    )


def draw(samples: Step[Samples], count: int, seed: int, label: str) -> DrawRows:
    """Returns the uniform draw of ``count`` solutions per problem, as a training with that seed draws."""
    return DrawRows(samples=samples, count=count, seed=seed, label=f"draw {label}")


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A trained model that scores samples."""

    model: Step[TrainedModel]
    """Its training."""
    device: str
    """Device on which it scores: cpu or cuda."""
    role: Role = "large"
    """Its role, for estimates."""
    backbone: str = "large"
    """Its size or preset, for estimates."""
    max_length: int | None = None
    """Maximum tokens of a solution that it reads; None: no limit."""
    base: Step[CausalModel] | None = None
    """Base that its adapters need; None: it has none."""

    def score(self, samples: Step[Samples], label: str, states: AllStates = ()) -> ScoreSolutions:
        """Returns the step that scores samples.

        Args:
            samples: the samples.
            label: what is scored with what, for display.
            states: states of the samples, if it reads them.
        """
        return ScoreSolutions(
            model=self.model,
            samples=samples,
            base=self.base,
            states=states,
            device=self.device,
            max_length=self.max_length,
            label=f"score {label}",
            weight=SECONDS_PER_HEAD if states else self._seconds(samples),
            work=() if states else (scoring(self.role, texts_of(samples)),),
        )

    def ask(
        self, samples: Step[Samples], label: str, states: AllStates = (), *, steps: bool = False
    ) -> AskSelector:
        """Returns the step that asks it, as a selector, for its opinion of samples; see `AskSelector`."""
        return AskSelector(
            model=self.model,
            samples=samples,
            base=self.base,
            states=states,
            device=self.device,
            max_length=self.max_length,
            steps=steps,
            label=f"opinion of {label}",
            weight=SECONDS_PER_HEAD if states else self._seconds(samples),
            work=() if states else (scoring(self.role, texts_of(samples)),),
        )

    def _seconds(self, samples: Step[Samples]) -> float:
        return texts_of(samples).tokens * seconds_per_token(self.backbone) / SCORING_SPEED + 2


def texts_of(samples: Step[Samples]) -> Texts:
    """Returns how many solutions samples have, and of what length."""
    assert samples.texts is not None, "samples say how many they are"
    return samples.texts


def seconds_per_token(backbone: str) -> float:
    """Returns the training time per token for a model's size or preset."""
    return SECONDS_PER_TOKEN["large" if backbone == "large" else "small"]
