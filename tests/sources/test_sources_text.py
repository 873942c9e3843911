"""Delimited text: what is found out, what is said, and what goes wrong."""

from __future__ import annotations

import bz2
import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore import RxTextData
from rxcore.errors import ColumnNotFoundError, DataWarning, OptionError, SourceError
from rxcore.options import options
from rxcore.sources.base import Source
from rxcore.sources.retyped import batches_of
from rxcore.sources.text_stream import DelimiterCombiner


def written(folder: Path, text: str, name: str = "rows.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def rows_of(source: Source) -> list[dict[str, Any]]:
    names = source.schema.names
    found: list[dict[str, Any]] = []
    for partition in source.partitions(names):
        for batch in batches_of(partition, source.schema):
            found += batch.to_pylist()
    return found


def types_of(source: Source) -> dict[str, str]:
    return {field.name: str(field.type) for field in source.schema}


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,x\n2,y\n", ["a", "b"]),
        ("a\tb\n1\tx, y\n2\ty\n", ["a", "b"]),
        ("a;b\n1,5;x 1\n2;y\n", ["V1", "V2"]),
        ("a;b\n1;x, y\n2;y\n", ["a", "b"]),
        ("a|b\n1|x y\n2|y\n", ["a", "b"]),
        ("a b\n1 x\n2 y\n", ["a", "b"]),
        ("  a   b  \n 1  x\n2    y \n", ["a", "b"]),
        ("number\n1\n2\n", ["number"]),
        ('"a,1";b\n1;x\n2;y\n', ["a,1", "b"]),
    ],
)
def test_delimiter_is_sensed(text: str, columns: list[str], tmp_path: Path) -> None:
    source = RxTextData(written(tmp_path, text)).source()
    assert list(source.schema.names) == columns
    assert len(rows_of(source)) == (3 if columns[0] == "V1" else 2)


def test_decimal_comma_is_no_delimiter(tmp_path: Path) -> None:
    source = RxTextData(written(tmp_path, "1,5;2,5\n1,5;2,5\n"), decimal_point=",").source()
    assert rows_of(source) == [{"V1": 1.5, "V2": 2.5}] * 2


def test_text_with_spaces_is_one_column(tmp_path: Path) -> None:
    path = written(tmp_path, "New York\nLos Angeles\nRio de Janeiro\n", "cities.txt")
    assert [row["V1"] for row in rows_of(RxTextData(path).source())] == ["New York", "Los Angeles", "Rio de Janeiro"]


def test_suffix_decides_between_even_candidates(tmp_path: Path) -> None:
    path = written(tmp_path, "a,1\tb,2\n1,1\t2,2\n", "rows.tsv")
    assert list(RxTextData(path, first_row_is_column_names=True).source().schema.names) == ["a,1", "b,2"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,x\n", ("a", "b")),
        ("a,b\nc,d\n", ("V1", "V2")),  # no number in row 2
        ("a,2\n1,x\n", ("V1", "V2")),  # a number in row 1
        ("a,b\nNA,x\n", ("V1", "V2")),  # missing is no number
        ('"",b\n1,x\n', ("V1", "b")),
        ("x,x,x\n1,2,3\n", ("x", "x.1", "x.2")),
        ("\ufeffa,b\n1,2\n", ("a", "b")),
    ],
)
def test_header_is_sensed(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    assert RxTextData(written(tmp_path, text)).source().schema.names == names


def test_header_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\nc,d\n")
    assert rows_of(RxTextData(path, first_row_is_column_names=True).source()) == [{"a": "c", "b": "d"}]
    assert len(rows_of(RxTextData(path, first_row_is_column_names=False).source())) == 2


def test_types_are_sniffed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "i,f,t,l,m,d,ts,tz,s,e,clock\n"
        "1,1.5,True,T,1,2013-01-01,2013-01-01 05:15:00,2013-01-01T05:15:00Z,x,,10:30\n"
        "NA,2,False,F,2.0,2013-01-02,2013-01-01 05:15:00.25,2013-01-01T05:15:00Z,NA,,10:31\n",
    )
    source = RxTextData(path).source()
    assert types_of(source) == {
        "i": "int64", "f": "double", "t": "bool", "l": "bool", "m": "double", "d": "date32[day]",
        "ts": "timestamp[us]", "tz": "timestamp[us, tz=UTC]", "s": "string", "e": "double", "clock": "string",
    }  # fmt: skip
    first, second = rows_of(source)
    assert (first["i"], second["i"], second["s"], first["l"], second["l"]) == (1, None, None, True, False)


