"""What a generator writes after a prompt, read as a solution: its steps, and where it is to end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ablations.grading.extraction import extract_answer

if TYPE_CHECKING:
    from lightning_modules.sampling import Completion


def steps_of(text: str) -> list[str]:
    """The steps of a solution: its lines, but those of white space alone."""
    return [line for line in text.split("\n") if line.strip()]


@dataclass(frozen=True, kw_only=True)
class Stops:
    """What ends a solution, beside the tokens that end a text. It concerns the text alone, so that it ends at
    the same place whatever engine wrote it."""

    strings: tuple[str, ...] = ()
    """Texts that end it, and are no part of it; the first to be complete does."""
    after_answer: bool = False
    """Whether the end of the first line after which it has a final answer ends it."""

    def __post_init__(self) -> None:
        if "" in self.strings:
            raise ValueError("stop: found an empty text; allowed: one character or more")

    @property
    def characters(self) -> str:
        """One of these is the last one of any text that these rules end; empty: there are no rules."""
        return "".join(string[-1] for string in self.strings) + ("\n" if self.after_answer else "")

    def complete(self, text: str) -> bool:
        """Whether a text that is being written has come to its end, and had not before its last token."""
        if any(string in text for string in self.strings):
            return True
        before, line_end, _ = text.rpartition("\n")
        return self.after_answer and bool(line_end) and extract_answer(before) is not None

    def cut(self, text: str) -> str | None:
        """A text up to where these rules end it; None if they do not."""
        found = [(at + len(string), at) for string in self.strings if (at := text.find(string)) >= 0]
        if self.after_answer and (end := _end_of_answer(text)) is not None:
            found.append((end + 1, end))
        return text[: min(found)[1]] if found else None

    def applied(self, completion: Completion) -> Completion:
        """A completion up to where these rules end it."""
        text = self.cut(completion.text)
        return completion if text is None else replace(completion, text=text, finished=True)


def _end_of_answer(text: str) -> int | None:
    """Where the first line ends after which a text has a final answer."""
    at = text.find("\n")
    while at >= 0:
        if extract_answer(text[:at]) is not None:
            return at
        at = text.find("\n", at + 1)
    return None
