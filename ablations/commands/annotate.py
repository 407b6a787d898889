"""People as annotators of the large PRM: files for them to rate, and their ratings.

In each generation, `ablations annotate write` chooses and writes the solutions to rate next, people rate
them, and `ablations annotate read` checks the ratings; once all are complete, `ablations run` continues.
"""

from typing import Any

from ablations.data.artifacts import ChosenRows, Samples
from ablations.engine.run import run_tasks
from ablations.engine.store import Store
from ablations.experiments.generations import Generation
from ablations.experiments.large_models import LargeModels
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.experiments.world_fold import embedded_fold
from ablations.formats.annotation_file import Ratings, read_labeling, write_labeling


def annotate(settings: Any, store: Store, workers: int | None, *, write: bool) -> None:
    """Checks and describes all existing ratings, up to the first generation without any.

    Args:
        settings: settings of an experiment that collects data, with the folder of labeling files.
        store: the artifact store; the PRMs that choose solutions are trained into it.
        write: whether to write the labeling file of the first generation without one.

    Raises:
        ValueError: the experiment collects nothing, no folder is set, or ratings are missing or wrong.
    """
    if not isinstance(settings, LargeScaleSettings):
        raise ValueError("experiment: found one whose labels are not collected; allowed: large_scale")
    collection = settings.collection
    if collection.annotations is None:
        raise ValueError("collection.annotations: found null; allowed: the folder of labeling files")
    models = LargeModels(settings=settings, fold=embedded_fold(settings.source, settings.device))
    generation: Generation | None = None
    for number in range(collection.generations + 1):
        generation = models.phase_1 if generation is None else generation.next()
        file = collection.labeling_file(number)
        if not file.is_file() and not write:
            print(f"{file}: does not exist yet; `ablations annotate write` writes it")
            return
        run_tasks((generation.chosen, models.pool), store, workers)
        rows = ChosenRows.read(store.path(generation.chosen)).labeled
        chosen = Samples.read(store.path(models.pool)).take(rows)
        if not file.is_file():
            collection.annotations.mkdir(parents=True, exist_ok=True)
            write_labeling(file, chosen.problems, chosen.solutions, number)
            print(f"{file}: {len(chosen.solutions)} solutions to rate")
            return
        print(f"{file}: {_describe(read_labeling(file, chosen.problems, chosen.solutions))}")
    print("All generations are rated: `ablations run` continues.")


def _describe(found: list[Ratings]) -> str:
    steps = [rating for ratings in found for rating in ratings if rating is not None]
    unrated = sum(all(rating is None for rating in ratings) for ratings in found)
    right = sum(rating >= 0 for rating in steps)
    return (
        f"{len(found)} solutions, {unrated} of them not rated; {len(steps)} rated steps, "
        f"{100 * right / max(len(steps), 1):.1f}% of them right or neutral"
    )
