"""Reading a generator's completion as a solution: its steps, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ablations.grading.extraction import extract_answer

if TYPE_CHECKING:
    from lightning_modules.sampling import Completion


def steps_of(text: str) -> list[str]:
    """Splits a solution into its steps: its lines, except blank ones."""
    return [line for line in text.split("\n") if line.strip()]


@dataclass(frozen=True, kw_only=True)
class Stops:
    """Rules that end a solution, in addition to the tokens that end a text. They look only at the text, so a
    solution ends at the same place whichever engine wrote it."""

    strings: tuple[str, ...] = ()
    """Texts that end a solution and are not part of it; the first one completed ends it."""
    after_answer: bool = False
    """Whether a solution ends with the first line after which it has a final answer."""

    def __post_init__(self) -> None:
        if "" in self.strings:
            raise ValueError("stop: found an empty text; allowed: one character or more")

    @property
    def characters(self) -> str:
        """Last characters that a text ended by these rules can have; empty: there are no rules."""
        return "".join(string[-1] for string in self.strings) + ("\n" if self.after_answer else "")

    def complete(self, text: str) -> bool:
        """Returns whether a text being written has ended, given that it had not before its last token."""
        if any(string in text for string in self.strings):
            return True
        before, line_end, _ = text.rpartition("\n")
        return self.after_answer and bool(line_end) and extract_answer(before) is not None

    def cut(self, text: str) -> str | None:
        """Returns a text up to where these rules end it, or None if they do not."""
        found = [(at + len(string), at) for string in self.strings if (at := text.find(string)) >= 0]
        if self.after_answer and (end := _end_of_answer(text)) is not None:
            found.append((end + 1, end))
        return text[: min(found)[1]] if found else None

    def applied(self, completion: Completion) -> Completion:
        """Cuts a completion where these rules end it."""
        text = self.cut(completion.text)
        return completion if text is None else replace(completion, text=text, finished=True)


def _end_of_answer(text: str) -> int | None:
    """Finds the end of the first line after which a text has a final answer."""
    at = text.find("\n")
    while at >= 0:
        if extract_answer(text[:at]) is not None:
            return at
        at = text.find("\n", at + 1)
    return None
