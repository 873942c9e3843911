"""Transformations over an in-memory source: values, types, block numbers, what is read, and the laws of sources."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rxcore.blocks import Block
from rxcore.errors import ColumnNotFoundError, FormulaError, OptionError, RxError, SourceError
from rxcore.expressions import parse_expression
from rxcore.sources.base import Partition, Source
from rxcore.sources.transform_steps import filter_column
from rxcore.sources.transformed import TransformedSource, wrap
from rxcore.testing import SOURCE_LAWS, SourceCase
from rxcore.testing.examples import TableSource
from xdf.columns import Column
from xdf.errors import XdfError
from xdf.schema import Field, Schema, factor_field

LEVELS = ("c", "b", "a")
TABLE = pa.table(
    {
        "x": pa.array([float(number) for number in range(9)] + [None]),
        "i": pa.array([1, None] * 5, pa.int32()),
        "g": pa.DictionaryArray.from_arrays(pa.array([2, 1, 2, 1, 0, 2, 1, 0, None, 1], pa.int32()), list(LEVELS)),
        "s": pa.array(["u", "v", None, "v", "w", "u", "v", "w", "u", "v"]),
        "b": pa.array([True, False] * 5),
        "dep delay": pa.array(range(10), pa.int8()),
    }
)
LAYOUT = ((4, 3), (2, 1))


@dataclass
class MemorySource:
    """Two files of two blocks each; remembers which columns were asked for."""

    table: pa.Table = field(default_factory=lambda: TABLE)
    layout: tuple[tuple[int, ...], ...] = LAYOUT
    rereadable: bool = True
    low: float | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    label: str = "Data: memory"

    @property
    def schema(self) -> Schema:
        fields = []
        for name in self.table.column_names:
            kind = self.table.schema.field(name).type
            if pa.types.is_dictionary(kind):
                fields.append(factor_field(name, LEVELS, description="a factor"))
            else:
                fields.append(Field(name, kind, low=self.low, description=f"about {name}"))
        return Schema(tuple(fields))

    @property
    def n_rows(self) -> int | None:
        return self.table.num_rows if self.rereadable else None

    @property
    def n_blocks(self) -> int | None:
        return sum(map(len, self.layout)) if self.rereadable else None

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        if not self.rereadable and self.asked:
            raise SourceError("a stream can be read once")
        self.asked.append(tuple(columns))
        table = self.table.select(list(columns)).combine_chunks()
        found: list[Partition] = []
        start = 0
        for file, sizes in enumerate(self.layout):
            if not self.rereadable:
                found.append(MemoryPartition(table.slice(start, sum(sizes)), file, 0, None, None, sizes))
            else:
                for number, size in enumerate(sizes):
                    rows = table.slice(start + sum(sizes[:number]), size)
                    found.append(MemoryPartition(rows, file, number, 1, size, (size,), sum(sizes[:number])))
            start += sum(sizes)
        return found

    def block_nbytes(self, columns: Sequence[str]) -> int:
        return 16 * len(columns) * max(size for sizes in self.layout for size in sizes)


@dataclass(frozen=True)
class MemoryPartition:
    table: pa.Table
    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    sizes: tuple[int, ...]
    start_row: int = 0

    def blocks(self) -> Iterator[Block]:
        start = 0
        for size in self.sizes:
            (batch,) = self.table.slice(start, size).combine_chunks().to_batches()
            yield Block.from_arrow(batch, self.start_row + start)
            start += size


def wrapped(source: Source | None = None, **arguments: Any) -> Source:
    return wrap(source or MemorySource(), caller="rx_test", **arguments)


def blocks_of(source: Source, *columns: str) -> list[Block]:
    return [block for partition in source.partitions(columns) for block in partition.blocks()]


def values(source: Source, name: str) -> list[Any]:
    item = source.schema.field(name)
    found: list[Any] = []
    for block in blocks_of(source, name):
        found += block.columns[name].to_arrow(item).to_pylist()
    return found


# --- nothing to do ---------------------------------------------------------------------------------------------------


def test_the_source_itself_when_there_is_nothing_to_do() -> None:
    source = MemorySource()
    assert wrapped(source) is source
    assert wrapped(source, transforms={}) is source
    idle = {"transform_objects": {"k": 1}, "transform_variables": ["x"], "transform_packages": ["math"]}
    assert wrapped(source, **idle) is source
    assert isinstance(wrapped(source, row_selection="b"), TransformedSource)
    assert isinstance(wrapped(source, row_selection="b"), Source)


# --- row selection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("b", [0, 2, 4, 6, 8]),
        ("x > 3", [4, 5, 6, 7, 8]),
        ("x > 3 & g != 'b'", [4, 5, 7]),
        ("i == 1 and s in ('u', 'w')", [0, 4, 8]),
        ("is_na(x) | is_na(i)", [1, 3, 5, 7, 9]),
        ("`dep delay` >= 8", [8, 9]),
        ("N(g) == 0", [4, 7]),
        ("TRUE", list(range(10))),
        ("FALSE", []),
        ("NA", None),
        (parse_expression("x < 1"), [0]),
    ],
)
def test_rows_are_kept_where_the_condition_holds(selection: Any, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(FormulaError, match="rx_test: row_selection must be a condition"):
            wrapped(row_selection=selection)
        return
    source = wrapped(row_selection=selection)
    assert values(source, "dep delay") == expected


def test_every_kind_of_column_is_filtered() -> None:
    source = wrapped(row_selection="x >= 2 & x != 5")
    keep = [2, 3, 4, 6, 7, 8]
    for name in TABLE.column_names:
        assert values(source, name) == TABLE.column(name).take(keep).to_pylist()


def test_narrow_columns_stay_narrow_when_filtered() -> None:
    keep = np.array([True, False, True])
    levels = pa.array(["u", "v"])
    narrow = Column(np.array([1, 2, 3], np.int8), 1000, np.array([0b1101 << 2], np.uint8), 2, levels)
    found = filter_column(narrow, keep)
    assert found.values.dtype == np.int8
    assert found.values.tolist() == [1, 3]
    assert found.base == 1000
    assert found.levels is levels
    assert found.validity is None  # the missing row is gone
    gone = filter_column(narrow, np.array([False, True, False]))
    assert gone.validity is not None
    assert gone.validity.tolist() == [0]


def test_a_selection_that_keeps_all_rows_copies_nothing() -> None:
    source = MemorySource()
    kept = wrapped(source, row_selection="TRUE")
    before = [block.columns["x"].values for block in blocks_of(source, "x")]
    after = [block.columns["x"].values for block in blocks_of(kept, "x")]
    assert all(np.shares_memory(one, other) for one, other in zip(before, after, strict=True))


def test_numbers_of_files_and_blocks_stay_those_of_the_source() -> None:
    source = wrapped(row_selection="x > 6")
    partitions = source.partitions(["x"])
    assert [(one.file, one.first_block, one.n_blocks, one.n_rows) for one in partitions] == [
        (0, 0, 1, None),
        (0, 1, 1, None),
        (1, 0, 1, None),
        (1, 1, 1, None),
    ]
    assert [block.n_rows for block in blocks_of(source, "x")] == [0, 0, 2, 0]
    assert [block.start_row for block in blocks_of(source, "x")] == [0, 4, 0, 2]
    assert source.n_blocks == 4
    assert source.n_rows is None
    assert wrapped(transforms={"y": "x"}).n_rows == 10
    assert [one.n_rows for one in wrapped(transforms={"y": "x"}).partitions(["y"])] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("selection", "error", "message"),
    [
        ("x + 1", FormulaError, "rx_test: row_selection must be a condition, true or false for each row; got double"),
        ("x", FormulaError, "rx_test: row_selection must be a condition, true or false for each row; got double"),
        ("g", FormulaError, "rx_test: row_selection must be a condition, true or false for each row; got a factor"),
        ("s > 3", FormulaError, "rx_test: row_selection: text where a number is needed: column 's' is string"),
        ("xx > 3", ColumnNotFoundError, "rx_test: row_selection: column 'xx' is not in Data: memory. Closest: 'x'"),
        ("x >", FormulaError, "rx_test: row_selection: expression: cannot be read here"),
        (["x"], OptionError, "rx_test: row_selection must be a condition such as 'x > 0', or the name of a logical"),
        (True, OptionError, "got bool: True"),
    ],
)
def test_a_bad_selection_is_refused_before_anything_is_read(
    selection: Any, error: type[Exception], message: str
) -> None:
    source = MemorySource()
    with pytest.raises(error, match=re.escape(message)):
        wrapped(source, row_selection=selection)
    assert source.asked == []


# --- transforms ------------------------------------------------------------------------------------------------------


def test_expressions_make_and_replace_columns_one_after_the_other() -> None:
    source = wrapped(transforms={"z": "x * 2", "x": "x + 1", "w": "ifelse(b, z, x)", "late": "w > 6", "t": "I(g)"})
    assert source.schema.names == (*TABLE.column_names, "z", "w", "late", "t")
    kinds = {item.name: item.type for item in source.schema}
    assert kinds["z"] == kinds["w"] == kinds["x"] == pa.float64()
    assert kinds["late"] == pa.bool_()
    assert kinds["t"] == pa.string()
    assert values(source, "x") == [1, 2, 3, 4, 5, 6, 7, 8, 9, None]
    assert values(source, "w") == [0, 2, 4, 4, 8, 6, 12, 8, 16, None]
    assert values(source, "late")[:5] == [False, False, False, False, True]
    assert values(source, "t") == values(source, "g")


def test_a_copy_keeps_everything_a_column_has() -> None:
    source = wrapped(MemorySource(low=-1.0), transforms={"g2": "g", "x2": "x", "x3": "x + 0"})
    assert source.schema.field("g2") == factor_field("g2", LEVELS, description="a factor")
    assert source.schema.field("x2") == Field("x2", pa.float64(), low=-1.0, description="about x")
    assert source.schema.field("x3") == Field("x3", pa.float64())
    (first, *_) = blocks_of(source, "g", "g2")
    assert first.columns["g"] is first.columns["g2"]


def test_single_values_among_the_objects_can_be_used_by_name() -> None:
    objects = {"k": 10, "name": "u", "x": 99, "half": np.float64(0.5)}
    source = wrapped(transforms={"z": "x * k * half", "is_u": "s == name"}, transform_objects=objects)
    assert values(source, "z")[:4] == [0, 5, 10, 15]  # the column x comes before the object x
    assert values(source, "is_u")[:3] == [True, False, None]
    with pytest.raises(
        OptionError, match=r"rx_test: transforms\['z'\]: transform object 'k' is list; expressions can use"
    ):
        wrapped(transforms={"z": "x * k"}, transform_objects={"k": [1]})


def test_the_selection_sees_the_transforms() -> None:
    source = wrapped(transforms={"z": "x * 2", "keep": "z > 9"}, row_selection="keep")
    assert values(source, "z") == [10, 12, 14, 16]


def test_the_reserved_column_drops_rows_and_is_not_seen() -> None:
    source = wrapped(transforms={".rxRowSelection": "x > 5"}, row_selection="b")
    assert source.schema.names == tuple(TABLE.column_names)
    assert values(source, "x") == [6, 8]
    assert source.n_rows is None
    with pytest.raises(FormulaError, match=r"rx_test: column '.rxRowSelection' must be a condition"):
        wrapped(transforms={".rxRowSelection": "x + 1"})


def test_only_the_columns_needed_are_read() -> None:
    source = MemorySource()
    made = wrapped(source, transforms={"z": "x * 2", "w": "z + i", "unused": "s == 'u'", "x": "1"}, row_selection="b")
    for columns, needed in [(["w"], {"x", "i", "b"}), (["z"], {"x", "b"}), (["x"], {"b"}), (["s"], {"s", "b"})]:
        source.asked.clear()
        made.partitions(columns)
        assert set(source.asked[0]) == needed
        assert len(source.asked[0]) == len(needed)
    (block, *_) = blocks_of(made, "w")
    assert list(block.columns) == ["w"]


def test_rows_are_counted_when_no_column_is_needed() -> None:
    source = wrapped(transforms={"one": "1"})
    assert values(source, "one") == [1.0] * 10
    assert sum(block.n_rows for partition in source.partitions([]) for block in partition.blocks()) == 10


@pytest.mark.parametrize(
    ("transforms", "error", "message"),
    [
        ({"z": "s + 1"}, FormulaError, "rx_test: transforms['z']: text where a number is needed: column 's' is string"),
        (
            {"z": "xx"},
            ColumnNotFoundError,
            "rx_test: transforms['z']: column 'xx' is not in Data: memory. Closest: 'x'",
        ),
        ({"z": "log("}, FormulaError, "rx_test: transforms['z']: expression: '(' is never closed"),
        (
            {"z": 3},
            OptionError,
            "rx_test: transforms['z'] must be an expression such as 'log(x)' or a function; got int",
        ),
        ({3: "x"}, OptionError, "rx_test: transforms must be a dict with names as keys"),
        (["x"], OptionError, "rx_test: transforms must be a dict with names as keys; got ['x']"),
        ("z = x", OptionError, "rx_test: transforms must be a dict with names as keys; got 'z = x'"),
    ],
)
def test_bad_transforms_are_refused_before_anything_is_read(
    transforms: Any, error: type[Exception], message: str
) -> None:
    source = MemorySource()
    with pytest.raises(error, match=re.escape(message)):
        wrapped(source, transforms=transforms)
    assert source.asked == []


def test_a_column_that_is_not_there_is_named_at_once() -> None:
    source = wrapped(transforms={"late": "x > 1"})
    with pytest.raises((RxError, XdfError), match=r"column 'laet' is not there\. Closest: 'late'"):
        source.partitions(["laet"])


def test_codes_mean_the_same_in_every_block() -> None:
    """Blocks may carry their own levels, in their own order; N() counts by the schema's."""

    @dataclass(frozen=True)
    class OwnLevels:
        inner: Partition
        n_blocks: int | None = 1
        n_rows: int | None = None

        @property
        def file(self) -> int:
            return self.inner.file

        @property
        def first_block(self) -> int:
            return self.inner.first_block

        def blocks(self) -> Iterator[Block]:
            for block in self.inner.blocks():
                labels = block.columns["g"].to_arrow(factor_field("g", LEVELS)).dictionary_decode()
                yield Block(block.n_rows, {"g": Column.from_arrow(labels.dictionary_encode())}, block.start_row)

    class Source(MemorySource):
        def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
            return [OwnLevels(one) for one in super().partitions(columns)]

    source = wrapped(Source(), transforms={"code": "N(g)"})
    assert values(source, "code") == [2, 1, 2, 1, 0, 2, 1, 0, None, 1]


