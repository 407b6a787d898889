"""The arms and acquisitions of the records, in the words that figures and tables use."""

STUDENT_ARMS: dict[str, str] = {
    "process": "process supervision",
    "prm_outcome": "PRM-derived outcome",
    "final_answer": "final-answer outcome",
    "process_neutral": "process supervision, neutral kept",
    "oracle_outcome": "oracle outcome",
}
"""Arms with a reward model of their own, one a data scale and seed, and the words figures and tables use."""

REFERENCE_ARMS: dict[str, str] = {
    "labeler": "labeler (large PRM)",
    "large_prm": "large PRM, collected data",
    "large_orm": "large ORM",
    "majority": "majority voting",
    "oracle": "pass@N",
    "random": "pass@1",
}
"""Arms that have no data scale and no seed."""

ARMS: dict[str, str] = STUDENT_ARMS | REFERENCE_ARMS

PLAIN_ACQUISITION = "uniform"
"""The acquisition that goes without saying."""


def is_plain(acquisition: object) -> bool:
    """Whether an acquisition goes without saying: uniform, or null as for references."""
    return not isinstance(acquisition, str) or acquisition == PLAIN_ACQUISITION


def acquisition_words(acquisition: object) -> str:
    """An acquisition in words."""
    return str(acquisition).replace("_", " ")


def arm_words(arm: str, acquisition: object = None) -> str:
    """The paper's words for an arm, with the acquisition where it is not the plain one."""
    return ARMS[arm] if is_plain(acquisition) else f"{ARMS[arm]}, {acquisition_words(acquisition)}"


def short_words(arm: str) -> str:
    """The words for an arm, without what it was trained on."""
    return ARMS[arm].removesuffix(", collected data")
