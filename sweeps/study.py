"""A study an arm: as many trials planned for each, taken by any number of workers, none of them twice.

Trials are planned before the first begins, as waiting ones with a number; a worker takes one that waits. One
whose worker dies is found by its silent heartbeat and planned again, once. So the count is exact, however
many workers there are and however they end.
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
"""Seconds between two signs of life of a worker."""
PLANNED, SURPLUS, ARTIFACTS = "planned", "surplus", "artifacts"
"""Attributes of trials: the number that was planned; that it was asked for in vain; addresses in the store of
all that it reads and makes."""
# Heartbeats are what Optuna calls experimental; they are held by our own tests.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def storage_of(url: str, heartbeat: int = HEARTBEAT) -> RDBStorage:
    """A storage by SQLAlchemy's URL, as ``sqlite:///sweeps.db`` or ``postgresql://user@host/name``.

    Args:
        url: of the database.
        heartbeat: seconds between two signs of life of a worker; after three of them in silence it is dead.

    Raises:
        ValueError: there is no such database, or its kind is unknown.
    """
    made: list[Path] = []
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            made = [file, *(folder for folder in file.parents if not folder.exists())]
        with alone_on(url):  # who comes while the tables are made waits for them
            return RDBStorage(
                url,
                heartbeat_interval=heartbeat,
                grace_period=3 * heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=1),
            )
    except (ImportError, OSError, RuntimeError, ValueError, SQLAlchemyError) as error:
        with contextlib.suppress(OSError):  # folders that others have put something into stay
            for path in made:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"storage: found {url}, which cannot be opened ({first})") from error


def sqlite_url(path: Path) -> str:
    """SQLAlchemy's URL of an SQLite file, whatever characters its name has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def sqlite_file(url: str) -> Path | None:
    """The SQLite file that SQLAlchemy's URL names; None: a server's database, or one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database).removeprefix("file:"))


@contextlib.contextmanager
def alone_on(url: str) -> Iterator[None]:
    """Alone on an SQLite file, which gives one trial to two workers; a server locks its rows."""
    file = sqlite_file(url)
    with contextlib.nullcontext() if file is None else locked(lock_of(file)):
        yield


@dataclass(frozen=True, kw_only=True)
class Studies:
    """The studies of a sweep, one an arm, on one storage."""

    name: str
    """Of the sweep."""
    arms: tuple[str, ...]
    """Forms of supervision."""
    storage: RDBStorage
    """Shared by all workers."""
    seed: int = 0
    """Of the sampler; worker k has seed + k."""

    def __enter__(self) -> Studies:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the links of this thread and of the pool; the studies may be used again."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    def study(self, arm: str, worker: int = 0) -> optuna.Study:
        """An arm's study, made if it is not there."""
        return optuna.create_study(
            study_name=f"{self.name}-{arm}",
            storage=self.storage,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.seed + worker, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )

    def plan(self, trials: int) -> None:
        """Plans as many trials for each arm; those that are planned already count, unless they failed."""
        for arm in self.arms:
            study = self.study(arm)
            known = {
                one.user_attrs[PLANNED]
                for one in study.get_trials(deepcopy=False)
                if planned(one) and one.state != TrialState.FAIL
            }
            for number in range(trials):
                if number not in known:
                    study.enqueue_trial({}, user_attrs={PLANNED: number})

    def work(self, objective: Callable[[str], Callable[[optuna.Trial], float]], worker: int = 0) -> None:
        """Takes planned trials until none is left, the arms by turns.

        Args:
            objective: arm -> what is to be maximised.
            worker: number of this worker.
        """
        studies = {arm: self.study(arm, worker) for arm in self.arms}
        functions = {arm: objective(arm) for arm in self.arms}
        while True:
            took = [self._take(studies[arm], functions[arm]) for arm in self.arms]
            if any(took):
                continue
            if not any(
                one.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) for one in studies.values()
            ):
                return
            time.sleep(min(1.0, HEARTBEAT / 10))  # some worker has the last ones: it may die yet

    def _take(self, study: optuna.Study, function: Callable[[optuna.Trial], float]) -> bool:
        """One waiting trial, if there is one; returns whether there was."""
        with contextlib.ExitStack() as asking:
            asking.enter_context(alone_on(self.storage.url))
            self._miss_silent(study)
            fail_stale_trials(study)
            if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                return False
            self._optimize(study, function, asking)
        return True

    def _miss_silent(self, study: optuna.Study) -> None:
        """Gives running trials without any sign of life their first one, so that Optuna misses the next.

        A worker that dies between taking a trial and its own first sign would be waited for without end.
        """
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if not running:
            return
        with self.storage.engine.connect() as link:
            heard = set(link.scalars(select(TrialHeartbeatModel.trial_id)))
        for one in running:
            if one._trial_id not in heard:
                self.storage.record_heartbeat(one._trial_id)

    def _optimize(
        self, study: optuna.Study, function: Callable[[optuna.Trial], float], asking: contextlib.ExitStack
    ) -> None:
        """Asks for one trial, lets the others ask, and works on it."""

        def planned_only(asked: optuna.Trial) -> float:
            asking.close()
            if surplus(study, asked):
                asked.set_user_attr(SURPLUS, True)
                raise optuna.TrialPruned("another worker has it")
            return function(asked)

        study.optimize(planned_only, n_trials=1, catch=(Exception,), callbacks=[self._told])

    def _told(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """A line for a trial that is over."""
        if planned(trial):
            value = f" {100 * trial.value:.1f}%" if trial.value is not None else ""
            what = f"{study.study_name} trial {trial.user_attrs[PLANNED]}: {trial.state.name.lower()}{value}"
            point = ", ".join(f"{name} {found:.3g}" for name, found in trial.params.items())
            print(f"[{len(finished(study))}] {what} ({point})", file=sys.stderr, flush=True)


def planned(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those that were planned, or such a one tried again."""
    return PLANNED in trial.user_attrs and SURPLUS not in trial.user_attrs


def surplus(study: optuna.Study, asked: optuna.Trial) -> bool:
    """Whether no trial waited when this one was asked for, or two workers planned it and the other has it."""
    if PLANNED not in asked.user_attrs:
        return True
    return any(
        one.number < asked.number and one.user_attrs[PLANNED] == asked.user_attrs[PLANNED]
        for one in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, *FINISHED))
        if planned(one)
    )


def artifacts(trial: FrozenTrial) -> list[str]:
    """Addresses in the store of all that a trial read and made."""
    return list(trial.user_attrs.get(ARTIFACTS, []))


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The planned trials that have come to an end, by their planned number."""
    over = [one for one in study.get_trials(deepcopy=False, states=FINISHED) if planned(one)]
    return sorted(over, key=lambda one: int(one.user_attrs[PLANNED]))


def missing(study: optuna.Study) -> list[int]:
    """The planned numbers that no trial has finished, however often it was tried."""
    known = {one.user_attrs[PLANNED] for one in study.get_trials(deepcopy=False) if planned(one)}
    return sorted(known - {one.user_attrs[PLANNED] for one in finished(study)})


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """The finished trials that were not pruned: those with a value."""
    return [one for one in finished(study) if one.state == TrialState.COMPLETE]


def failed(study: optuna.Study) -> list[FrozenTrial]:
    """The planned trials that failed, those that were tried again among them."""
    return [one for one in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)) if planned(one)]
