"""The classes that hold the arguments of a data source."""

from __future__ import annotations

import pickle
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from rxcore import (
    RxDataSource,
    RxFileSystem,
    RxNativeFileSystem,
    RxOrcData,
    RxParquetData,
    RxTextData,
    RxXdfData,
)
from rxcore.errors import ArgumentNameError, OptionError, SourceError, UnsupportedInContextError
from rxcore.options import options


def test_signatures_are_the_documented_ones() -> None:
    text = {name: parameter.default for name, parameter in signature(RxTextData).parameters.items()}
    assert list(text)[:12] == [
        "file", "strings_as_factors", "column_classes", "column_info", "vars_to_keep", "vars_to_drop",
        "missing_value_string", "rows_per_read", "delimiter", "combine_delimiters", "quote_mark", "decimal_point",
    ]  # fmt: skip
    assert (text["rows_per_read"], text["rows_to_sniff"], text["missing_value_string"]) == (500000, 10000, "NA")
    xdf = {name: parameter.default for name, parameter in signature(RxXdfData).parameters.items()}
    assert list(xdf)[:10] == [
        "file", "vars_to_keep", "vars_to_drop", "return_data_frame", "strings_as_factors", "blocks_per_read",
        "file_system", "create_composite_set", "create_partition_set", "blocks_per_composite_file",
    ]  # fmt: skip
    assert (xdf["blocks_per_composite_file"], xdf["file_system"]) == (3, "native")


def test_they_show_what_they_were_given() -> None:
    assert repr(RxXdfData("a.xdf", vars_to_keep=["x"])) == "RxXdfData('a.xdf', vars_to_keep=['x'])"
    assert (
        repr(RxTextData("a.csv", delimiter=";", rows_to_skip=1)) == "RxTextData('a.csv', delimiter=';', rows_to_skip=1)"
    )
    assert repr(RxOrcData(Path("a.orc"))).startswith("RxOrcData(")
    assert repr(RxFileSystem()) == "RxFileSystem('native')"
    assert repr(RxNativeFileSystem()) == "RxNativeFileSystem()"


def test_they_hold_arguments_only() -> None:
    for data in (RxXdfData("nowhere.xdf"), RxTextData("nowhere.csv"), RxParquetData("no.parquet"), RxOrcData("no.orc")):
        assert pickle.loads(pickle.dumps(data)).file == data.file
        assert isinstance(data, RxDataSource)
        assert bool(data)
        with pytest.raises(SourceError, match=r"file '(nowhere|no)\.\w+' does not exist in '.'"):
            data.head()
    with pytest.raises(SourceError, match=r"RxDataSource has no rows of its own"):
        RxDataSource().head()
    assert RxDataSource({"a": {}}).column_info == {"a": {}}


@pytest.mark.parametrize("make", [RxXdfData, RxTextData, RxParquetData, RxOrcData])
def test_unknown_arguments(make: Any) -> None:
    with pytest.raises(ArgumentNameError, match=r"there is no argument 'file_sistem'. Closest: 'file_system'"):
        make("a", file_sistem="native")
    with pytest.raises(UnsupportedInContextError, match=r"file_system 'hdfs' is not available here"):
        make("a", file_system="hdfs")
    with options(fileSystem="hdfs"), pytest.raises(UnsupportedInContextError, match=r"hdfs"):
        make("a", file_system=None)
    make("a", file_system=RxNativeFileSystem())
    with pytest.raises(OptionError, match=r"file must be a path.*; got 3"):
        make(3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"thousands_separator": ","},
        {"read_date_format": "%d.%m.%y"},
        {"read_posixct_format": "%d"},
        {"century_cutoff": 30},
        {"is_fixed_format": True},
        {"write_precision": 9},
        {"strip_zeros": True},
        {"create_file_set": True},
        {"rows_per_out_file": 5},
        {"write_factors_as_indexes": True},
    ],
)
def test_what_is_not_built_is_refused(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(OptionError, match=rf"RxTextData: {name}=.* is not available in this version"):
        RxTextData("a.csv", **arguments)


def test_what_changes_nothing_is_accepted() -> None:
    RxTextData(
        "a.csv", use_fast_read=None, quoted_delimiters=True, is_fixed_format=False, check_vars_to_keep=True, verbose=1,
        default_read_buffer_size=5, return_data_frame=False,
    )  # fmt: skip
    RxXdfData("a.xdf", blocks_per_read=5, create_composite_set=False, return_data_frame=False)
    with pytest.raises(OptionError, match=r"RxXdfData: create_partition_set=True is not available in this version"):
        RxXdfData("a", create_partition_set=True)
    with pytest.raises(OptionError, match=r"blocks_per_composite_file must be a whole number of at least 1; got 0"):
        RxXdfData("a", blocks_per_composite_file=0)
    with pytest.raises(OptionError, match=r"blocks_per_read must be a whole number of at least 1; got 0"):
        RxXdfData("a.xdf", blocks_per_read=0)
    with pytest.raises(OptionError, match=r"the rows of a block must be a whole number"):
        RxTextData("a.csv", rows_per_read=0)
    with pytest.raises(OptionError, match=r"write_factors_as_indexes=True is not available"):
        RxParquetData("a.parquet", write_factors_as_indexes=True)


def test_file_systems() -> None:
    assert RxNativeFileSystem().file_system_type() == "native"
    assert RxFileSystem("hdfs").file_system_type() == "hdfs"
