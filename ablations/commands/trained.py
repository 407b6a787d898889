"""Trained reward models, found in a store by their address or in a run by their cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.arguments import RUN_FILE
from ablations.commands.run_files import store_of_run
from ablations.data.json_files import read_json
from ablations.engine.store import MANIFEST, STORE, Store
from ablations.steps.train_student import TrainStudent

if TYPE_CHECKING:
    import pandas as pd

STEPS = ("train", "cell")
"""Steps whose artifacts are trained models, or lead to them."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Selection of one of a run's reward models; a field that is None stands for the only value there is."""

    arm: str | None = None
    """With a run: kind of supervision."""
    acquisition: str | None = None
    """With a run: how labeled solutions were chosen (default: uniform)."""
    data_scale: int | None = None
    """With a run: solutions labeled per problem."""
    seed: int | None = None
    """With a run: seed of the training."""
    fold: int | None = None
    """With a run on a pool: fold, from 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trained reward model and what is known about it."""

    store: Store
    address: str
    """Address of the training's artifact, ``train/KEY``."""
    config: dict[str, Any]
    inputs: dict[str, Any]
    """Addresses of the training's inputs."""
    cell: str | None = None
    """Key of its cell, if it was found by one."""
    cell_inputs: dict[str, Any] = field(default_factory=dict)
    folds: int = 1
    """Number of models in the cell."""
    records: pd.DataFrame | None = None
    """The run's records, if it was found in a run."""

    @property
    def folder(self) -> Path:
        """Folder of the artifact."""
        return self.store.root / self.address

    def manifest_of(self, name: str) -> dict[str, Any]:
        """Returns the manifest of a named input; empty if there is no such input or it is gone."""
        address = self.inputs.get(name)
        file = self.store.root / str(address) / MANIFEST
        return dict(read_json(file)) if isinstance(address, str) and file.is_file() else {}


def find_model(named: str, selection: Selection, store: Path | None) -> Trained:
    """Finds a trained reward model.

    Args:
        named: a run's out folder; an artifact's folder, or its address ``train/KEY`` or ``cell/KEY``.
        selection: choice among a run's models or a cell's folds.
        store: folder of artifacts; None: the run's, or runs/store.

    Raises:
        ValueError: there is no such model, there are several, or its files are damaged.
    """
    folder = Path(named)
    if (folder / RUN_FILE).is_file():
        return _of_run(folder, selection, store)
    if (folder / MANIFEST).is_file():
        folder = folder.resolve()
        root, address = folder.parent.parent, f"{folder.parent.name}/{folder.name}"
    else:
        root, address = store or STORE, named.strip("/")
    step = address.partition("/")[0]
    if step not in STEPS or not (root / address / MANIFEST).is_file():
        raise ValueError(
            f"source: found no {named}; allowed: a run's out folder, a pool, or the folder or the address "
            f"(train/KEY, cell/KEY) of an artifact in the store {root}"
        )
    if selection != Selection(fold=selection.fold):
        raise ValueError("arm, acquisition, data_scale, seed: found one; allowed: with a run's out folder")
    if step == "cell":
        return _of_cell(Store(root), address.partition("/")[2], selection.fold)
    if selection.fold is not None:
        raise ValueError(f"fold: found {selection.fold}; allowed: with a run's out folder, or a cell")
    return _of_training(Store(root), address)


def _of_run(run: Path, selection: Selection, store: Path | None) -> Trained:
    from ablations.data.artifacts import RECORDS
    from results.records import plain, read_records

    if not (run / RECORDS).is_file():
        raise ValueError(f"source: found no {RECORDS} in {run}; allowed: the out folder of a finished run")
    records = read_records(run / RECORDS)
    cells = plain(records[records["cell"].notna()]).drop_duplicates("cell")
    for name in ("arm", "acquisition", "data_scale", "seed"):
        cells = _narrow(cells, name, getattr(selection, name))
    root = store or store_of_run(run)
    return _of_cell(Store(root), str(cells["cell"].iloc[0]), selection.fold, records)


def _narrow(cells: pd.DataFrame, name: str, wanted: str | int | None) -> pd.DataFrame:
    """Returns the cells with the wanted value in a column; if none is given, with the only value there is."""
    values = sorted(set(cells[name].dropna().tolist()))
    if wanted is None and (name == "acquisition" and "uniform" in values):
        wanted = "uniform"
    if wanted is None and len(values) == 1:
        wanted = values[0]
    if wanted not in values:
        found = "none" if wanted is None else wanted
        raise ValueError(f"{name}: found {found}; allowed: {', '.join(map(str, values)) or 'nothing'}")
    return cells[(cells[name] == wanted).fillna(False).astype(bool)]


def _of_cell(store: Store, cell: str, fold: int | None, records: pd.DataFrame | None = None) -> Trained:
    """Returns the training of a cell's fold."""
    address = f"cell/{cell}"
    _check(store, address)
    inputs = read_json(store.root / address / MANIFEST)["inputs"]
    trains = inputs["trains"]
    folds = len(trains)
    if fold is None and folds == 1:
        fold = 0
    if fold is None or not 0 <= fold < folds:
        found = "none" if fold is None else fold
        raise ValueError(f"fold: found {found}; allowed: 0 to {folds - 1}, the cell's models")
    return _of_training(store, trains[fold], cell=cell, cell_inputs=inputs, folds=folds, records=records)


def _of_training(store: Store, address: str, **more: Any) -> Trained:
    _check(store, address)
    manifest = read_json(store.root / address / MANIFEST)
    config = TrainStudent.defaults() | manifest["config"]
    return Trained(store=store, address=address, config=config, inputs=manifest["inputs"], **more)


def _check(store: Store, address: str) -> None:
    fault = store.fault(address)
    if fault is not None:
        raise ValueError(f"source: found {address} in {store.root}: {fault}; allowed: a whole artifact")