def test_default_types_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, "f,e\n1.2,\n2.5,NA\n")
    with options(defaultDecimalColType="float32", defaultMissingColType="character"):
        assert types_of(RxTextData(path).source()) == {"f": "float", "e": "string"}
    said = RxTextData(path, default_decimal_column_type="float32", default_missing_column_type="float32").source()
    assert types_of(said) == {"f": "float", "e": "float"}
    assert rows_of(said)[0]["f"] == pytest.approx(1.2000000476837158, rel=1e-12)
    with pytest.raises(
        OptionError, match=r"default_decimal_column_type must be one of 'numeric', 'float32'; got 'double'"
    ):
        RxTextData(path, default_decimal_column_type="double").source()


def test_an_option_that_makes_no_sense(tmp_path: Path) -> None:
    path = written(tmp_path, "f\n1.2\n")
    with (
        options(defaultDecimalColType="double"),
        pytest.raises(OptionError, match=r"defaultDecimalColType is 'double'"),
    ):
        RxTextData(path).source()


def test_missing_values(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,x\nM,M\n,""\n4,NA\n')
    assert [row["a"] for row in rows_of(RxTextData(path, missing_value_string="M").source())] == [1, None, None, 4]
    assert [row["b"] for row in rows_of(RxTextData(path, missing_value_string="M").source())] == ["x", None, None, "NA"]
    assert rows_of(RxTextData(path, missing_value_string="").source())[3]["b"] == "NA"


def test_reading_options(tmp_path: Path) -> None:
    path = written(tmp_path, "made by hand\n\nx;y\n1,5;'a;b'\n2,5;c\n")
    source = RxTextData(path, rows_to_skip=2, delimiter=";", decimal_point=",", quote_mark="'").source()
    assert rows_of(source) == [{"x": 1.5, "y": "a;b"}, {"x": 2.5, "y": "c"}]
    path = written(tmp_path, 'x,y\n1,5" pipe\n2,"a\nb"\n')
    assert [row["y"] for row in rows_of(RxTextData(path).source())] == ['5" pipe', "a\nb"]
    path = written(tmp_path, 'x,y\n1,"a\n2,b\n')
    assert [row["y"] for row in rows_of(RxTextData(path, quote_mark="").source())] == ['"a', "b"]


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("城市,n\n北京,1\n上海,2\n".encode("gb18030"))
    assert rows_of(RxTextData(str(path), input_encoding="gb18030").source())[1] == {"城市": "上海", "n": 2}
    with pytest.raises(SourceError, match=r"not utf-8; give input_encoding"):
        rows_of(RxTextData(str(path), first_row_is_column_names=False, column_classes={"V2": "character"}).source())


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_compressed(suffix: str, tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,x\n2,y\n" * 50_000
    packed = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstandard.compress}[suffix](data)
    path = tmp_path / f"rows.csv{suffix}"
    path.write_bytes(packed)
    assert len(rows_of(RxTextData(str(path)).source())) == 100_000
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=rf"rows.csv{suffix}"):
        rows_of(RxTextData(str(path), rows_to_sniff=10).source())
    path.write_bytes(data)
    with pytest.raises(SourceError, match=rf"rows.csv{suffix}"):
        rows_of(RxTextData(str(path)).source())


def test_blocks_have_the_rows_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(300_000)))
    (part,) = RxTextData(path, rows_per_read=70_000).source().partitions(["b"])
    assert [block.n_rows for block in part.blocks()] == [70_000] * 4 + [20_000]
    assert [block.start_row for block in part.blocks()] == [0, 70_000, 140_000, 210_000, 280_000]
    with options(rowsPerBlock=120_000):
        (part,) = RxTextData(path).source().partitions(["a"])
        assert [block.n_rows for block in part.blocks()] == [120_000, 120_000, 60_000]


def test_several_files(tmp_path: Path) -> None:
    written(tmp_path, "a,b\n1,x\n", "p1.csv")
    written(tmp_path, "b,a\ny,2\n", "p2.csv")
    written(tmp_path, "not data", "_SUCCESS")
    expected = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    for file in (str(tmp_path), str(tmp_path / "p*.csv"), [str(tmp_path / "p1.csv"), tmp_path / "p2.csv"]):
        source = RxTextData(file).source()
        assert rows_of(source) == expected
        assert [part.file for part in source.partitions(["a"])] == [0, 1]


