"""RLHFlow's process supervision, one solution per row: {conversations[{role, content}, ...]}.

The user's turns are the steps; the assistant's answer to each is + (right) or - (wrong). The first turn is
the problem, a space and the first step. Steps begin with "Step N: ", which is not part of them. If they do
not, as in solutions by DeepSeek's models, the first step can be found only if the problem is known.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ablations.formats import marked
from ablations.formats.format import Format, read_back_alike
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import Where, array, check, string

SIGNS = {"+": 1, "-": -1}
FIELDS = frozenset({"conversations[].role", "conversations[].content"})


def _parse(where: Where, row: dict[str, Any], problems: Mapping[int, set[str]]) -> list[LabeledSolution]:
    turns = array(where, row, "conversations")
    pairs = "a user's turn and the assistant's answer, once or more"
    check(where, "conversations", turns, turns and len(turns) % 2 == 0, pairs)
    contents = []
    for i, turn in enumerate(turns):
        at = f"conversations[{i}]"
        check(where, at, turn, isinstance(turn, dict), "an object")
        role = "user" if i % 2 == 0 else "assistant"
        check(where, f"{at}.role", turn.get("role"), turn.get("role") == role, role)
        contents.append(string(where, turn, "content", f"{at}.", filled=True))
        if role == "assistant":
            check(where, f"{at}.content", contents[i], contents[i] in SIGNS, "+ or -")
    problem, step = marked.parted(where, "conversations[0].content", contents[0], problems)
    texts = [step, *(marked.unnumbered(text, number) for number, text in enumerate(contents[2::2], 2))]
    for i, text in enumerate(texts):
        check(where, f"conversations[{2 * i}].content", contents[2 * i], text, "a step that is not empty")
    signs = (SIGNS[sign] for sign in contents[1::2])
    steps = tuple(SolutionStep(text=text, label=sign) for text, sign in zip(texts, signs, strict=True))
    return [LabeledSolution(problem=problem, steps=steps)]


def _row(record: LabeledSolution) -> dict[str, Any]:
    first, *others = record.texts
    texts = [marked.joined(record.problem, first)]
    texts += (marked.numbered(text, number) for number, text in enumerate(others, 2))
    turns = []
    for text, label in zip(texts, record.labels, strict=True):
        turns.append({"role": "user", "content": text})
        turns.append({"role": "assistant", "content": "+" if label == 1 else "-"})
    return {"conversations": turns}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "after_error", "steps", "line_breaks"}),
        needs=frozenset({"steps", "labels"}),
    ),
    keys=frozenset({"conversations"}),
    reader=marked.reader(_parse, FIELDS),
    options=frozenset({"problems"}),
    row=_row,
    tells_apart=read_back_alike(partial(_parse, problems={}), _row),
)
