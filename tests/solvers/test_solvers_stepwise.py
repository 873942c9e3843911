"""The search itself, over models whose worth is made up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rxcore.solvers.stepwise import Lattice, Step, Terms, Worth, Yardstick, search
from rxcore.step_control import RxStepControl


def parts(*terms: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(term.split(":")) for term in terms)


class Listed:
    """Models whose deviance is a constant less what each term saves; every term costs one degree of freedom."""

    def __init__(self, saved: Sequence[float], free: frozenset[int] = frozenset()) -> None:
        self.saved = saved
        self.free = free
        self.moves: list[Terms] = []

    def worth(self, terms: Terms) -> Worth:
        deviance = 100.0 - sum(self.saved[t] for t in terms)
        return Worth(deviance, 1 + len(terms - self.free), deviance + 2.0 * (1 + len(terms - self.free)), 1.0)

    def move(self, terms: Terms) -> Worth:
        self.moves.append(terms)
        return self.worth(terms)

    def look(self, candidates: Sequence[Terms]) -> list[Worth]:
        return [self.worth(terms) for terms in candidates]


LIKELIHOOD = Yardstick(50.0, 0.0, 2.0, False, True, "Chisq")


def walk(lattice: Lattice, models: Listed, **control: object) -> list[str]:
    steps = search(lattice, RxStepControl(**control), models, LIKELIHOOD)
    return [f"{step.sign}{step.term}" for step in steps[1:]]


def test_the_best_change_is_taken_until_none_gains() -> None:
    lattice = Lattice(parts("a", "b", "c", "d"), frozenset({3}), frozenset())
    assert walk(lattice, Listed([3.0, 9.0, 1.0, 0.5]), method="stepwise") == ["+1", "-3", "+0"]
    assert walk(lattice, Listed([3.0, 9.0, 1.0, 0.5]), method="forward") == ["+1", "+0"]
    assert walk(lattice, Listed([3.0, 9.0, 1.0, 0.5]), method="backward") == ["-3"]
    assert walk(lattice, Listed([3.0, 9.0, 1.0, 0.5]), method="stepwise", max_steps=1) == ["+1"]
    assert walk(lattice, Listed([3.0, 9.0, 1.0, 0.5]), method="stepwise", max_steps=0) == []


def test_what_is_in_the_lower_model_stays() -> None:
    lattice = Lattice(parts("a", "b"), frozenset({0, 1}), frozenset({0}))
    assert walk(lattice, Listed([0.0, 0.0]), method="backward") == ["-1"]


def test_interactions_come_after_and_go_before_what_they_contain() -> None:
    lattice = Lattice(parts("a", "b", "a:b", "a:b:c", "c"), frozenset({0}), frozenset())
    assert lattice.addable(frozenset({0})) == [1, 4]
    assert lattice.addable(frozenset({0, 1})) == [2, 4]
    assert lattice.droppable(frozenset({0, 1, 2, 4})) == [2, 4]
    assert lattice.droppable(frozenset({0, 1, 2, 3, 4})) == [3]


def test_a_term_without_a_degree_of_freedom_leaves_first() -> None:
    lattice = Lattice(parts("a", "b", "c"), frozenset({0, 1}), frozenset())
    assert walk(lattice, Listed([50.0, 0.0, 9.0], frozenset({1})), method="stepwise") == ["-1", "+2"]
    for criterion in ("AIC", "SigLevel"):
        path = walk(lattice, Listed([50.0, 0.0, 9.0], frozenset({1})), method="backward", step_criterion=criterion)
        assert path == ["-1"]


def test_significance_drops_what_is_worst_before_it_adds_what_is_best() -> None:
    lattice = Lattice(parts("a", "b", "c"), frozenset({0}), frozenset())
    models = Listed([0.1, 30.0, 5.0])
    assert walk(lattice, models, method="stepwise", step_criterion="SigLevel") == ["-0", "+1", "+2"]
    assert walk(lattice, models, method="forward", step_criterion="SigLevel", max_sig_level_to_add=0.01) == ["+1"]


def test_a_search_never_comes_back_to_a_model_it_left() -> None:
    lattice = Lattice(parts("a"), frozenset(), frozenset())
    # Enters at 0.9 and would leave at 0.1, for ever.
    path = walk(
        lattice, Listed([0.5]), method="stepwise", step_criterion="SigLevel", max_sig_level_to_add=0.9,
        min_sig_level_to_drop=0.1,
    )  # fmt: skip
    assert path == ["+0"]


def test_where_the_dispersion_is_estimated_a_change_is_judged_by_that_of_the_current_model() -> None:
    yardstick = Yardstick(50.0, 0.0, 2.0, False, False, "F")
    current, candidate = Worth(100.0, 2, 80.0, 4.0), Worth(90.0, 3, 79.0, 3.9)
    assert yardstick.candidate_aic(candidate, current) == pytest.approx(80.0 - 10.0 / 4.0 + 2.0)
    value, p_value = yardstick.compare(current, candidate)
    assert value == pytest.approx(10.0 / (90.0 / 47.0))
    assert 0.0 < p_value < 0.05


def test_a_change_whose_own_criterion_is_higher_ends_the_search_and_is_kept() -> None:
    class Misjudged(Listed):
        def worth(self, terms: Terms) -> Worth:
            return Worth(100.0 - 5.0 * len(terms), 1 + len(terms), 50.0 + len(terms), 1.0)

    yardstick = Yardstick(50.0, 0.0, 2.0, False, False, "F")
    lattice = Lattice(parts("a", "b"), frozenset(), frozenset())
    steps = search(lattice, RxStepControl("forward"), Misjudged([0.0, 0.0]), yardstick)
    assert [step.aic for step in steps] == [50.0, 51.0]


def test_steps_hold_what_was_in_question() -> None:
    lattice = Lattice(parts("a", "b"), frozenset(), frozenset())
    steps: list[Step] = search(lattice, RxStepControl("stepwise"), Listed([9.0, 1.0]), LIKELIHOOD)
    assert [[change.term for change in step.candidates] for step in steps] == [[0, -1, 1], [-1, 1, 0]]
