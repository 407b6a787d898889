"""Steps of the large PRM: ratings, by people or the world's annotator, and the PRM trained on them."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.annotations import Annotations
from ablations.data.artifacts import ChosenRows, Samples
from ablations.data.models import LargePrm, LargePrmFacts
from ablations.engine.step import Context, Step
from ablations.engine.user_file import UserFile
from ablations.formats.annotation_file import read_labeling
from ablations.steps.base_model import CausalModel
from ablations.world.annotator import CLASS_OF, Annotator, up_to_first_error
from ablations.world.worlds import world_of
from lightning_modules.presets import Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotate(Step[Annotations], name="annotated"):
    """Rates solutions with the annotator of an embedded world, which stops at the first error of each."""

    samples: Step[Samples]
    chosen: Step[ChosenRows] | None = None
    """Rows to rate; None: all."""
    world: str
    easy_error: float
    """Share of easy steps that the annotator rates wrongly."""
    hard_error: float
    """Share of hard steps that the annotator rates wrongly."""
    seed: int

    def run(self, context: Context) -> Annotations:
        samples, world = context.read(self.samples), world_of(self.world)
        rows = np.arange(len(samples.solutions)) if self.chosen is None else context.read(self.chosen).labeled
        annotator = Annotator(
            name=f"annotator-{self.seed}", easy_error=self.easy_error, hard_error=self.hard_error
        )
        chosen = samples.take(rows)
        ratings = [
            list(up_to_first_error(annotator.rate(world, chosen.problems[p].text, steps)))
            for p, steps in zip(chosen.solutions.problem_index, chosen.steps(), strict=True)
        ]
        return Annotations(rows=rows, ratings=ratings)


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadRatings(Step[Annotations], name="rated"):
    """Reads people's ratings of chosen rows, except solutions without a rating."""

    samples: Step[Samples]
    chosen: Step[ChosenRows]
    file: UserFile

    def run(self, context: Context) -> Annotations:
        rows = context.read(self.chosen).labeled
        chosen = context.read(self.samples).take(rows)
        ratings = read_labeling(self.file.unchanged(), chosen.problems, chosen.solutions)
        rated = [i for i, steps in enumerate(ratings) if any(rating is not None for rating in steps)]
        return Annotations(rows=rows[rated], ratings=[list(ratings[i]) for i in rated])


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainLargePrm(Step[LargePrm], name="large_prm", spreads=True):
    """Trains a PRM of three classes on ratings, from the base."""

    base: Step[CausalModel]
    samples: Step[Samples]
    annotations: tuple[Step[Annotations], ...]
    """Ratings of some of the samples."""
    epochs: int
    """Passes over the ratings."""
    min_updates: int = 0
    """Minimum number of updates; few ratings get more passes."""
    batch_size: int
    """Solutions per update."""
    learning_rate: float
    """Peak learning rate."""
    seed: int
    precision: Precision = "32-true"
    device: str = "cpu"

    def run(self, context: Context) -> LargePrm:
        from ablations.steps.training_data import encode_checked, find_untaught
        from lightning_modules.backbones import load_classifier
        from lightning_modules.packing import cost_of
        from lightning_modules.positions import check_lengths
        from lightning_modules.reward_data import IGNORE, RewardData, RewardDataset
        from lightning_modules.reward_model import RewardModel
        from lightning_modules.row_choice import choose_rows
        from lightning_modules.sharding import gather_weights
        from lightning_modules.tokenization import load_tokenizer
        from lightning_modules.training import fit

        annotations = Annotations.join(context.read_all(self.annotations))
        chosen = context.read(self.samples).take(annotations.rows)
        base = context.read(self.base)
        tokenizer = load_tokenizer(base.folder)
        encoded = encode_checked(tokenizer, chosen)
        targets = [
            [IGNORE if rating is None else CLASS_OF[rating] for rating in ratings]
            for ratings in annotations.ratings
        ]
        model = RewardModel(
            load_classifier(base.folder, num_labels=3, seed=self.seed), learning_rate=self.learning_rate
        )
        check_lengths(model.backbone, encoded)
        data = RewardData(
            RewardDataset.from_encoded(
                encoded,
                step_targets=targets,
                num_classes=3,
                cost=cost_of(model.backbone, self.device),
                rows=choose_rows(model.backbone),
            ),
            batch_size=self.batch_size,
            seed=self.seed,
        )
        untaught = find_untaught(chosen, encoded, data.train_set)
        updates = model.total_updates = max(self.epochs * data.updates, self.min_updates)
        fit(
            model,
            data,
            updates=updates,
            precision=self.precision,
            accelerator=self.device,
            group=context.group,
            logger=context.logs.logger(),
            checkpoint_folder=context.scratch,
            progress=context.progress,
        )
        facts = LargePrmFacts(
            solutions=len(annotations),
            rated_steps=annotations.rated_steps,
            updates=updates,
            checkpoint=base.named_base(tokenizer),
            untaught=untaught,
        )
        state = gather_weights(model)
        return LargePrm(save=partial(model.export, tokenizer=tokenizer, state=state), facts=facts)
