import pytest

from ablations.formats.questions import read_questions


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "1?"', ':2: found \'{"question": "1?"\'; allowed: a JSON object'),
        ("[1]", ":2: field question: found none; allowed: a string"),
        ('{"question": "1?"}', ":2: field answer: found none; allowed: a string"),
        ('{"question": 1, "answer": "1"}', ":2: field question: found none; allowed: a string"),
    ],
)
def test_malformed_rows(tmp_path, line, message):
    path = tmp_path / "text.jsonl"
    path.write_text('{"question": "1?", "answer": "1"}\n' + line + "\n")
    rows = read_questions(path)
    assert next(rows) == ("1?", "1")
    with pytest.raises(ValueError) as caught:
        next(rows)
    assert str(caught.value) == f"{path}{message}"