def test_text_kept_as_codes_can_be_compared_and_stays_text() -> None:
    class OpenFactor(MemorySource):
        open_factors = frozenset({"s"})

        def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
            table = self.table
            encoded = table.set_column(table.column_names.index("s"), "s", table.column("s").dictionary_encode())
            source = MemorySource(encoded.unify_dictionaries(), self.layout)
            return source.partitions(columns)

    source = wrapped(OpenFactor(), transforms={"is_u": "s == 'u'", "copy": "s"}, row_selection="s != 'w'")
    assert isinstance(source, TransformedSource)
    assert source.open_factors == {"s", "copy"}
    assert values(source, "is_u") == [True, False, False, True, False, True, False]
    assert values(source, "s") == ["u", "v", "v", "u", "v", "u", "v"]
    with pytest.raises(FormulaError, match="text where a factor is needed: column 's' is string"):
        wrapped(OpenFactor(), transforms={"code": "N(s)"})


def test_partitions_are_picklable() -> None:
    source = wrapped(transforms={"z": "x * k"}, transform_objects={"k": 2}, row_selection="b")
    again = [pickle.loads(pickle.dumps(one)) for one in source.partitions(["z"])]
    item = source.schema.field("z")
    found = [block.columns["z"].to_arrow(item).to_pylist() for one in again for block in one.blocks()]
    assert found == [[0, 4], [8, 12], [16], []]


