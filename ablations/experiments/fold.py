"""One fold's data for training and evaluating students, and models that score it; a world is one fold."""

from dataclasses import dataclass, fields, replace

from ablations.data.artifacts import Ratings, Samples
from ablations.data.models import TrainedModel
from ablations.data.states import States
from ablations.data.step_scores import StepScores
from ablations.engine.costs.work import Lengths, Role, Texts, Work, scoring
from ablations.engine.step import Step
from ablations.experiments.settings import StudentSettings
from ablations.steps.acquire import AskSelector
from ablations.steps.base_model import CausalModel
from ablations.steps.compute_states import SECONDS_PER_STATE_TOKEN, ComputeStates
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_prm import TrainLargePrm
from ablations.world.facts import FactWorld
from ablations.world.worlds import world_of

FACTS = Lengths(tokens=38, prompt=6.5, sharing=0.13, until_error=0.77, trained_row=64, scored_row=200)
"""Measured on 12,800 solutions to 200 problems of the world `facts`."""
ARITHMETIC = Lengths(tokens=70, prompt=17, sharing=0.23, until_error=0.7, trained_row=115, scored_row=200)
"""Measured on 169,600 solutions at scale `small` in the world `dropped`, laid out for both its backbones:
sharing on 1 to 128 solutions per problem, where it is accurate to 15%; beyond, it is an extrapolation."""
REAL = Lengths(
    tokens=300, prompt=55, sharing=0.03, until_error=0.93, trained_row=355, scored_row=400, slowness=2.3
)
"""Measured on 3,200 solutions to 100 problems of GSM8K, in the tokens of tokenizers trained on them."""
SECONDS_PER_TOKEN = {"small": 1 / 28_000, "large": 1 / 7_000}
"""Training time on one ordinary core, for estimates."""
AllStates = tuple[Step[States], ...]
"""States of samples, in parts."""
SOLUTIONS_PER_PART = 800
"""Approximate number of solutions whose states one task computes."""
SECONDS_PER_HEAD = 3.0
"""Time for a head on stored states to be trained or to score samples, for estimates."""
SCORING_SPEED = 6
"""Tokens scored in the time of training on one token, for estimates."""


def lengths_of(world: str) -> Lengths:
    """Returns the typical lengths of solutions in an embedded world."""
    return FACTS if isinstance(world_of(world), FactWorld) else ARITHMETIC


@dataclass(frozen=True, kw_only=True)
class TrainingFold:
    """One fold's data for training and selecting students; no test problem can be reached from it."""

    base: Step[CausalModel]
    """Small base model."""
    train: Step[Samples]
    """Samples of the training problems."""
    train_labels: Step[StepScores]
    """The labeler's scores of the training samples."""
    validation: Step[Samples]
    """Samples of the validation problems."""
    problems: int
    """Number of training problems."""
    lengths: Lengths
    """Typical lengths of the solutions."""
    threshold: float
    """The labeler's P(negative) above which a step is incorrect."""
    device: str
    """Device on which models are trained and score."""
    max_length: int | None = None
    """Maximum tokens of a solution that students read; None: no limit."""
    name: str = ""
    """Suffix that names the fold for display, if there are several."""
    steps_labeled: bool = True
    """Whether the labeler scores steps, rather than only whole solutions."""
    train_ratings: Step[Ratings] | None = None
    """The oracle's ratings of the training samples; None: there is no oracle."""
    train_rollouts: Step[StepScores] | None = None
    """The generator's rollouts from the steps of the training samples; None: there are none."""
    train_states: AllStates = ()
    """States of the training samples, if the students have a frozen trunk."""
    validation_states: AllStates = ()
    """States of the validation samples, if the students have a frozen trunk."""


@dataclass(frozen=True, kw_only=True)
class Fold(TrainingFold):
    """One fold's data, including test data."""

    test: Step[Samples]
    """Samples of the test problems."""
    test_labels: Step[StepScores]
    """The labeler's scores of the test samples."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the test samples; None: there is no oracle."""
    test_states: AllStates = ()
    """States of the test samples, if the students have a frozen trunk."""
    large_prm: TrainLargePrm | None = None
    """The training of an embedded world's labeler, from the large base."""

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
    """Returns the steps that compute states of samples, if the students have a frozen trunk."""
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


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A trained model that scores samples."""

    model: Step[TrainedModel]
    device: str
    """Device on which it scores: cpu or cuda."""
    role: Role = "large"
    """Its role, for estimates."""
    backbone: str = "large"
    """Its size or preset, for estimates."""
    max_length: int | None = None
    """Maximum tokens of a solution that it reads; None: no limit."""
    base: Step[CausalModel] | None = None
    """Base of its adapters; None: it has no adapters."""

    def score(self, samples: Step[Samples], label: str, states: AllStates = ()) -> ScoreSolutions:
        """Returns the step that scores samples, or their states; ``label`` names model and samples."""
        return ScoreSolutions(
            model=self.model,
            samples=samples,
            base=self.base,
            states=states,
            device=self.device,
            max_length=self.max_length,
            label=f"score {label}",
            weight=self._seconds(samples, states),
            work=self._work(samples, states),
        )

    def ask(
        self, samples: Step[Samples], label: str, states: AllStates = (), *, steps: bool = False
    ) -> AskSelector:
        """Returns the step that computes its opinion of samples as a selector; see `AskSelector`."""
        return AskSelector(
            model=self.model,
            samples=samples,
            base=self.base,
            states=states,
            device=self.device,
            max_length=self.max_length,
            steps=steps,
            label=f"opinion of {label}",
            weight=self._seconds(samples, states),
            work=self._work(samples, states),
        )

    def _seconds(self, samples: Step[Samples], states: AllStates) -> float:
        tokens = texts_of(samples).tokens
        return SECONDS_PER_HEAD if states else tokens * seconds_per_token(self.backbone) / SCORING_SPEED + 2

    def _work(self, samples: Step[Samples], states: AllStates) -> tuple[Work, ...]:
        return () if states else (scoring(self.role, texts_of(samples)),)


def texts_of(samples: Step[Samples]) -> Texts:
    """Returns the number and lengths of the solutions in samples."""
    assert samples.texts is not None, "a step of samples states its texts"
    return samples.texts


def seconds_per_token(backbone: str) -> float:
    """Returns the training time per token for a model's size or preset."""
    return SECONDS_PER_TOKEN["large" if backbone == "large" else "small"]
