"""The tools of the law kit: books of laws, comparisons to the bit and within bounds, and blocks cut anew."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.blocks import Block
from rxcore.errors import ColumnNotFoundError, SourceError
from rxcore.testing import UPDATER_LAWS, LawBook, LawBroken, LawDoesNotApply, TableSource, UpdaterCase, example_table
from rxcore.testing.comparisons import (
    Exact,
    NamedBound,
    Rounding,
    Sample,
    fingerprint,
    first_difference,
    nbytes_of,
)
from rxcore.testing.example_moments import ExampleMoments, MomentsState, exact_moments
from rxcore.testing.faulty import EmptyRightWipesLeft
from rxcore.testing.reshape import (
    all_missing,
    concatenate,
    condition_of,
    copied,
    emptied,
    logical_values,
    narrowed,
    recoded,
    recut,
    shifted,
    valid_rows,
    widened,
)
from xdf.columns import Column
from xdf.schema import Field, factor_field

SAMPLE = Sample(100, 2.0)
FIELDS = {
    "row": Field("row", pa.int64()),
    "x": Field("x", pa.float64()),
    "k": Field("k", pa.int16()),
    "g": factor_field("g", ["north", "south", "east", "west"]),
    "w": Field("w", pa.float64()),
    "flag": Field("flag", pa.bool_()),
    "day": Field("day", pa.date32()),
    "text": Field("text", pa.string()),
}


def example_blocks(n_rows: int = 100, rows_per_block: int = 30) -> list[Block]:
    source = TableSource.cut(example_table(n_rows), rows_per_block)
    return [block for part in source.partitions(list(FIELDS)) for block in part.blocks()]


def as_lists(blocks: list[Block]) -> dict[str, list[object]]:
    lists: dict[str, list[object]] = {}
    for name, item in FIELDS.items():
        values = [value for block in blocks for value in block.columns[name].to_arrow(item).to_pylist()]
        lists[name] = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
    return lists


# Books of laws


@dataclass(frozen=True)
class Thing:
    value: int
    name: str = "thing"
    waived: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def book() -> LawBook[Thing]:
    laws: LawBook[Thing] = LawBook("thing")

    @laws.law
    def is_positive(case: Thing) -> None:
        """Its value is above zero."""
        if case.value <= 0:
            raise LawBroken(f"it is {case.value}")

    @laws.law
    def divides_ten(case: Thing) -> None:
        if case.value > 10:
            raise LawDoesNotApply("larger than ten")
        assert 10 % case.value == 0

    return laws


def test_a_report_tells_what_passed_what_broke_and_what_was_not_tested(book) -> None:
    assert book.examine(Thing(5)).passed == ("is_positive", "divides_ten")
    report = book.examine(Thing(0))
    assert report.broken["is_positive"] == "thing breaks the thing law 'is_positive': it is 0"
    assert report.broken["divides_ten"].startswith(
        "thing breaks the thing law 'divides_ten': it raised ZeroDivisionError: integer "
    )
    assert book.examine(Thing(11)).not_applicable == {"divides_ten": "larger than ten"}
    assert str(book.examine(Thing(11))) == "thing: 1 laws hold, 0 broken\n  not tested divides_ten: larger than ten"


def test_check_raises_an_assertion_error_that_names_every_broken_law(book) -> None:
    with pytest.raises(AssertionError, match=r"(?s)0 laws hold, 2 broken.*BROKEN is_positive.*BROKEN divides_ten"):
        book.check(Thing(-3))


def test_one_law_can_be_run_by_name_and_keeps_its_docstring(book) -> None:
    book["is_positive"](Thing(1))
    with pytest.raises(AssertionError, match="thing breaks the thing law 'is_positive': it is -1"):
        book["is_positive"](Thing(-1))
    assert book["is_positive"].__doc__ == "Its value is above zero."
    assert len(book) == 2


def test_an_unknown_law_names_the_closest(book) -> None:
    with pytest.raises(
        KeyError, match=r"there is no thing law 'is_positiv'\. Closest: 'is_positive'\. Laws: is_positive"
    ):
        book["is_positiv"]


def test_a_waived_law_is_reported_with_its_reason_and_a_misspelt_waiver_is_refused(book) -> None:
    report = book.check(Thing(-10, waived={"is_positive": "debts are things"}))
    assert report.not_applicable == {"is_positive": "waived: debts are things"}
    with pytest.raises(LawDoesNotApply, match="debts"):
        book["is_positive"](Thing(-10, waived={"is_positive": "debts are things"}))
    with pytest.raises(KeyError, match="Closest: 'is_positive'"):
        book.check(Thing(1, waived={"is_positve": "a slip"}))


def test_laws_without_ground_say_so_and_do_not_pass() -> None:
    case = UpdaterCase(
        name="moments of integers",
        make=lambda: ExampleMoments("k"),
        blocks=example_blocks(),
        comparison=Rounding(),
        forget_missing=lambda result: replace(result, n_missing=0),
    )
    report = UPDATER_LAWS.check(case)
    assert report.not_applicable == {
        "large_offset_keeps_digits": "the case has no reference to hold shifted data against",
        "agrees_with_reference": "the case has no reference",
    }
    report = UPDATER_LAWS.check(replace(case, reference=lambda blocks: exact_moments(blocks, "k")))
    assert report.not_applicable == {
        "large_offset_keeps_digits": "no column to shift: the updater reads no floats, or offset_columns is empty",
    }
    moved = replace(case, reference=lambda blocks: exact_moments(blocks, "k"), offset_columns=("k",))
    assert not UPDATER_LAWS.check(moved).not_applicable


def test_a_broken_law_tells_the_updater_the_law_and_what_was_seen() -> None:
    case = UpdaterCase(name="Wiper", make=EmptyRightWipesLeft, blocks=example_blocks(), comparison=Rounding())
    expected = (
        r"^Wiper breaks the updater law 'empty_is_identity': merged with an empty right side: "
        r"\.n_valid is 0, expected 85; bound: 4 \* \(kappa [\d.]+ \+ sqrt\(100\)\) \* eps$"
    )
    with pytest.raises(AssertionError, match=expected):
        UPDATER_LAWS["empty_is_identity"](case)


def test_a_case_with_too_few_rows_is_refused() -> None:
    case = UpdaterCase(name="tiny", make=ExampleMoments, blocks=example_blocks(4, 4))
    with pytest.raises(AssertionError, match="tiny: the case needs at least six rows"):
        UPDATER_LAWS["merge_is_associative"](case)


# Comparisons


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        ({"a": [1, 2]}, {"a": [1, 3]}, r"\['a'\]\[1\] is 2, expected 3"),
        ([1, 2], [1, 2, 3], "value is 2, expected 3"),
        (1, 1.0, "value is int, expected float"),
        (0.0, -0.0, r"value is 0\.0, expected -0\.0"),
        (np.zeros(2), np.zeros(2, np.float32), "value is ndarray"),
        (np.array([1.0, 2.0]), np.array([1.0, 2.5]), r"value is 2\.0 at element 1, expected 2\.5"),
        (np.array([0.0]), np.array([-0.0]), "different in the sign of zero or the bits of NaN"),
        ({"a": 1}, {"b": 1}, r"\['a'\] stands where \['b'\] was expected"),
        (MomentsState(1, 0, np.zeros(4)), MomentsState(1, 1, np.zeros(4)), r"\.n_missing is 0, expected 1"),
        (pa.array([1, None]), pa.array([1, 2]), r"value is \[1, None\], expected \[1, 2\]"),
        ({1, 2}, {1, 3}, "value is"),
        ("a", b"a", "value is str, expected bytes"),
    ],
)
def test_first_difference_sees_every_bit_and_says_where(one, other, where: str) -> None:
    seen = first_difference(one, other)
    assert seen is not None
    assert re.search(where, seen), seen
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    "value",
    [float("nan"), np.array([np.nan, 1.0]), {"a": (1, None, "x", b"y", True)}, example_table(5), len, {1, 2}],
    ids=repr,
)
def test_a_value_is_the_same_as_itself_and_as_its_copy(value) -> None:
    assert first_difference(value, value) is None
    assert fingerprint(pickle.loads(pickle.dumps(value))) == fingerprint(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(TypeError, match=r"the value at \[0\] contains itself"):
        fingerprint(loop)


def test_exact_takes_equal_numbers_of_other_types_for_equal_and_nothing_else() -> None:
    exact = Exact()
    assert exact.disagreement({"n": 3, "x": math.nan}, {"n": np.int64(3), "x": np.float64("nan")}, SAMPLE) is None
    seen = exact.disagreement({"n": 3}, {"n": 4}, SAMPLE)
    assert seen == "['n'] is 3, expected 4; bound: exactly equal"
    assert exact.disagreement("a", "b", SAMPLE) == "value is 'a', expected 'b'"
    assert exact.disagreement([1], [1, 2], SAMPLE) is not None
    assert exact.disagreement(np.zeros(2), np.zeros(3), SAMPLE) == (
        "value has shape (2,), expected (3,); bound: exactly equal"
    )


def test_rounding_allows_the_documented_share_and_not_twice_of_it() -> None:
    share = 4.0 * (2.0 + 10.0) * np.finfo(float).eps
    assert Rounding().disagreement(7.0 * (1 + 0.9 * share), 7.0, SAMPLE) is None
    assert "kappa 2" in str(Rounding().disagreement(7.0 * (1 + 2 * share), 7.0, SAMPLE))
    assert Rounding().disagreement(8, 7, SAMPLE) is not None
    assert Rounding().disagreement(math.inf, math.inf, SAMPLE) is None
    assert Rounding().disagreement(math.nan, 7.0, SAMPLE) is not None
    assert Rounding().disagreement(1e300, math.inf, SAMPLE) is not None


def test_rounding_floors_count_small_results_against_the_numbers_they_come_from() -> None:
    tiny = {"mean": 1e-18, "sum": 1e-18}
    zero = {"mean": 0.0, "sum": 0.0}
    assert Rounding().disagreement(tiny, zero, SAMPLE) is not None
    assert Rounding(floor=1.0).disagreement(tiny, zero, SAMPLE) is None
    seen = Rounding(floor={"['mean']": 1.0}).disagreement(tiny, zero, SAMPLE)
    assert str(seen).startswith("['sum'] is 1e-18, expected 0.0")
    table = np.array([1e6, 0.0])
    assert Rounding().disagreement(table + 1e-10, table, SAMPLE) is not None
    assert Rounding(whole_arrays=True).disagreement(table + 1e-10, table, SAMPLE) is None


def test_a_named_bound_tells_the_error_by_its_name() -> None:
    bound = NamedBound("rank error", lambda actual, expected: abs(actual - expected) / 100, 0.01)
    assert bound.disagreement(51, 50, SAMPLE) is None
    assert bound.disagreement(53, 50, SAMPLE) == "the rank error is 0.03, the bound is 0.01"


def test_nbytes_counts_content_and_not_containers() -> None:
    assert nbytes_of(MomentsState(1, 2, np.zeros(4))) == 8 + 8 + 32 + 8
    assert nbytes_of({"a": ["xyz", b"12345"]}) == 8
    assert nbytes_of(np.zeros(100, np.int8)) == 100
    assert nbytes_of([]) == 0


# Blocks cut anew


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 120), st.integers(1, 50), st.one_of(st.none(), st.integers(1, 130)))
def test_recut_blocks_hold_the_same_rows(n_rows: int, before: int, after: int | None) -> None:
    blocks = example_blocks(n_rows, before)
    again = recut(blocks, after)
    assert as_lists(again) == as_lists(blocks)
    assert [block.n_rows for block in again[:-1]] == [after] * (len(again) - 1)
    assert [block.start_row for block in again] == [number * (after or 0) for number in range(len(again))]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 40))
def test_widened_and_narrowed_blocks_hold_the_same_values(n_rows: int, start: int, length: int) -> None:
    whole = concatenate(example_blocks(n_rows, 17))
    piece = recut([whole], max(length, 1))[min(start, max(0, math.ceil(n_rows / max(length, 1)) - 1))]
    for changed in (copied(piece), widened(piece), narrowed(piece), recoded(piece), narrowed(widened(recoded(piece)))):
        assert as_lists([changed]) == as_lists([piece])
    assert as_lists(recut([narrowed(piece), widened(piece)], None)) == as_lists([piece, piece])


def test_narrowing_changes_the_physical_form_of_every_number() -> None:
    block = concatenate(example_blocks())
    narrow, wide = narrowed(block), widened(block)
    kinds = {name: (narrow.columns[name].values.dtype.name, wide.columns[name].values.dtype.name) for name in FIELDS}
    assert kinds == {
        "row": ("uint8", "int64"),
        "x": ("float32", "float64"),
        "k": ("uint8", "int64"),
        "g": ("int8", "int32"),
        "w": ("float64", "float64"),
        "flag": ("uint8", "int64"),
        "day": ("uint16", "int64"),
        "text": ("uint8", "uint8"),
    }
    assert narrow.columns["k"].base >= 900
    assert narrow.columns["x"].validity_offset == 3
    assert wide.columns["x"].validity is None


def test_an_updater_that_reads_codes_for_values_is_caught() -> None:
    case = UpdaterCase(name="codes", make=lambda: ExampleMoments("g"), blocks=example_blocks(), comparison=Rounding())
    with pytest.raises(AssertionError, match=r"the result of the same values recoded: \.mean is"):
        UPDATER_LAWS["storage_does_not_matter"](case)


def test_factors_with_other_dictionaries_are_united_by_value() -> None:
    def block(values: list[str | None]) -> Block:
        return Block.from_arrow(pa.record_batch({"g": pa.array(values).dictionary_encode()}))

    whole = concatenate([block(["b", None, "a"]), block(["a", "c", "b"])])
    column = whole.columns["g"].to_arrow(factor_field("g", ["b", "a", "c"]))
    assert column.to_pylist() == ["b", None, "a", "a", "c", "b"]


def test_integers_over_other_bases_are_added_up() -> None:
    def block(base: int, values: list[int]) -> Block:
        return Block(len(values), {"k": Column(np.array(values, np.int8), base=base)})

    assert logical_values(concatenate([block(100, [1, 2]), block(0, [3])]).columns["k"]).tolist() == [101, 102, 3]


@pytest.mark.parametrize("by_bitmap", [True, False])
def test_all_missing_blocks_have_no_valid_row(by_bitmap: bool) -> None:
    block = all_missing(example_blocks()[0], by_bitmap=by_bitmap)
    assert {name: int(valid_rows(column).sum()) for name, column in block.columns.items()} == dict.fromkeys(FIELDS, 0)
    assert all(value is None for values in as_lists([block]).values() for value in values)


def test_emptied_blocks_keep_their_columns() -> None:
    block = emptied(example_blocks()[0])
    assert block.n_rows == 0
    assert as_lists([block]) == {name: [] for name in FIELDS}


def test_shifted_columns_are_higher_by_the_offset() -> None:
    block = example_blocks()[0]
    moved = shifted(block, ["k", "w"], 1000)
    assert as_lists([moved])["w"] == [value + 1000 for value in as_lists([block])["w"]]
    assert (logical_values(moved.columns["k"]) == logical_values(block.columns["k"]) + 1000).all()


def test_the_condition_number_is_that_of_the_worst_column() -> None:
    block = Block.from_arrow(pa.record_batch({"a": [1.0, -1.0], "b": [99.0, 101.0], "c": [5.0, 5.0], "s": ["x", "y"]}))
    assert condition_of([block], ["a"]) == 1.0
    assert condition_of([block], ["a", "b", "c", "s"]) == pytest.approx(math.sqrt(1 + 100.0**2))


# The example table and source


def test_the_example_data_have_what_the_laws_need() -> None:
    table = example_table(300)
    x = table["x"].to_pandas()
    assert (x == 0).sum() > 5
    assert table["x"].null_count > 10
    assert int(x.isna().sum()) > table["x"].null_count
    assert (x.astype("float32").astype(float) == x)[x.notna()].all()
    assert float(x.astype("float32").sum()) != float(x.sum())
    missing = np.asarray(x.isna())
    assert not any(missing[start : start + 7].all() for start in range(294))
    assert all(table[name].null_count > 0 for name in ("k", "g", "flag", "day", "text"))
    assert fingerprint(example_table(300)) == fingerprint(table)
    assert fingerprint(example_table(300, seed=2)) != fingerprint(table)


def test_a_layout_that_does_not_fit_the_table_is_refused() -> None:
    with pytest.raises(SourceError, match="TableSource: the layout has 9 rows, the table 10; make them equal"):
        TableSource(example_table(10), ((4, 5),))


def test_a_one_shot_source_can_be_read_once() -> None:
    source = TableSource.cut(example_table(10), 4, stream=True, once=True)
    assert not source.rereadable
    source.partitions(["x"])
    with pytest.raises(SourceError, match="TableSource: the stream was read already and cannot be read again"):
        source.partitions(["x"])


def test_an_unknown_column_names_the_closest() -> None:
    with pytest.raises(ColumnNotFoundError, match=r"column 'txt' is not there\. Closest: 'text'"):
        TableSource.cut(example_table(10), 4).partitions(["txt"])


def test_blocks_of_a_partition_share_their_levels() -> None:
    source = TableSource.cut(example_table(40), 10, blocks_per_partition=4)
    (part,) = source.partitions(["g"])
    levels = [block.columns["g"].levels for block in part.blocks()]
    assert all(other is levels[0] for other in levels)
