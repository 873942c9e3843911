"""The laws of updaters hold for a correct updater, and each is broken by the variant made to break it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rxcore.blocks import Block
from rxcore.testing import faulty
from rxcore.testing.comparisons import Rounding
from rxcore.testing.examples import TableSource, example_table
from rxcore.testing.updater_case import UpdaterCase
from rxcore.testing.updater_laws import UPDATER_LAWS


def example_blocks() -> list[Block]:
    source = TableSource.cut(example_table(300), rows_per_block=60)
    return [block for part in source.partitions(["x", "k", "g"]) for block in part.blocks()]


def example_case(make) -> UpdaterCase:
    return UpdaterCase(
        name=make.__name__,
        make=make,
        blocks=example_blocks(),
        comparison=Rounding(),
        reference=faulty.exact_moments,
        forget_missing=lambda result: replace(result, n_missing=0),
    )


# Each variant and the laws that catch it: no more and no fewer.
CAUGHT_BY: dict[str, set[str]] = {
    "AllMissingStartsAnew": {"missing_rows_change_nothing"},
    "CentersInPlace": {"blocks_are_only_read"},
    "DropsSmallPartners": {"any_partition_agrees"},
    "EmptyLeftBecomesRight": {"folding_into_empty_leaves_inputs_alone"},
    "EmptyRightWipesLeft": {"empty_is_identity"},
    "FillsMissingInPlace": {"blocks_are_only_read"},
    "FinalizeChangesTheState": {"finalize_is_pure"},
    "ForgetsTheShiftOfMeans": {"any_partition_agrees"},
    "HidesItsColumns": {"reads_its_columns_only"},
    "IgnoresMissing": {
        "agrees_with_reference",
        "any_partition_agrees",
        "large_offset_keeps_digits",
        "missing_rows_change_nothing",
        "storage_does_not_matter",
    },
    "InitIsShared": {
        "any_partition_agrees",
        "empty_is_identity",
        "folding_into_empty_leaves_inputs_alone",
        "init_is_fresh",
        "merge_leaves_right_alone",
        "same_blocks_give_same_bits",
        "threads_do_not_interfere",
        "two_empties_are_empty",
    },
    "InitIsSharedUntilUpdated": {"init_is_fresh"},
    "KeepsEveryBlock": {"state_does_not_grow"},
    "LambdaInState": {"pickles"},
    "PivotFromThePast": {"same_blocks_give_same_bits"},
    "PromisesTooLittle": {"state_keeps_its_promised_size"},
    "ResultIsAView": {"result_is_detached"},
    "SharedScratch": {"threads_do_not_interfere"},
    "SumOfSquares": {"large_offset_keeps_digits"},
    "SumsInTheBlocksType": {"storage_does_not_matter"},
    "TreatsZeroAsMissing": {"agrees_with_reference"},
    "TwoEmptiesDivideByZero": {"two_empties_are_empty"},
    "UpdatesTheLargerSide": {"merge_leaves_right_alone"},
    "WritesToRight": {"folding_into_empty_leaves_inputs_alone", "merge_leaves_right_alone"},
    "WrongWhenRightIsLarger": {"merge_is_associative"},
    "ZeroRowsStartAnew": {"zero_rows_change_nothing"},
}


@pytest.mark.parametrize("make", [faulty.ExampleMoments, faulty.FunctionalMoments])
def test_a_correct_updater_keeps_every_law(make) -> None:
    report = UPDATER_LAWS.check(example_case(make))
    assert report.passed == UPDATER_LAWS.names


@pytest.mark.parametrize("make", faulty.FAULTY, ids=lambda make: make.__name__)
def test_a_broken_updater_breaks_the_expected_laws(make) -> None:
    report = UPDATER_LAWS.examine(example_case(make))
    assert set(report.broken) == CAUGHT_BY[make.__name__], str(report)


def test_every_law_is_needed() -> None:
    caught_by_one_law_only = {law for laws in CAUGHT_BY.values() if len(laws) == 1 for law in laws}
    assert caught_by_one_law_only == set(UPDATER_LAWS.names)
