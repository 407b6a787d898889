"""A generator's completion as a solution: its steps, and where it ends."""

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
    """Rules that end a solution, in addition to the tokens that end a text. They read only the text, so a
    solution ends at the same place for all engines."""

    strings: tuple[str, ...] = ()
    """Texts that end a solution and are not part of it; the first one completed ends it."""
    after_answer: bool = False
    """Whether a solution ends with the first line after which it has a final answer."""

    def __post_init__(self) -> None:
        if "" in self.strings:
            raise ValueError("stop: found an empty text; allowed: one character or more")

    @property
    def characters(self) -> str:
        """Last characters that a text ended by these rules can have; empty if there are no rules."""
        return "".join(string[-1] for string in self.strings) + ("\n" if self.after_answer else "")

    def complete(self, text: str) -> bool:
        """Returns whether a text being written has ended, if it had not before its last token."""
        if any(string in text for string in self.strings):
            return True
        before, newline, _ = text.rpartition("\n")
        return self.after_answer and bool(newline) and extract_answer(before) is not None

    def cut(self, text: str) -> str | None:
        """Returns a text up to where these rules end it, or None if they do not."""
        ends = [(at + len(string), at) for string in self.strings if (at := text.find(string)) >= 0]
        newline = text.find("\n") if self.after_answer else -1
        while newline >= 0 and extract_answer(text[:newline]) is None:
            newline = text.find("\n", newline + 1)
        if newline >= 0:
            ends.append((newline + 1, newline))
        return text[: min(ends)[1]] if ends else None

    def apply(self, completion: Completion) -> Completion:
        """Cuts a completion where these rules end it."""
        text = self.cut(completion.text)
        return completion if text is None else replace(completion, text=text, finished=True)
