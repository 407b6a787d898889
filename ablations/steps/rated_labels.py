"""Files of rated solutions from which a PRM learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ablations.data.left_out import LeftOut
from ablations.engine.user_file import UserFile
from ablations.formats.overlap import every_problem
from ablations.formats.rated_solutions import LabelOptions, Rated, read_rated


@dataclass(frozen=True, kw_only=True, eq=False)
class RatedLabels:
    """Files of rated solutions, and how they are read."""

    labels: tuple[UserFile, ...]
    """Files of rated solutions, of any labeled format."""
    options: LabelOptions = LabelOptions()
    problems: tuple[UserFile, ...] = ()
    """Files with the problems that are missing from the labels."""
    threshold: float | None = None
    """P(wrong) above which a step is wrong, where labels are probabilities."""

    def read(self, left_out: LeftOut) -> Iterator[Rated]:
        """Yields the rated solutions of all files."""
        options = self.options.given()
        if self.problems:
            options["problems"] = [text for file in self.problems for text in every_problem(file.unchanged())]
        for file in self.labels:
            yield from read_rated(file.unchanged(), left_out, options=options, threshold=self.threshold)
