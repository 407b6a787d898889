"""Steps of active learning: a selector's opinion of a pool, and the rows that an acquisition picks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablations.acquisition.strategies import AcquisitionSettings, Candidates, acquire
from ablations.data.artifacts import NO_ROWS, ChosenRows, IntArray, Opinion, Samples
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.scoring_rules import product
from ablations.steps.score import ModelOnSamples


@dataclass(frozen=True, kw_only=True, eq=False)
class AskSelector(ModelOnSamples, Step[Opinion], name="opinion", spreads=True):
    """Computes how convincing a selector finds each solution, and how uncertain it is of the steps."""

    steps: bool = False
    """Whether to keep the step scores, for steps that evaluate the selector."""

    def run(self, context: Context) -> Opinion:
        scores = self.scores(context)
        # A solution that the selector could not read in full is neither convincing nor uncertain.
        return Opinion(
            convincing=np.where(scores.unscored, -np.inf, product(scores)),
            entropy=np.where(scores.unscored, 0.0, step_entropy(scores)),
            scores=scores if self.steps else None,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Acquire(Step[ChosenRows], name="acquired"):
    """Picks the rows to label. Only the row numbers of labeled solutions are read; no input holds a label."""

    samples: Step[Samples]
    opinions: tuple[Step[Opinion], ...] = ()
    """Selectors' opinions of the samples."""
    taken: Step[ChosenRows] | None = None
    """Rows labeled before."""
    acquisition: str
    """Name of the strategy."""
    budget: int
    """Solutions per problem to pick."""
    seed: int | tuple[int, ...]
    uniform_share: float = 0.0
    """Share of the budget that is drawn uniformly."""
    settings: AcquisitionSettings = AcquisitionSettings()

    def run(self, context: Context) -> ChosenRows:
        samples = context.read(self.samples)
        known = candidates_of(samples, context.read_all(self.opinions))
        taken = NO_ROWS if self.taken is None else context.read(self.taken).labeled
        rows = acquire(
            self.acquisition,
            known,
            self.budget,
            self.settings,
            self.seed,
            taken=taken,
            uniform_share=self.uniform_share,
        )
        return ChosenRows.of(samples, rows, taken=taken, convincing=mean_convincing(known, rows))


def candidates_of(samples: Samples, opinions: Sequence[Opinion]) -> Candidates:
    """Returns what is known about samples without labels."""
    count = len(samples.solutions)
    return Candidates(
        problem=samples.solutions.problem_index,
        sample=samples.solutions.sample,
        steps=step_codes(samples),
        final_correct=samples.solutions.final_correct,
        convincing=np.array([opinion.convincing for opinion in opinions]).reshape(-1, count),
        entropy=opinions[0].entropy if opinions else np.zeros(count),
    )


def mean_convincing(known: Candidates, rows: IntArray) -> float | None:
    """Returns the first selector's mean probability that chosen rows are right; None if there is none."""
    if not len(known.convincing) or not len(rows):
        return None
    return float(np.exp(known.convincing[0, rows]).mean())


def step_entropy(scores: StepScores) -> np.ndarray:
    """Returns float64 [R]: mean over steps of the entropy of right vs. wrong, in nats; 0 without steps."""
    import scipy.special  # slow, and plans do not need it

    wrong = scores.prob.values[:, 0]
    entropy = scipy.special.entr(wrong) + scipy.special.entr(1 - wrong)
    total = Ragged(values=entropy, offsets=scores.prob.offsets).reduce(np.add, 0.0)
    return total / np.maximum(scores.prob.lengths, 1)


def step_codes(samples: Samples) -> Ragged:
    """Returns int64 [total steps]; equal codes mean equal texts."""
    column = samples.solutions.column("steps").combine_chunks()
    codes = column.flatten().dictionary_encode().indices.to_numpy().astype(np.int64)
    return Ragged.from_lengths(codes, samples.solutions.n_steps)
