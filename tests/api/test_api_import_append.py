"""rx_import with append="rows"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import xdf
from rxcore import RxXdfData, rx_import, rx_read_xdf
from rxcore.errors import ColumnNotFoundError, SourceError
from rxcore.options import options


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with options(reportProgress=0):
        yield


@pytest.fixture
def path(tmp_path: Path) -> str:
    rows = pa.table({"n": [1, 2], "x": [0.5, 1.5], "day": ["Tue", "Mon"], "note": ["a", "b"]})
    made = rx_import(rows, str(tmp_path / "a.xdf"), column_classes={"day": "factor"})
    assert isinstance(made, RxXdfData)
    return made.file


def test_rows_and_levels_are_added(path: str) -> None:
    more = pa.table({"day": ["Sun", "Mon"], "note": ["c", "d"], "x": [2, 3], "n": pa.array([3, None], pa.int8())})
    rx_import(more, path, append="rows")
    rx_import(more, path, append="rows", number_rows=1)
    with xdf.open(path) as file:
        assert file.rows_per_block == (2, 2, 1)
        assert file.schema.field("day").levels == ("Tue", "Mon", "Sun")
        assert str(file.schema.field("n").type) == "int64"
    frame = rx_read_xdf(path)
    assert frame["day"].tolist() == ["Tue", "Mon", "Sun", "Mon", "Sun"]
    assert frame["n"].fillna(-1).tolist() == [1, 2, 3, -1, 3]
    assert frame["x"].tolist() == [0.5, 1.5, 2.0, 3.0, 2.0]


def test_append_makes_a_file_that_is_not_there(tmp_path: Path) -> None:
    target = str(tmp_path / "new.xdf")
    for _ in range(3):
        rx_import(pa.table({"n": [1]}), target, append="rows")
    with xdf.open(target) as file:
        assert file.rows_per_block == (1, 1, 1)


def test_text_is_read_in_the_types_of_the_file(path: str, tmp_path: Path) -> None:
    text = tmp_path / "more.csv"
    text.write_text("n,x,day,note\n3,7,1,2013-01-01\n,NA,2,\n")
    rx_import(str(text), path, append="rows")
    with xdf.open(path) as file:
        assert file.schema.field("day").levels == ("Tue", "Mon", "1", "2")
    assert rx_read_xdf(path)["note"].tolist()[2] == "2013-01-01"
    text.write_text("n,x,day,note\n1.5,7,1,z\n")
    with pytest.raises(SourceError, match=r"column 'n': 1\.5 is not a whole number"):
        rx_import(str(text), path, append="rows")
    text.write_text("n,x,day,Note\n1,7,1,z\n")
    with pytest.raises(ColumnNotFoundError, match=r"rx_import: column 'note' is not in more.csv. Closest: 'Note'"):
        rx_import(str(text), path, append="rows")
    rx_import(str(text), path, append="rows", column_info={"Note": {"newName": "note"}})
    assert rx_read_xdf(path)["note"].tolist()[-1] == "z"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"n": ["x", "y"]},
            r"column 'n' is integer in a.xdf and character in the new rows; convert it while reading: ",
        ),
        ({"n": [1.5, 2.0]}, r"column 'n' is integer in a.xdf and numeric in the new rows"),
        ({"day": [1, 2]}, r"column 'day' is factor .* and integer .*column_classes=\{'day': 'factor'\}"),
        ({"note": [True, False]}, r"column 'note' is character in a.xdf and logical in the new rows"),
        (
            {"more": [1, 2]},
            r"append: a.xdf does not have column 'more'; columns are matched by name, and a.xdf has n, x",
        ),
        ({"n": None}, r"append: the new rows do not have column 'n'"),
    ],
)
def test_columns_that_do_not_fit(path: str, change: dict[str, Any], message: str) -> None:
    before = Path(path).read_bytes()
    rows = {"n": [1, 2], "x": [0.5, 1.5], "day": ["Tue", "Mon"], "note": ["a", "b"], **change}
    with pytest.raises(SourceError, match=message):
        rx_import(pa.table({name: values for name, values in rows.items() if values is not None}), path, append="rows")
    assert Path(path).read_bytes() == before


def test_values_that_do_not_fit_leave_the_file_as_it_was(tmp_path: Path) -> None:
    target = str(tmp_path / "a.xdf")
    rx_import(pa.table({"n": pa.array([1, 2], pa.int16())}), target)
    with options(rowsPerBlock=2), pytest.raises(SourceError, match=r"column 'n': 70000 does not fit int16"):
        rx_import(pa.table({"n": [3, 4, 5, 70000]}), target, append="rows")
    assert rx_read_xdf(target)["n"].tolist() == [1, 2]
    rx_import(pa.table({"n": [3]}), target, append="rows")
    assert rx_read_xdf(target)["n"].tolist() == [1, 2, 3]


def test_a_foreign_file_is_not_appended_to(tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_text("not an xdf file")
    with pytest.raises(SourceError, match=r"a\.xdf.*the file keeps what it had"):
        rx_import(pa.table({"n": [3]}), str(tmp_path / "a.xdf"), append="rows")
    assert (tmp_path / "a.xdf").read_text() == "not an xdf file"


def test_a_file_can_be_appended_to_itself(path: str) -> None:
    rx_import(path, path, append="rows")
    assert rx_read_xdf(path)["n"].tolist() == [1, 2, 1, 2]


def test_two_writers_do_not_mix(path: str) -> None:
    with xdf.append(path), pytest.raises(SourceError, match=r"could not be written, and the file keeps what it had"):
        rx_import(path, path, append="rows")