def test_a_stream_is_read_once() -> None:
    source = MemorySource(rereadable=False)
    made = wrapped(source, transforms={"z": "x * 2"})
    assert not made.rereadable
    assert made.n_blocks is None
    assert values(made, "z") == [0, 2, 4, 6, 8, 10, 12, 14, 16, None]
    with pytest.raises(SourceError, match="a stream can be read once"):
        made.partitions(["z"])


@pytest.mark.parametrize("package", [["no_such_package_anywhere"], ["math", "no_such_package_anywhere"]])
def test_packages_must_be_there(package: list[str]) -> None:
    with pytest.raises(RxError, match="rx_test: transform_packages names 'no_such_package_anywhere', which cannot be"):
        wrapped(transform_packages=package)


@pytest.mark.parametrize("variables", ["x", 3, [1]])
def test_variables_are_a_list_of_names(variables: Any) -> None:
    with pytest.raises(OptionError, match="rx_test: transform_variables must be a list of column names; got"):
        wrapped(transform_variables=variables)


# --- laws ------------------------------------------------------------------------------------------------------------

_START_ROW = {
    "start_rows_count_the_rows_of_the_file": "start_row is the row of the file, where rows are left out before it"
}


def _law_cases() -> list[SourceCase]:
    big = pa.concat_tables([TABLE] * 20).combine_chunks()
    layout = ((60, 40), (100,))
    x = big.column("x").combine_chunks()
    doubled = big.append_column(
        "z", pa.array([None if one is None else 2 * one for one in x.to_pylist()], pa.float64())
    )
    keep = pa.array([one is not None and one > 3 for one in x.to_pylist()])

    def source(**settings: Any) -> TableSource:
        return TableSource(big, layout, **settings)

    return [
        SourceCase(
            name="expressions",
            make=lambda: wrapped(source(), transforms={"z": "x * 2"}),
            expected=doubled,
            layout=layout,
        ),
        SourceCase(
            name="selection",
            make=lambda: wrapped(source(), row_selection="x > 3"),
            expected=big.filter(keep),
            waived=_START_ROW,
        ),
        SourceCase(
            name="both, from a stream",
            make=lambda: wrapped(source(stream=True, once=True), transforms={"z": "x * 2"}, row_selection="x > 3"),
            expected=doubled.filter(keep),
            waived=_START_ROW,
        ),
        SourceCase(
            name="function",
            make=lambda: wrapped(source(), transform_function=_double),
            expected=doubled,
            layout=layout,
        ),
        SourceCase(
            name="function on a stream",
            make=lambda: wrapped(source(stream=True, once=True), transform_function=_double),
            expected=doubled,
            layout=layout,
            waived={"partitions_work_in_another_process": "the top of the stream was taken here, for the trial"},
        ),
    ]


def _double(data: Any) -> Any:
    data["z"] = data["x"] * 2
    return data


@pytest.mark.parametrize("case", _law_cases(), ids=lambda case: case.name)
def test_a_transformed_source_keeps_the_laws_of_sources(case: SourceCase) -> None:
    SOURCE_LAWS.check(case)
