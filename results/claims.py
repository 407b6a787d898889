"""Claims of every experiment, fixed before any run on the test problems.

A claim states that all of its differences lie between two bounds. ``results.findings`` tests claims against
records. Everything else that a report shows is descriptive.
"""

from dataclasses import dataclass
from functools import partial
from math import inf

from results.analyses.acquisition_comparisons import HYPOTHESIS, LABELS, PAPER_EFFICIENCY
from results.analyses.acquisition_comparisons import PAPER as PAPER_PAIR
from results.analyses.large_scale import PAPER as LARGE
from results.analyses.over_optimization import CHOSEN, HINDSIGHT, VOTE
from results.analyses.over_optimization import LARGEST as LARGEST_OF_ALL
from results.analyses.scoring import PAPER as STRATEGIES
from results.claim_differences import (
    Differences,
    between_arms,
    between_doublings,
    between_ensembles,
    between_errors,
    between_flawed_shares,
    between_strategies,
    between_thresholds,
    between_training_sets,
    between_uses_of_n,
    between_ways,
    by_quintile,
    data_efficiency,
    gain_of_the_hardest,
    mean_gain,
    on_kind,
    with_labels_of,
)
from results.stats.intervals import MARGIN
from results.vocabulary import ONE_MODEL, ORACLE

ABOVE_ZERO = (0.0, inf)
"""The first is better."""
FALL = (0.01, inf)
"""The first is better by more than a point."""
NO_FALL = (-0.01, inf)
"""The first is not worse by a point or more."""
NO_GAIN = (-inf, MARGIN)
"""The first is not better by ``MARGIN`` or more."""
EQUAL = (-MARGIN, MARGIN)
"""Neither is better by ``MARGIN`` or more."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim that all of its differences lie between two bounds."""

    text: str
    """The claim, in words that do not name N."""
    paper: str = "not stated"
    """What the paper found, in a few words and numbers."""
    differences: Differences
    """Function that finds the differences in records."""
    within: tuple[float, float] = ABOVE_ZERO
    """The bounds, in the unit of the differences."""
    short: str | None = None
    """The claim in a few words, for the front page; None if it is not shown there."""


PAPER_THRESHOLD = 0.2
"""The paper's P(negative) above which its large PRM calls a step incorrect."""

_LARGEST_N = 128
_AT_ALL_SCALES = "above it from 1 to 200 labeled per problem, best-of-500"
_MARGIN = f"{100 * MARGIN:g} points"
_PRODUCT = "product, neutral positive"
_OF_1860 = "in best-of-1860"
_EFFICIENCY = f"{PAPER_EFFICIENCY:g} times, against uniform, by the slopes of two lines"
_RETRAINING = "unstable, and no better"
_GAO = "not stated; Gao et al. (2022): the true score peaks and then falls"
_COSTE = "not stated; Coste et al. (2023): ensembles are better, whether by mean or pessimistic"
_EISENSTEIN = "not stated; Eisenstein et al. (2023): ensembles mitigate, but do not eliminate it"


def _generalizes(kind: str, problems: str, short: str | None = None) -> tuple[Claim, ...]:
    """Make claims on problems of one kind; the paper reports best-of-100 on 224 fresh STEM questions."""
    return (
        Claim(
            text=f"process beats final-answer outcome on {problems}",
            paper="72.9 against 63.8 on fresh STEM questions",
            differences=partial(on_kind, kind, "process", "final_answer"),
            short=short,
        ),
        Claim(
            text=f"process beats majority voting on {problems}",
            paper="72.9 against 61.3 on fresh STEM questions",
            differences=partial(on_kind, kind, "process", "majority"),
        ),
        Claim(
            text=f"the labeler beats majority voting on {problems}",
            paper="72.9 against 61.3 on fresh STEM questions",
            differences=partial(on_kind, kind, "labeler", "majority"),
        ),
    )


def _scores_equally(strategy: str, words: str) -> Claim:
    """Make the claim that a strategy is as good as the product with neutral as positive, for the labeler."""
    return Claim(
        text=f"{words} solves as many problems as the product with neutral as positive, to within {_MARGIN}",
        paper=f"{100 * STRATEGIES[strategy]:.1f} against {100 * STRATEGIES[_PRODUCT]:.1f} {_OF_1860}",
        differences=partial(between_strategies, "labeler", strategy, _PRODUCT),
        within=EQUAL,
    )


