import pytest

from ablations.formats.questions import read_questions


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
