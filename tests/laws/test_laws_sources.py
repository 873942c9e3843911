"""The laws of sources hold for correct ones, and each is broken by the source made to break it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rxcore.testing import faulty_sources
from rxcore.testing.examples import TableSource, example_table
from rxcore.testing.faulty_sources import FAULTY_SOURCES, ExampleSource
from rxcore.testing.source_laws import SOURCE_LAWS, SourceCase

EXAMPLE = SourceCase(name="example", make=ExampleSource, expected=example_table(300), layout=((60, 60, 30), (100, 50)))

# Each broken source and the laws that catch it: no more and no fewer.
CAUGHT_BY: dict[str, set[str]] = {
    "CannotBeSent": {"partitions_work_in_another_process"},
    "CountsBlocksAcrossFiles": {"partitions_are_numbered"},
    "CutsByWidth": {"blocks_do_not_depend_on_the_columns"},
    "CutsOtherBlocks": {"blocks_are_cut_as_promised"},
    "DiffersEachTime": {"reading_again_gives_the_same"},
    "DropsTheLastBlock": {"all_rows_once_in_order", "blocks_are_cut_as_promised", "missing_values_agree"},
    "ForgetsTheBitmap": {"missing_values_agree"},
    "GivesColumnsByPosition": {"projection_gives_the_columns_asked_for"},
    "HasNoLabel": {"follows_the_protocol"},
    "IgnoresUnknownColumns": {"unknown_columns_are_refused"},
    "LeaksWritableArrays": {"arrays_are_read_only"},
    "MiscountsItsRows": {"counts_are_honest"},
    "PartitionMiscountsItsBlocks": {"counts_are_honest"},
    "RaisesAPlainKeyError": {"unknown_columns_are_refused"},
    "ReadsDoublesAsSingles": {"all_rows_once_in_order"},
    "RunsDryInSilence": {"reading_again_gives_the_same"},
    "SharesOneCursor": {"partitions_are_independent"},
    "SizesItsBlocksTooSmall": {"block_nbytes_is_an_upper_bound"},
    "StartRowsAcrossFiles": {"start_rows_count_the_rows_of_the_file"},
    "StatesTheWrongType": {"schema_is_as_expected"},
    "StringsWhereFactorsArePromised": {"columns_fit_the_schema"},
}


def test_a_correct_source_keeps_every_law() -> None:
    report = SOURCE_LAWS.check(EXAMPLE)
    assert report.passed == SOURCE_LAWS.names


@pytest.mark.parametrize(
    "settings",
    [
        {"blocks_per_partition": 2},
        {"blocks_per_partition": 40},
        {"stream": True},
        {"stream": True, "once": True},
    ],
    ids=str,
)
def test_every_layout_of_the_example_source_keeps_every_law(settings: dict) -> None:
    table = example_table(300)
    make = lambda: TableSource(table, faulty_sources.LAYOUT, **settings)  # noqa: E731
    report = SOURCE_LAWS.check(replace(EXAMPLE, make=make))
    untested = {"partitions_are_independent"} if settings.get("stream") else set()
    assert set(report.not_applicable) == untested


def test_a_source_without_rows_keeps_every_law() -> None:
    table = example_table(300).slice(0, 0)
    make = lambda: TableSource(table, ((), ()))  # noqa: E731
    SOURCE_LAWS.check(SourceCase(name="no rows", make=make, expected=table))


def test_negative_zeros_and_infinities_are_compared() -> None:
    table = pa.table({"x": [-0.0, 0.0, np.inf, -np.inf, None]})
    turned = pa.table({"x": [0.0, 0.0, np.inf, -np.inf, None]})
    SOURCE_LAWS.check(SourceCase(name="zeros", make=lambda: TableSource(table, ((3, 2),)), expected=table))
    case = SourceCase(name="zeros", make=lambda: TableSource(turned, ((3, 2),)), expected=table)
    with pytest.raises(AssertionError, match=r"number 0 is 0\.0, expected -0\.0"):
        SOURCE_LAWS["all_rows_once_in_order"](case)


@pytest.mark.parametrize("make", FAULTY_SOURCES, ids=lambda make: make.__name__)
def test_a_broken_source_breaks_the_expected_laws(make) -> None:
    # A new Python for each of them would take longer than all the rest of this file.
    slow = "partitions_work_in_another_process"
    waived = {} if slow in CAUGHT_BY[make.__name__] else {slow: "none of these is about sending partitions"}
    report = SOURCE_LAWS.examine(replace(EXAMPLE, name=make.__name__, make=make, waived=waived))
    assert set(report.broken) == CAUGHT_BY[make.__name__], str(report)


def test_every_law_is_needed() -> None:
    caught_by_one_law_only = {law for laws in CAUGHT_BY.values() if len(laws) == 1 for law in laws}
    assert caught_by_one_law_only == set(SOURCE_LAWS.names)