def test_files_that_differ(tmp_path: Path) -> None:
    first = written(tmp_path, "a,b\n1,x\n", "p1.csv")
    second = written(tmp_path, "a,bb\n1,x\n", "p2.csv")
    with pytest.raises(SourceError, match=r"p2.csv \(file 2 of 2\): column 'b' is not there. Closest: 'bb'"):
        RxTextData([first, second]).source()
    written(tmp_path, "a,b,c\n1,x,3\n", "p2.csv")
    with pytest.warns(DataWarning, match=r"p2.csv: columns that the first file does not have are left out: c"):
        source = RxTextData([first, second]).source()
    assert len(rows_of(source)) == 2
    bare = [written(tmp_path, "1,2\n3,4\n", "q1.csv"), written(tmp_path, "1,2,3\n", "q2.csv")]
    with pytest.raises(SourceError, match=r"q2.csv has 3 columns where the first file has 2"):
        RxTextData(bare).source()


def test_types_said_win(tmp_path: Path) -> None:
    path = written(tmp_path, "i,z,b,d,f\n1,01,0,2013/01/02,8.0\n2,02,5,2013/01/03,9.0\n")
    classes = {"i": "float32", "z": "character", "b": "logical", "d": "Date", "f": "integer"}
    source = RxTextData(path, column_classes=classes).source()
    assert types_of(source) == {"i": "float", "z": "string", "b": "bool", "d": "date32[day]", "f": "int32"}
    last = rows_of(source)[1]
    assert (last["z"], last["b"], str(last["d"]), last["f"]) == ("02", True, "2013-01-03", 9)


def test_factors(tmp_path: Path) -> None:
    path = written(tmp_path, "k,s,t\n10,b,u\n9,a,u\n10,c,NA\n")
    info = {
        "s": {"type": "factor", "levels": ["a", "b"], "newLevels": ["A", "B"], "newName": "S", "description": "letter"},
        "k": {"type": "factor"},
    }
    source = RxTextData(path, column_info=info, column_classes={"t": "character"}, strings_as_factors=True).source()
    assert source.schema.names == ("k", "S", "t")
    assert source.schema.field("S").levels == ("A", "B")
    assert source.schema.field("S").description == "letter"
    assert source.open_factors == {"k"}
    (block,) = source.partitions(["k", "S", "t"])[0].blocks()
    assert block.columns["k"].levels.to_pylist() == ["10", "9"]
    assert [row["S"] for row in rows_of(source)] == ["B", "A", None]


