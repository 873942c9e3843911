"""The laws of contexts hold for a correct one, and each is broken by the context made to break it.

The contexts of the package are in ``test_laws_registry.py``.
"""

from __future__ import annotations

import pytest

from rxcore.testing.context_laws import CONTEXT_LAWS, ContextCase
from rxcore.testing.faulty_contexts import FAULTY_CONTEXTS, ExampleContext

# Each broken context and the laws that catch it: no more and no fewer.
CAUGHT_BY: dict[str, set[str]] = {
    "AccumulatesPerPartition": {"merges_in_the_documented_tree", "same_bits_as_serial"},
    "ForgetsFiles": {"merges_in_the_documented_tree", "same_bits_as_serial"},
    "LeavesBlasAlone": {"blas_runs_in_one_thread"},
    "LeavesThreadsBehind": {"work_stops_with_an_error"},
    "LosesTheOddBlock": {"merges_in_the_documented_tree", "same_bits_as_serial"},
    "MergesFromTheLeft": {"merges_in_the_documented_tree", "same_bits_as_serial"},
    "NothingForNoRows": {"no_blocks_give_the_empty_state"},
    "OnePassAtATime": {"passes_may_overlap"},
    "ReadsAhead": {"blocks_in_flight_are_bounded"},
    "RoundsStatesOnTheWay": {"same_bits_as_serial"},
    "StartsFromAnEmptyState": {"merges_in_the_documented_tree"},
    "SwallowsErrors": {"errors_come_out", "work_stops_with_an_error"},
    "TellsEachPartition": {"events_tell_the_pass"},
    "TellsErrorsInItsOwnWords": {"errors_come_out"},
}
# What races need not be caught by the same laws every time: laws that catch it always, and those that may.
RACES: dict[str, tuple[set[str], set[str]]] = {
    "MergesInOrderOfArrival": (
        {"order_of_arrival_does_not_matter", "work_stops_with_an_error"},
        {"merges_in_the_documented_tree", "passes_may_overlap", "same_bits_as_serial"},
    ),
}
# Laws that no broken context fails alone, and why they are kept.
REDUNDANT = {
    "order_of_arrival_does_not_matter": "whatever breaks it breaks the tree as well, but a race that a context happens "
    "to win with fast readers goes unseen there; with slow readers it loses",
}


def test_a_correct_context_keeps_every_law() -> None:
    report = CONTEXT_LAWS.check(ContextCase(name="example", make=ExampleContext))
    assert report.passed == CONTEXT_LAWS.names


@pytest.mark.parametrize("make", FAULTY_CONTEXTS, ids=lambda make: make.__name__)
def test_a_broken_context_breaks_the_expected_laws(make) -> None:
    report = CONTEXT_LAWS.examine(ContextCase(name=make.__name__, make=make))
    if make.__name__ in RACES:
        always, sometimes = RACES[make.__name__]
        assert always <= set(report.broken) <= always | sometimes, str(report)
    else:
        assert set(report.broken) == CAUGHT_BY[make.__name__], str(report)


def test_every_law_is_needed_or_says_why_it_is_kept() -> None:
    caught_by_one_law_only = {law for laws in CAUGHT_BY.values() if len(laws) == 1 for law in laws}
    assert caught_by_one_law_only.isdisjoint(REDUNDANT)
    assert caught_by_one_law_only | set(REDUNDANT) == set(CONTEXT_LAWS.names)
