import json

import pytest

from ablations.formats.held_out import HeldOut
from ablations.formats.questions import held_in, letters_and_digits, read_questions


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "1?"', ":2: field (line): found malformed JSON (Expecting ',' delimiter: "),
        ("[1]", ":2: field (line): found [1]; allowed: one JSON object"),
        ('{"question": "1?"}', ":2: field answer: found nothing; allowed: a string"),
        ('{"question": 1, "answer": "1"}', ":2: field question: found 1; allowed: a string"),
    ],
)
def test_malformed_rows(tmp_path, line, message):
    path = tmp_path / "text.jsonl"
    path.write_text('{"question": "1?", "answer": "1"}\n' + line + "\n")
    rows = read_questions(path)
    assert next(rows) == ("1?", "1")
    with pytest.raises(ValueError) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\[x=2\]What is $x$?", r"\[ x = 2 \] What is x ?"),
        (r"It costs \$5.", "It costs $5$."),
        ("$\\dfrac{1}{2}$ of \\text{all}", r"\frac12 of all"),
        (r"$\left( x,\, y \right)$", "(x, y)"),
        (r"\displaystyle\sum_{i=1}^{n} i", r"$\sum_{i = 1}^n i$"),
        ("CAF\u00c9 \u00bd x\u00b2", "cafe\u0301 1/2 x^2"),
        ("Stra\u00dfe\u00a05", "STRASSE 5"),
        ("\uff11\uff0b\uff11", "1+1"),  # full width
        ("What is 3+4?", "What is 3-4?"),  # the price of it
    ],
)
def test_problems_that_only_look_different(one, other):
    assert letters_and_digits(one) == letters_and_digits(other)
    assert held_in([one], [other]) == [other]
    assert one in HeldOut.of([], problems=[other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 3+4?", "What is 3+5?"),
        (r"\frac{1}{2}", r"\binom{1}{2}"),
        (r"x \leftarrow y", r"x \rightarrow y"),  # \left and \right are parts of these
        ("+", "-"),  # neither has a letter or a digit
        ("\u25b3 \u25a1", "\u25a1 \u25b3"),
        ("これは何", "それは何"),
        ("क्या", "कया"),
        ("", "?"),
    ],
)
def test_problems_that_differ(one, other):
    assert letters_and_digits(one) != letters_and_digits(other)


def test_a_text_that_holds_a_problem(tmp_path):
    """From 20 letters and digits on, however it is spelled; a shorter problem only word for word."""
    path = tmp_path / "a.jsonl"
    long = r"How many of the $\frac12$ dozen eggs?"
    path.write_text("".join(json.dumps({"problem": one, "answer": "2"}) + "\n" for one in (long, "1+1?")))
    held_out = HeldOut.of([path], share=0, seed=0)
    assert held_out.within(r"So: how many of the \dfrac{1}{2}dozen eggs? Six.")
    assert held_out.within("What is  1+1? Two.") and not held_out.within("There are 11 eggs.")
    assert long.upper() in held_out and "1 + 1 = ?" in held_out and "1+2?" not in held_out
