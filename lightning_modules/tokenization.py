"""Loading and use of a checkpoint's tokenizer, in the same way for presets and for any checkpoint.

Only the tokenizer decides whether a model reads its problems through a chat template: a tokenizer that has a
template uses it. A tokenizer that should not use it is saved next to the model without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATE = "26 Jul 2024"
"""Fixed date for templates that give the model today's date, so that scores do not depend on the day: the
default of Llama's templates."""
_FIXED_DAY = f"{{%- macro strftime_now(format) -%}}{DATE}{{%- endmacro -%}}"


def load_tokenizer(folder: str | Path, *, chat_template: bool = True) -> Any:
    """Loads the tokenizer in a folder. EOS replaces a missing padding token; no token is added.

    Args:
        folder: folder of a checkpoint.
        chat_template: whether it keeps its chat template, if any, and so reads problems through it.
    """
    from transformers import AutoTokenizer  # slow to import, and not needed by other functions

    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    if tokenizer.pad_token is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if not chat_template:
        template = None
    elif template and "strftime_now" in template and not template.startswith(_FIXED_DAY):
        template = _FIXED_DAY + template
    tokenizer.chat_template = template
    return tokenizer


def has_chat_template(tokenizer: Any) -> bool:
    """Returns whether a tokenizer reads problems through a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def render_turns(tokenizer: Any, turns: list[dict[str, str]], way_out: str = "", **options: Any) -> str:
    """Renders the turns of a conversation with the chat template of a tokenizer.

    Args:
        tokenizer: tokenizer from transformers.
        turns: role and content of each turn.
        way_out: alternative to suggest in an error.
        options: arguments for `apply_chat_template`.

    Raises:
        ValueError: the template does not accept these turns; includes its message.
    """
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, **options)
    except (TemplateError, TypeError) as error:
        roles = ", ".join(turn["role"] for turn in turns[:4]) + (", ..." if len(turns) > 4 else "")
        raise ValueError(
            f"chat_template: found that of {tokenizer.name_or_path}, which rejects the turns {roles} with "
            f"{str(error)!r}; allowed: a chat template that accepts them{way_out}"
        ) from error
    return text


def check_vocabulary(tokenizer: Any, rows: int | None, field: str) -> None:
    """Checks that a model's embeddings have a row for every token that it may be given.

    Args:
        tokenizer: tokenizer from transformers. Its padding and unknown tokens need no row, because no text is
            tokenized to them; see `positions.check_ids`. Classes in transformers may add them.
        rows: number of rows of the embeddings; None: unknown.
        field: setting with the checkpoint's name, for the error.

    Raises:
        ValueError: the tokenizer has more tokens than the model has rows.
    """
    if rows is None:
        return
    vocabulary = tokenizer.get_vocab()
    beyond = sorted(token for token, number in vocabulary.items() if number >= rows)
    if set(beyond) - {tokenizer.pad_token, tokenizer.unk_token}:
        first = ", ".join(map(repr, beyond[:3])) + (", ..." if len(beyond) > 3 else "")
        raise ValueError(
            f"{field}: found a tokenizer of {max(vocabulary.values()) + 1:,} tokens and a model of {rows:,} "
            f"rows of embeddings in {tokenizer.name_or_path}, with no row for {first}; allowed: a row for "
            "every token (model.resize_token_embeddings adds them)"
        )


def opening(tokenizer: Any, prompt: str, way_out: str = "") -> tuple[str, list[int]]:
    """Returns the text before a solution's first step, and the tokens before that text.

    With a chat template, the problem without its closing newline is the user's turn, and the solution is the
    start of the assistant's turn; all special tokens come from the template. Without one, the text is the
    problem, after the BOS token if there is one.

    Raises:
        ValueError: the chat template does not accept a user's turn; see `render_turns` for ``way_out``.
    """
    if has_chat_template(tokenizer):
        turn = [{"role": "user", "content": prompt.removesuffix("\n")}]
        return render_turns(tokenizer, turn, way_out, add_generation_prompt=True), []
    return prompt, [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]


def check_opening(tokenizer: Any, way_out: str = "") -> None:
    """Checks that a chat template, if there is one, accepts a user's turn; see `opening`."""
    opening(tokenizer, "1 + 1 = ?\n", way_out)
