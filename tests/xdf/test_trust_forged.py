"""What fuzzing found (tests/fuzz): files with right checksums that lie. Each must be refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner
from container_cases import write_file
from fuzz.anatomy import Anatomy, assemble, dissect, rows_of, stream_of

import xdf
from rxcore import RxXdfData, rx_get_var_info
from xdf.__main__ import main
from xdf.format import FIELDS_SCHEMA

ROWS = pa.record_batch(
    {
        "flag": [True, False, True],
        "small": pa.array([1, 2, 300], pa.int16()),
        "big": pa.array([2**40, 2**40 + 1, 2**40 + 2]),
        "unsigned": pa.array([2**40, 2**40 + 1, 2**40 + 2], pa.uint64()),
        "whole": [1e9, 1e9 + 1, 1e9 + 2],
        "half": pa.array([1.5, 2.5, 3.5], pa.float32()),
        "when": pa.array([10**15, 10**15 + 1, 10**15 + 2], pa.timestamp("us")),
        "day": pa.array([20_000, 20_001, 20_002], pa.date32()),
        "text": ["a", "b", "c"],
    }
)
COLUMNS = ROWS.schema.names


@pytest.fixture(scope="module")
def anatomy(tmp_path_factory: pytest.TempPathFactory) -> Anatomy:
    path = tmp_path_factory.mktemp("forged") / "whole.xdf"
    write_file(path, ROWS)
    return dissect(path.read_bytes())


def with_cell(anatomy: Anatomy, column: str, **changes: object) -> Anatomy:
    place = COLUMNS.index(column)
    cells = list(anatomy.index)
    cells[place] = {**cells[place], **changes}
    return replace(anatomy, index=tuple(cells))


def test_the_forger_changes_nothing_by_itself(tmp_path: Path, anatomy: Anatomy) -> None:
    path = tmp_path / "same.xdf"
    path.write_bytes(assemble(anatomy))
    assert xdf.verify(path).is_sound
    with xdf.open(path) as file:
        assert file.to_arrow().to_pydict() == ROWS.to_pydict()


BASES = {
    "flag": 32768,  # found by fuzzing: an OverflowError of numpy
    "small": 2**20,
    "unsigned": -5,
    "whole": 2**60,
    "half": 7,
    "when": None,
    "day": 2**40,
    "text": 1,
}


@pytest.mark.parametrize("column", [name for name, base in BASES.items() if base is not None])
def test_a_base_that_no_value_can_have(tmp_path: Path, anatomy: Anatomy, column: str) -> None:
    path = tmp_path / "base.xdf"
    path.write_bytes(assemble(with_cell(anatomy, column, base=BASES[column])))
    with pytest.raises(xdf.XdfFormatError, match=rf"column '{column}' of block 0 has a base it cannot have"):
        xdf.open(path)
    assert not xdf.verify(path).is_sound


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("n_rows", [3, 3000])
def test_decimals_of_more_digits_than_their_type_has(tmp_path: Path, level: int, n_rows: int) -> None:
    path = tmp_path / "decimals.xdf"
    write_file(
        path,
        pa.record_batch({"d": pa.array(range(12345, 12345 + n_rows), pa.decimal128(7, 0))}),
        compression_level=level,
    )
    whole = dissect(path.read_bytes())
    fields = [{**row, "type": "decimal128(3, 0)"} for row in rows_of(whole.tables[1])]
    tables = (whole.tables[0], stream_of(fields, FIELDS_SCHEMA), *whole.tables[2:])
    path.write_bytes(assemble(replace(whole, tables=tables)))
    with xdf.open(path) as file, pytest.raises(xdf.XdfFormatError, match=r"column 'd' of block 0 .* is damaged: its "):
        file.to_arrow()
    assert not xdf.verify(path).is_sound


def test_codes_whose_statistics_lie_and_whose_levels_are_lost(tmp_path: Path) -> None:
    """Found by fuzzing: the repaired file had no level for the codes of such a chunk."""
    path = tmp_path / "codes.xdf"
    schema = xdf.Schema((xdf.factor_field("f", []), xdf.Field("x", pa.float64())))
    with xdf.create(path, schema) as writer:
        writer.write(pa.record_batch({"f": ["a", "b", "c"], "x": [1.5, 2.5, 3.5]}))
    whole = dissect(path.read_bytes())
    index = ({**whole.index[0], "maximum": 7.0}, *whole.index[1:])
    (page, content), counts = whole.pages
    path.write_bytes(assemble(replace(whole, index=index, pages=((page, content[:-40]), counts))))
    assert [finding.part for finding in xdf.verify(path).findings] == ["levels", "levels", "statistics"]
    report = xdf.repair(path)
    assert xdf.verify(report.output).is_sound
    with xdf.open(report.output) as file:
        assert file.to_arrow().column("f").to_pylist() == [f"(level {code}, text lost)" for code in range(3)]


@pytest.mark.parametrize("column", ["flag", "big", "when", "day"])
@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 1e308, float("nan")])
def test_ranges_that_no_number_of_the_column_has(tmp_path: Path, anatomy: Anatomy, column: str, number: float) -> None:
    """Found by fuzzing: a filter on such a column was an OverflowError."""
    path = tmp_path / "range.xdf"
    path.write_bytes(assemble(with_cell(anatomy, column, minimum=number, maximum=number)))
    with xdf.open(path) as file:
        assert file.to_arrow().num_rows == 3
        for one in (pc.field(column).is_null(), pc.field(column) == ROWS.column(column)[0]):
            assert file.scan(filter=one).to_table().num_rows <= 3
    information = rx_get_var_info(RxXdfData(str(path)))
    assert str(information)
    assert [finding.part for finding in xdf.verify(path).findings] == ["statistics"]
    assert CliRunner().invoke(main, ["schema", str(path)]).exit_code == 0


def test_the_last_commit_that_can_be(tmp_path: Path, anatomy: Anatomy) -> None:
    """Found by fuzzing: the next sequence was none of 64 bits."""
    path = tmp_path / "last.xdf"
    path.write_bytes(assemble(replace(anatomy, commit={"sequence": 2**64 - 1})))
    with pytest.raises(xdf.XdfFormatError, match="a commit record in the header is damaged"):
        xdf.open(path)
    path.write_bytes(assemble(replace(anatomy, commit={"sequence": 2**63 - 1})))
    with xdf.append(path) as writer:
        writer.write(ROWS)
        with pytest.raises(xdf.XdfWriteError, match=r"all commits it can have; xdf\.compact makes a new one"):
            writer.commit()
        writer.abort()
    with xdf.open(path) as file:
        assert file.to_arrow().to_pydict() == ROWS.to_pydict()
    xdf.compact(path)
    with xdf.append(path) as writer:
        writer.write(ROWS)
    assert xdf.verify(path).commit == 2
