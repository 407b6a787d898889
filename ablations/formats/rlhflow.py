"""RLHFlow's process supervision, one solution per row: {conversations[{role, content}, ...]}.

The user's turns are the steps; the assistant's answer to each is + (right) or - (wrong). The first turn is
the problem, a space and the first step. Steps start with "Step N: ", which is not part of them. If they do
not, as in solutions by DeepSeek's models, the first step can be found only if the problem is known.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ablations.formats import marked
from ablations.formats.format import Format, reads_back_unchanged
from ablations.formats.labeled_solution import LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields


def _parse(row: Fields, problems: Mapping[int, set[str]]) -> list[LabeledSolution]:
    turns = row.array("conversations")
    pairs = "a user's turn and the assistant's answer, once or more"
    row.check("conversations", turns, turns and len(turns) % 2 == 0, pairs)
    contents = []
    for i, turn in enumerate(row.objects("conversations")):
        role = "user" if i % 2 == 0 else "assistant"
        turn.check("role", turn.get("role"), turn.get("role") == role, role)
        contents.append(turn.string("content", filled=True))
        if role == "assistant":
            turn.check("content", contents[i], contents[i] in marked.SIGNS, "+ or -")
    problem, step = marked.split(row, "conversations[0].content", contents[0], problems)
    texts = [step, *(marked.unnumbered(text, number) for number, text in enumerate(contents[2::2], 2))]
    for i, text in enumerate(texts):
        row.check(f"conversations[{2 * i}].content", contents[2 * i], text, "a step that is not empty")
    steps = labeled_steps(texts, [marked.SIGNS[sign] for sign in contents[1::2]])
    return [LabeledSolution(problem=problem, steps=steps)]


def _row(record: LabeledSolution) -> dict[str, Any]:
    turns = []
    for text, label in zip(marked.marked_texts(record), record.labels, strict=True):
        turns.append({"role": "user", "content": text})
        turns.append({"role": "assistant", "content": "+" if label == 1 else "-"})
    return {"conversations": turns}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "after_error", "steps", "line_breaks"}),
        needs=frozenset({"steps", "labels"}),
    ),
    keys=frozenset({"conversations"}),
    reader=marked.reader(_parse, frozenset({"conversations[].role", "conversations[].content"})),
    options=frozenset({"problems"}),
    row=_row,
    tells_apart=reads_back_unchanged(partial(_parse, problems={}), _row),
)