def test_column_info_by_index(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2\n3,4\n")
    info = [{"index": 2, "newName": "second", "type": "float32", "low": 0, "high": 10}]
    source = RxTextData(path, column_info=info).source()
    assert types_of(source) == {"V1": "int64", "second": "float"}
    assert (source.schema.field("second").low, source.schema.field("second").high) == (0, 10)
    with pytest.raises(OptionError, match=r"column_info index 3 is past the last of 2 columns of rows.csv"):
        RxTextData(path, column_info=[{"index": 3, "type": "integer"}]).source()


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("x", None, r"rows.csv, line 14, column 'b': 'x' is not a whole number; say what the column is with column_cl"),
        ("x", None, r"column_classes=\{'b': 'character'\}, or missing_value_string='x' if that marks missing values"),
        ("1.5", None, r"'1.5' is not a whole number; say what the column is with column_classes=\{'b': 'numeric'\}"),
        ("99999999999", "integer", r"'99999999999' does not fit int32 \(-2147483648 to 2147483647\)"),
        ("70000", "uint16", r"'70000' does not fit uint16 \(0 to 65535\)"),
        ("maybe", "logical", "'maybe' is not true or false"),
        ("soon", "Date", "'soon' is not a date"),
        ("1,2", None, r"line 14: 3 fields where 2 are expected: '11,1,2'; the delimiter is ','"),
        ('"1', None, r"line 14, column 'b': '1.n1,2.n.*\.\.\.' is not a whole number; it spans lines: does a quote"),
        ('"1', "character", r"column 'b': the last value spans lines to the end of the file: '1.n1,2.*never closes"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(value: str, kind: str | None, message: str, tmp_path: Path) -> None:
    good = {"logical": "T", "Date": "2013-01-01"}.get(kind or "", "1")
    tail = "1,2\n" * 400_000 if value.startswith('"') else "12,1\n"
    path = written(tmp_path, "a,b\n" + f"1,{good}\n" * 12 + f"11,{value}\n" + tail)
    data = RxTextData(path, rows_to_sniff=5, column_classes=None if kind is None else {"b": kind})
    with pytest.raises(SourceError, match=message) as caught:
        rows_of(data.source())
    assert len(str(caught.value)) < 500


def test_a_quote_that_never_closes_in_a_long_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,x\n2,"x\n' + "1,x\n" * 1_000_000)
    with pytest.raises(SourceError, match=r"a row is longer than 1048576 bytes, or a quote .* opens and never closes"):
        rows_of(RxTextData(path, rows_to_sniff=1).source())


def test_a_last_value_may_span_lines(tmp_path: Path) -> None:
    for end in ("", "\n", "\r\n"):
        path = written(tmp_path, f'a,b\n1,x\n2,"y\nz"{end}')
        assert rows_of(RxTextData(path).source())[-1] == {"a": 2, "b": "y\nz"}


def test_the_first_rows_must_make_sense(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"RxTextData: rows.csv: the first 10000 rows do not read as text with delimiter ','"
    ):
        RxTextData(written(tmp_path, "a,b\n1,2\n1,2,3\n")).source()
    with pytest.raises(SourceError, match=r"RxTextData: rows.csv is empty: there is no header and no row"):
        RxTextData(written(tmp_path, "")).source()
    with pytest.raises(SourceError, match=r"empty after the 5 skipped lines"):
        RxTextData(written(tmp_path, "a,b\n1,2\n"), rows_to_skip=5).source()


def test_unknown_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "income,age\n1,2\n")
    with pytest.raises(ColumnNotFoundError, match=r"RxTextData: column 'incme' is not in rows.csv. Closest: 'income'"):
        RxTextData(path, column_classes={"incme": "numeric"}).source()
    with pytest.raises(ColumnNotFoundError, match=r"vars_to_keep: column 'agee' is not in rows.csv. Closest: 'age'"):
        RxTextData(path, vars_to_keep=["agee"]).source()
    with pytest.raises(OptionError, match=r"vars_to_keep and vars_to_drop exclude each other"):
        RxTextData(path, vars_to_keep=["age"], vars_to_drop=["age"]).source()
    assert RxTextData(path, vars_to_drop=["age"]).source().schema.names == ("income",)


def test_wrong_settings(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,2\n")
    with pytest.raises(OptionError, match=r"delimiter must be one character; got ',;'"):
        RxTextData(path, delimiter=",;").source()
    with pytest.raises(OptionError, match=r"rows_to_sniff must be at least 1"):
        RxTextData(path, rows_to_sniff=0).source()


RUNS = st.lists(st.lists(st.sampled_from(["a", "bc", "", '"x  y"', '"p\nq"']), min_size=1, max_size=4), max_size=6)


@settings(max_examples=50, deadline=None)
@given(rows=RUNS, seed=st.integers(0, 999), piece=st.integers(1, 9))
def test_runs_of_delimiters_are_joined(rows: list[list[str]], seed: int, piece: int) -> None:
    """However the bytes are cut, runs outside quotes become one, and those at the ends of lines none."""
    chance = random.Random(seed)
    spaces = lambda least: " " * chance.randint(least, 3)  # noqa: E731
    kept = [[field for field in row if field] for row in rows]
    ragged = "".join(spaces(0) + "".join(field + spaces(1) for field in row) + "\n" for row in kept).encode()
    combiner = DelimiterCombiner(" ", '"')
    parts = [combiner.feed(ragged[at : at + piece]) for at in range(0, len(ragged), piece)]
    joined = b"".join([*parts, combiner.finish()])
    assert joined.decode() == "".join(" ".join(row) + "\n" for row in kept)


def test_other_delimiters_combine_when_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "a,,b\n1,,,2\n3,4\n")
    assert rows_of(RxTextData(path, delimiter=",", combine_delimiters=True).source()) == [
        {"a": 1, "b": 2},
        {"a": 3, "b": 4},
    ]


def test_long_rows(tmp_path: Path) -> None:
    wide = "x" * 200_000
    path = written(tmp_path, "a,b\n" + f"1,{wide}\n" * 30)
    assert pa.array([row["b"] for row in rows_of(RxTextData(path).source())]).equals(pa.array([wide] * 30))
