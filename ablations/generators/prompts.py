"""Prompts for a generator: a problem, in the chat template of its tokenizer or as plain text.

In a chat template, the problem and the instruction are the user's turn, and every solved problem that is
shown is one turn of each; the template opens the assistant's turn, which the generator continues.

Plain text is the problem and a newline, as this project's generators read it. Before it come the instruction,
if the user gives one, and the solved problems that are shown, each with its solution and a blank line; if any
are shown, a blank line ends a solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ablations.generators.problem_files import Shot
from lightning_modules.tokenization import DATE, render_turns

INSTRUCTION = (
    "Solve the problem step by step, each step on a line of its own. On the last line, put the final answer "
    "in \\boxed{}."
)
"""Default instruction in a chat template; plain text has none by default."""
BLANK_LINE = "\n\n"
PROBLEM = "{problem}"
"""Placeholder for the problem in a prompt's template."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The prompt of one problem."""

    text: str
    ids: tuple[int, ...]
    """Its tokens, as the model reads them."""


@dataclass(frozen=True, kw_only=True)
class Prompter:
    """Settings for making prompts from problems."""

    tokenizer: Any
    chat: bool
    """Whether its chat template is used."""
    instruction: str
    """Instruction given with the problem; may be empty."""
    shots: tuple[Shot, ...]

    @classmethod
    def of(
        cls, tokenizer: Any, chat_template: str, instruction: str | None, shots: tuple[Shot, ...]
    ) -> Prompter:
        """Makes a prompter; without an instruction, a chat template gets INSTRUCTION."""
        chat = chat_template == "auto" and tokenizer.chat_template is not None
        if instruction is None:
            instruction = INSTRUCTION if chat else ""
        return cls(tokenizer=tokenizer, chat=chat, instruction=instruction, shots=shots)

    @property
    def template(self) -> str:
        """The prompt of any problem, with {problem} in its place."""
        return self.text(PROBLEM)

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a solution because of the prompt's format."""
        return (BLANK_LINE,) if self.shots and not self.chat else ()

    def prompt(self, problem: str) -> Prompt:
        """Makes the prompt of a problem."""
        text = self.text(problem)
        # A chat template writes the special tokens itself; to plain text the tokenizer adds its own.
        ids = self.tokenizer(text, add_special_tokens=not self.chat, verbose=False)["input_ids"]
        if not self.chat and len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id:
            ids = ids[:-1]  # some tokenizers add the end token, too
        return Prompt(text=text, ids=tuple(ids))

    def text(self, problem: str) -> str:
        """Makes the text of a problem's prompt."""
        if not self.chat:
            shots = [f"{shot.problem}\n{shot.solution}{BLANK_LINE}" for shot in self.shots]
            instruction = f"{self.instruction}{BLANK_LINE}" if self.instruction else ""
            return f"{instruction}{''.join(shots)}{problem}\n"
        instruction = f"{BLANK_LINE}{self.instruction}" if self.instruction else ""
        turns = []
        for shot in self.shots:
            turns.append({"role": "user", "content": shot.problem + instruction})
            turns.append({"role": "assistant", "content": shot.solution})
        turns.append({"role": "user", "content": problem + instruction})
        way_out = ", or --chat-template never"
        return render_turns(self.tokenizer, turns, way_out, add_generation_prompt=True, date_string=DATE)
