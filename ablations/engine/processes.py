"""Rules for every process that computes: it uses one thread, and ends with its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from multiprocessing.context import ForkServerContext, SpawnContext

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def default_workers(threads: int = 1) -> int:
    """Returns the number of tasks, of ``threads`` threads each, for this process's cores; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, cores // threads)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limits computation to one thread, also in processes started and libraries first imported within."""
    before = {name: os.environ[name] for name in THREADS if name in os.environ}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    torch = sys.modules.get("torch")
    if torch is not None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
    try:
        yield
    finally:
        for name in THREADS:
            os.environ.pop(name, None)
        os.environ.update(before)
        if torch is not None:
            torch.set_num_threads(threads)


def context_of(*, cuda: bool, runs_model: bool = True) -> SpawnContext | ForkServerContext:
    """Returns the context that starts processes that compute.

    Processes that run models on the CPU are forked from a server that has imported what trainings need. The
    server has no threads and has not touched a GPU; it starts with the first of them and ends with this
    process. All others are spawned; a forked process could not use a GPU.
    """
    if cuda or not runs_model or sys.platform != "linux":  # elsewhere, system libraries start threads
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lightning_modules.training"])
    return context


def take_environment(environment: Mapping[str, str]) -> None:
    """Replaces this process's environment by that of the process that asked for it."""
    os.environ.clear()
    os.environ.update(environment)


def end_with_parent() -> None:
    """Makes this process end as soon as the one that started it does."""
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
