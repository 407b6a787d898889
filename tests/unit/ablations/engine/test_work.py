from ablations.engine.costs.work import Lengths, Texts, Work, sampling, scoring, training

LENGTHS = Lengths(tokens=20, prompt=5, sharing=0.5, until_error=0.75, trained_row=30, scored_row=40)
TEXTS = Texts(lengths=LENGTHS, problems=3, samples=16)


def test_texts():
    assert (TEXTS.solutions, TEXTS.tokens) == (48, 960)


def test_what_solutions_to_one_problem_share_is_read_once():
    # 16 to the power of 0.5 is 4: 3 problems x 4 x 20 tokens
    assert scoring("large", TEXTS) == Work(role="large", kind="scoring", tokens=240, context=40, texts=48)
    twice = scoring("student", TEXTS, times=2)
    assert (twice.tokens, twice.texts) == (480, 96)


def test_steps_are_learned_up_to_the_first_error():
    whole = Work(role="student", kind="training", tokens=200, context=30)
    assert training("student", LENGTHS, 10, steps=False) == whole
    assert training("student", LENGTHS, 10, steps=True).tokens == 150


def test_prompts_are_read_once_and_solutions_sampled_token_by_token():
    read, sampled = sampling("generator", TEXTS, shots=7)
    # behind 7 tokens of shots, 3 prompts of 5; then 20 - 5 tokens and the one that ends it, 48 times
    assert read == Work(role="generator", kind="scoring", tokens=36, context=12)
    assert sampled == Work(role="generator", kind="sampling", tokens=768, context=12 + 8)
