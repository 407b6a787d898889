"""The step that gathers the rows of cells and reference lines into the run's tidy table."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.data.artifacts import RECORDS
from ablations.engine.step import Context, Step
from ablations.steps.evaluation_rows import Rows

if TYPE_CHECKING:
    from results.records import Record


@dataclass(frozen=True, kw_only=True)
class Records:
    """The tidy table of a run."""

    records: "list[Record]"

    def write(self, folder: Path) -> None:
        from results.records import write_records

        write_records(folder / RECORDS, self.records)

    @classmethod
    def read(cls, folder: Path) -> "Records":
        """Raises an AssertionError: no step reads the table."""
        raise AssertionError(f"the records in {folder} are read by results.records")


@dataclass(frozen=True, kw_only=True, eq=False)
class GatherRecords(Step[Records], name="records", version=2):
    """Gathers all rows of a run."""

    experiment: str
    scale: str
    dataset: str
    settings: str
    """The run's settings as JSON."""
    revision: str
    """Revision of the code."""
    cells: tuple[Step[Rows], ...]
    references: Step[Rows] | None = None
    """The reference lines; None: the experiment reads no test problems."""

    def run(self, context: Context) -> Records:
        """Raises a ValueError if two arms were trained on different solutions."""
        from results.records import Record

        records: list[Record] = []
        hashes: dict[tuple[object, ...], str] = {}
        references = () if self.references is None else (self.references,)
        for step in (*references, *self.cells):
            rows, config = context.read(step), json.loads(self.settings)
            if rows.chosen is not None:
                config["chosen"] = rows.chosen
            settings = json.dumps(config, sort_keys=True)
            for row in rows.rows:
                if "solutions_hash" in row:
                    varied = row.get("variant"), row.get("level")
                    point = row["acquisition"], row["data_scale"], row["seed"], *varied
                    first = hashes.setdefault(point, row["solutions_hash"])
                    if row["solutions_hash"] != first:
                        raise ValueError(
                            f"solutions of {row['arm']} at data scale {row['data_scale']}, seed "
                            f"{row['seed']}: found hash {row['solutions_hash']}; allowed: {first}, that of "
                            "the other arms"
                        )
                    row.setdefault("cell", step.key)  # a further evaluation already names its cell
                records.append(
                    Record(
                        experiment=self.experiment,
                        scale=self.scale,
                        dataset=self.dataset,
                        config=settings,
                        revision=self.revision,
                        **row,
                    )
                )
        return Records(records=records)
