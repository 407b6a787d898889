"""One study per arm, each with the same number of planned trials, taken by any number of workers, none twice.

All trials are planned in advance, as waiting trials with a number; a worker takes one that waits. If a worker
dies, its heartbeat stops, and its trial is planned again, once. So the count is exact, however many workers
there are and however they end.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages._rdb.models import TrialHeartbeatModel
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from ablations.engine.files import lock_of
from ablations.engine.locks import locked

HEARTBEAT = 30
"""Seconds between two heartbeats of a worker."""
PLANNED, SURPLUS, ARTIFACTS = "planned", "surplus", "artifacts"
"""Attributes of trials: the planned number; that it is one too many; addresses in the store of all artifacts
that it reads and makes."""
# Optuna calls heartbeats experimental; our own tests cover them.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def storage_of(url: str, heartbeat: int = HEARTBEAT) -> RDBStorage:
    """Opens the storage at an SQLAlchemy URL: ``sqlite:///sweeps.db``, ``postgresql://user@host/name``.

    Args:
        url: URL of the database.
        heartbeat: seconds between two heartbeats of a worker; after three missed ones it counts as dead.

    Raises:
        ValueError: there is no such database, or its kind is unknown.
    """
    created: list[Path] = []
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            created = [file, *(folder for folder in file.parents if not folder.exists())]
        with lock_storage(url):  # others wait until the tables exist
            return RDBStorage(
                url,
                heartbeat_interval=heartbeat,
                grace_period=3 * heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=1),
            )
    except (ImportError, OSError, RuntimeError, ValueError, SQLAlchemyError) as error:
        with contextlib.suppress(OSError):  # keeps folders that others have written to
            for path in created:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"storage: found {url}, which cannot be opened ({first})") from error


def sqlite_url(path: Path) -> str:
    """Returns the SQLAlchemy URL of an SQLite file, whatever characters its name has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def sqlite_file(url: str) -> Path | None:
    """Returns the SQLite file that an SQLAlchemy URL names; None: a server's database, or one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database).removeprefix("file:"))


@contextlib.contextmanager
def lock_storage(url: str) -> Iterator[None]:
    """Locks an SQLite file, which could give one trial to two workers; a server locks its rows itself."""
    file = sqlite_file(url)
    with contextlib.nullcontext() if file is None else locked(lock_of(file)):
        yield


@dataclass(frozen=True, kw_only=True)
class Studies:
    """The studies of a sweep, one per arm, on one storage."""

    name: str
    """Name of the sweep."""
    arms: tuple[str, ...]
    """Forms of supervision."""
    storage: RDBStorage
    """Storage that all workers share."""
    seed: int = 0
    """Seed of the sampler; worker k has seed + k."""

    def __enter__(self) -> Studies:
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections of this thread and of the pool; the studies may be used again."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    def study(self, arm: str, worker: int = 0) -> optuna.Study:
        """Returns an arm's study; creates it if it does not exist."""
        return optuna.create_study(
            study_name=f"{self.name}-{arm}",
            storage=self.storage,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.seed + worker, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )

    def plan(self, trials: int) -> None:
        """Plans this many trials for each arm; those already planned count, unless they failed."""
        for arm in self.arms:
            study = self.study(arm)
            known = {
                trial.user_attrs[PLANNED]
                for trial in study.get_trials(deepcopy=False)
                if planned(trial) and trial.state != TrialState.FAIL
            }
            for number in range(trials):
                if number not in known:
                    study.enqueue_trial({}, user_attrs={PLANNED: number})

    def work(self, objective: Callable[[str], Callable[[optuna.Trial], float]], worker: int = 0) -> None:
        """Takes planned trials until none is left, alternating between the arms.

        Args:
            objective: arm -> the function to maximize.
            worker: number of this worker.
        """
        studies = {arm: self.study(arm, worker) for arm in self.arms}
        functions = {arm: objective(arm) for arm in self.arms}
        while True:
            if any([self._take(studies[arm], functions[arm]) for arm in self.arms]):  # one of each arm
                continue
            if not any(_running(study) for study in studies.values()):
                return
            time.sleep(min(1.0, HEARTBEAT / 10))  # a worker with the last ones may still die

    def _take(self, study: optuna.Study, function: Callable[[optuna.Trial], float]) -> bool:
        """Runs one waiting trial, if there is one; returns whether there was."""
        with contextlib.ExitStack() as asking:
            asking.enter_context(lock_storage(self.storage.url))
            self._record_first_heartbeats(study)
            fail_stale_trials(study)
            if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                return False

            def run_if_planned(asked: optuna.Trial) -> float:
                asking.close()  # lets the other workers ask
                if surplus(study, asked):
                    asked.set_user_attr(SURPLUS, True)
                    raise optuna.TrialPruned("another worker has it")
                return function(asked)

            study.optimize(run_if_planned, n_trials=1, catch=(Exception,), callbacks=[_print_trial])
        return True

    def _record_first_heartbeats(self, study: optuna.Study) -> None:
        """Records a first heartbeat for running trials that have none, so that Optuna misses the next.

        Otherwise a worker that dies between taking a trial and its own first heartbeat is awaited forever.
        """
        running = _running(study)
        if not running:
            return
        with self.storage.engine.connect() as link:
            recorded = set(link.scalars(select(TrialHeartbeatModel.trial_id)))
        for trial in running:
            if trial._trial_id not in recorded:
                self.storage.record_heartbeat(trial._trial_id)


def _running(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _print_trial(study: optuna.Study, trial: FrozenTrial) -> None:
    """Prints a line for a planned trial that has ended."""
    if planned(trial):
        value = f" {100 * trial.value:.1f}%" if trial.value is not None else ""
        planned_trial = f"{study.study_name} trial {trial.user_attrs[PLANNED]}"
        point = ", ".join(f"{name} {number:.3g}" for name, number in trial.params.items())
        line = f"[{len(finished(study))}] {planned_trial}: {trial.state.name.lower()}{value} ({point})"
        print(line, file=sys.stderr, flush=True)


def planned(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the planned ones, or a retry of one."""
    return PLANNED in trial.user_attrs and SURPLUS not in trial.user_attrs


def surplus(study: optuna.Study, asked: optuna.Trial) -> bool:
    """Whether no trial waited when this one was asked for, or another worker has the same planned one."""
    if PLANNED not in asked.user_attrs:
        return True
    return any(
        trial.number < asked.number and trial.user_attrs[PLANNED] == asked.user_attrs[PLANNED]
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, *FINISHED))
        if planned(trial)
    )


def artifacts(trial: FrozenTrial) -> list[str]:
    """Returns the addresses in the store of all artifacts that a trial read and made."""
    return list(trial.user_attrs.get(ARTIFACTS, []))


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the planned trials that completed or were pruned, sorted by planned number."""
    ended = [trial for trial in study.get_trials(deepcopy=False, states=FINISHED) if planned(trial)]
    return sorted(ended, key=lambda trial: int(trial.user_attrs[PLANNED]))


def missing(study: optuna.Study) -> list[int]:
    """Returns the planned numbers that no trial has finished."""
    known = {trial.user_attrs[PLANNED] for trial in study.get_trials(deepcopy=False) if planned(trial)}
    return sorted(known - {trial.user_attrs[PLANNED] for trial in finished(study)})


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the finished trials that were not pruned: those with a value."""
    return [trial for trial in finished(study) if trial.state == TrialState.COMPLETE]


def failed(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the planned trials that failed, including those that were retried."""
    return [trial for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)) if planned(trial)]