def _falls(words: str, arm: str, where: str, scales: slice, paper: str, variant: str = ONE_MODEL) -> Claim:
    """Make the claim that best-of-N falls from N chosen on validation problems to the largest N."""
    return Claim(
        text=f"the best-of-N of {words} falls by more than one point from N chosen on validation problems to "
        f"the largest N, {where}",
        paper=paper,
        differences=partial(between_uses_of_n, (arm,), variant, CHOSEN, LARGEST_OF_ALL, scales=scales),
        within=FALL,
    )


_STUDENTS = {
    "process": "process",
    "prm_outcome": "PRM-derived outcome",
    "final_answer": "final-answer outcome",
}
"""Arm -> its words in claims."""

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "supervision": (
        Claim(
            text="process beats final-answer outcome at every data scale",
            paper=_AT_ALL_SCALES,
            differences=partial(between_arms, "process", "final_answer"),
            short="process supervision beats final-answer outcomes, at every data scale",
        ),
        Claim(
            text="process beats PRM-derived outcome at every data scale",
            paper=_AT_ALL_SCALES,
            differences=partial(between_arms, "process", "prm_outcome"),
            short="process supervision beats PRM-derived outcomes, at every data scale",
        ),
        Claim(
            text="PRM-derived outcome beats final-answer outcome at the two largest data scales",
            paper="clearly above it",
            differences=partial(between_arms, "prm_outcome", "final_answer", scales=2),
            short="PRM-derived outcomes beat final answers, at the two largest data scales",
        ),
        Claim(
            text="PRM-derived outcome beats pass@1 at the largest data scale",
            differences=partial(between_arms, "prm_outcome", "random", scales=1),
        ),
        Claim(
            text="final-answer outcome beats pass@1 at the largest data scale",
            differences=partial(between_arms, "final_answer", "random", scales=1),
        ),
        Claim(
            text="PRM-derived outcome beats majority voting at the largest data scale",
            differences=partial(between_arms, "prm_outcome", "majority", scales=1, n=16),
        ),
        Claim(
            text="PRM-derived outcome beats majority voting at the largest data scale",
            differences=partial(between_arms, "prm_outcome", "majority", scales=1),
        ),
        Claim(
            text="the labeler beats majority voting",
            paper=f"{LARGE['large_prm']} against {LARGE['majority']} {_OF_1860}",
            differences=partial(between_arms, "labeler", "majority"),
        ),
        Claim(
            text="the best-of-N of the labeler does not fall by more than one point "
            f"between any N and 2N up to {_LARGEST_N}",
            differences=partial(between_doublings, "labeler", _LARGEST_N),
            within=NO_FALL,
        ),
        Claim(
            text="the best-of-N of process at the largest data scale does not fall by more than one point "
            f"between any N and 2N up to {_LARGEST_N}",
            differences=partial(between_doublings, "process", _LARGEST_N),
            within=NO_FALL,
        ),
    ),
    "active_learning": (
        Claim(
            text="convincing wrong answers beat distinct uniform solutions, on average over equal budgets",
            differences=partial(mean_gain, *HYPOTHESIS),
        ),
        Claim(
            text="convincing wrong answers beat uniform solutions, on average over equal budgets",
            paper=f"above them, by {PAPER_EFFICIENCY:g} times fewer labels",
            differences=partial(mean_gain, *PAPER_PAIR),
        ),
        *(
            Claim(
                text=f"convincing wrong answers need fewer {words} than distinct uniform solutions",
                paper=_EFFICIENCY if counted == "labelled_solutions" else "not stated",
                differences=partial(data_efficiency, *HYPOTHESIS, counted),
                short="active learning needs fewer labels" if counted == "labelled_solutions" else None,
            )
            for counted, words in zip(LABELS, ("labeled solutions", "labeled steps"), strict=True)
        ),
    ),
    "scoring": (
        _scores_equally("minimum, neutral positive", "the labeler's minimum with neutral as positive"),
        _scores_equally("product, neutral negative", "the labeler's product with neutral as negative"),
        _scores_equally("minimum, neutral negative", "the labeler's minimum with neutral as negative"),
    ),
    "supervision_forms": (
        Claim(
            text=f"soft labels do as well as hard ones at every data scale, to within {_MARGIN}",
            differences=partial(between_arms, "process_soft", "process"),
            within=EQUAL,
        ),
        Claim(
            text=f"labels after the first error gain less than {_MARGIN} at every data scale",
            differences=partial(between_arms, "process_full", "process"),
            within=NO_GAIN,
        ),
        Claim(
            text="a ranking loss over steps beats cross-entropy at the largest data scale",
            differences=partial(between_arms, "process_ranking", "process", scales=1),
        ),
        Claim(
            text="the labeler's step labels beat hard Monte Carlo labels at every data scale",
            differences=partial(between_arms, "process", "monte_carlo_hard"),
        ),
        Claim(
            text="the labeler's step labels beat soft Monte Carlo labels at every data scale",
            differences=partial(between_arms, "process", "monte_carlo_soft"),
        ),
        Claim(
            text="hard Monte Carlo labels beat final-answer outcome at every data scale",
            differences=partial(between_arms, "monte_carlo_hard", "final_answer"),
        ),
        Claim(
            text="consensus of labeler and Monte Carlo is not worse than hard Monte Carlo by a point or "
            "more at any data scale",
            differences=partial(between_arms, "consensus", "monte_carlo_hard"),
            within=NO_FALL,
        ),
        Claim(
            text=f"consensus of labeler and Monte Carlo gains less than {_MARGIN} over the labeler's step "
            "labels at every data scale",
            differences=partial(between_arms, "consensus", "process"),
            within=NO_GAIN,
        ),
        Claim(
            text="implicit rewards solve as many problems as final-answer outcome at every data scale, to "
            f"within {_MARGIN}",
            differences=partial(between_arms, "implicit", "final_answer"),
            within=EQUAL,
        ),
    ),
    "large_scale": (
        Claim(
            text="the large PRM beats the large ORM",
            paper=f"{LARGE['large_prm']} against {LARGE['large_orm']} {_OF_1860}",
            differences=partial(between_arms, "large_prm", "large_orm"),
            short="a large PRM beats a large ORM",
        ),
        Claim(
            text="the large ORM beats majority voting",
            paper=f"{LARGE['large_orm']} against {LARGE['majority']} {_OF_1860}",
            differences=partial(between_arms, "large_orm", "majority"),
        ),
        Claim(
            text="the large PRM beats majority voting",
            paper=f"{LARGE['large_prm']} against {LARGE['majority']} {_OF_1860}",
            differences=partial(between_arms, "large_prm", "majority"),
        ),
    ),
    "orm_superset": (
        Claim(
            text=f"adding the solutions of the large PRM helps the large ORM by less than {_MARGIN}",
            paper="no better than uniform ones",
            differences=partial(between_training_sets, "both", "uniform"),
            within=NO_GAIN,
        ),
    ),
    "difficulty": (
        Claim(
            text="the large PRM beats the large ORM in every quintile of difficulty",
            paper="in all five",
            differences=partial(by_quintile, "large_prm", "large_orm"),
        ),
        Claim(
            text="the large PRM beats majority voting in every quintile of difficulty",
            differences=partial(by_quintile, "large_prm", "majority"),
        ),
        Claim(
            text="more samples help the large PRM more in the hardest quintile than in any other",
            paper="they help the hardest most",
            differences=partial(gain_of_the_hardest, "large_prm"),
        ),
    ),
    "generalization": (
        *_generalizes(
            "long",
            "problems longer than those of training",
            "process supervision beats final-answer outcomes on problems longer than any in training",
        ),
        *_generalizes("rare", "problems about rare facts"),
    ),
    "over_optimization": (
        _falls("final-answer outcome", "final_answer", "at every data scale", slice(None), _GAO),
        _falls("PRM-derived outcome", "prm_outcome", "at the smallest data scale", slice(1), _GAO),
        _falls(
            "the mean of the models of final-answer outcome",
            "final_answer",
            "at the smallest data scale",
            slice(1),
            _EISENSTEIN,
            variant="mean_score",
        ),
        Claim(
            text="the best-of-N of process does not fall by more than one point from N chosen on validation "
            "problems to the largest N, at the largest data scale",
            differences=partial(
                between_uses_of_n,
                ("process",),
                ONE_MODEL,
                LARGEST_OF_ALL,
                CHOSEN,
                scales=slice(-1, None),
            ),
            within=NO_FALL,
        ),
        *(
            Claim(
                text=f"the mean of the models of {words} beats one model at every data scale",
                paper=_COSTE,
                differences=partial(between_ensembles, arm, "mean_score", ONE_MODEL),
            )
            for arm, words in _STUDENTS.items()
        ),
        *(
            Claim(
                text=f"the lowest score of the models of {words} is not worse than their mean by more than "
                "one point, at every data scale",
                paper=_COSTE,
                differences=partial(between_ensembles, arm, "lowest_score", "mean_score"),
                within=NO_FALL,
            )
            for arm, words in _STUDENTS.items()
            if arm != "process"
        ),
        Claim(
            text="with N chosen on validation problems, one model is within one point of the best N in "
            "hindsight, in every arm at every data scale",
            differences=partial(between_uses_of_n, tuple(_STUDENTS), ONE_MODEL, CHOSEN, HINDSIGHT),
            within=NO_FALL,
        ),
        Claim(
            text="a vote weighted by the probabilities of one model of final-answer outcome beats its "
            "best-of-N at every data scale",
            paper="no noticeable gain from weighted votes, for a large PRM",
            differences=partial(between_uses_of_n, ("final_answer",), ONE_MODEL, VOTE, LARGEST_OF_ALL),
        ),
    ),
    "labeler_quality": (
        Claim(
            text="process beats final-answer outcome with the oracle's labels",
            paper=_AT_ALL_SCALES,
            differences=partial(with_labels_of, ORACLE, "process", "final_answer"),
        ),
        Claim(
            text="process beats PRM-derived outcome with the oracle's labels",
            paper=_AT_ALL_SCALES,
            differences=partial(with_labels_of, ORACLE, "process", "prm_outcome"),
        ),
        Claim(
            text="process beats final-answer outcome with 10% random errors",
            differences=partial(with_labels_of, "random", "process", "final_answer", doses=(0.1,)),
            short="process supervision beats final-answer outcomes with 10% wrong step labels",
        ),
        Claim(
            text=f"process gains less than {_MARGIN} over final-answer outcome with 40% random errors",
            differences=partial(with_labels_of, "random", "process", "final_answer", doses=(0.4,)),
            within=NO_GAIN,
        ),
        Claim(
            text="process beats PRM-derived outcome at every dose of random errors",
            differences=partial(with_labels_of, "random", "process", "prm_outcome"),
        ),
        Claim(
            text="errors that favor positives hurt process less than random errors, at every dose",
            paper="its labeler favors positives; a low threshold corrects it",
            differences=partial(between_errors, "process", "favors_positive", "random"),
        ),
        Claim(
            text="errors on hard steps hurt process more than random errors, at every dose",
            differences=partial(between_errors, "process", "random", "hard_steps"),
        ),
        Claim(
            text="the large PRM's threshold changes what process solves by less than "
            f"{_MARGIN}, against {PAPER_THRESHOLD:g}",
            paper=f"{PAPER_THRESHOLD:g} chosen",
            differences=partial(between_thresholds, "process", PAPER_THRESHOLD),
            within=EQUAL,
        ),
        Claim(
            text="final-answer outcome has more wins with wrong steps than process with the oracle's labels",
            paper="right answers by wrong reasoning mislead final-answer outcome",
            differences=partial(between_flawed_shares, "final_answer", "process"),
        ),
    ),
    "iterative_retraining": (
        Claim(
            text=f"a selector that is trained on every round gains less than {_MARGIN} over "
            "one that chooses all at once",
            paper=_RETRAINING,
            differences=partial(between_ways, "train_on", "one_shot"),
            within=NO_GAIN,
        ),
        Claim(
            text=f"a selector retrained from the base every round gains less than {_MARGIN} over "
            "one that chooses all at once",
            paper=_RETRAINING,
            differences=partial(between_ways, "from_base", "one_shot"),
            within=NO_GAIN,
        ),
    ),
}
"""Experiment -> its family of claims, in table order; other experiments have none."""
