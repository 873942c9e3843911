from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import pytest
from container_cases import mixed_batch, write_file

import xdf

DATA = Path(__file__).parents[3] / "shared" / "data"
TABLE = pa.table({"x": [1, 2, 3]})
STARTS = {
    "an empty file": b"",
    "a Lab Streaming Layer recording": b"XDF:\x05\x01\x00<?xml version='1.0'?>",
    "an XML file": b"\xef\xbb\xbf\n <?xml version='1.0'?><definition/>",
    "an HTML page (a failed download?)": b"<!DOCTYPE html>\n<html><body>404</body></html>",
    "a text file": b"ArrDelay,CRSDepTime\n6,9.666666\n",
    "a zip file": b"PK\x03\x04\x14\x00",
    "a file that begins with zero bytes (an interrupted copy?)": bytes(5000),
    "binary data of no format known here": bytes(range(200, 256)),
    "an .xdf file of this package, damaged by a transfer in text mode": b"\x89RXD\n\x1a\n",
}


@pytest.mark.parametrize("looks_like", STARTS)
def test_a_foreign_file_is_named(tmp_path: Path, looks_like: str) -> None:
    path = tmp_path / "foreign.xdf"
    path.write_bytes(STARTS[looks_like])
    assert xdf.describe_foreign(path) == looks_like
    assert not xdf.is_xdf(path)
    with pytest.raises(xdf.XdfFormatError) as caught:
        xdf.open(path)
    assert str(path) in str(caught.value)
    assert looks_like in str(caught.value)
    with pytest.raises(xdf.XdfFormatError):
        xdf.append(path)
    assert path.read_bytes() == STARTS[looks_like]


def test_files_of_other_columnar_formats(tmp_path: Path) -> None:
    path = tmp_path / "other.xdf"
    pyarrow.parquet.write_table(TABLE, path)
    assert xdf.describe_foreign(path) == "a Parquet file"
    pyarrow.feather.write_feather(TABLE, path)
    assert xdf.describe_foreign(path) == "an Arrow file (Feather)"
    pyarrow.orc.write_table(TABLE, path)
    assert xdf.describe_foreign(path) == "an ORC file"
    with pa.ipc.new_stream(path, TABLE.schema) as stream:
        stream.write_table(TABLE)
    assert xdf.describe_foreign(path) == "an Arrow stream"
    path.write_bytes(gzip.compress(b"RDX3\n"))
    assert xdf.describe_foreign(path) == "a gzip file (an R workspace?)"


def test_our_own_file_a_folder_and_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path / "own.xdf", mixed_batch(3))
    assert xdf.is_xdf(path)
    assert xdf.is_xdf(str(path))
    assert xdf.describe_foreign(path) == "an .xdf file of this package"
    assert xdf.describe_foreign(tmp_path) == "a folder"
    assert not xdf.is_xdf(tmp_path)
    assert not xdf.is_xdf(tmp_path / "missing.xdf")
    with pytest.raises(xdf.XdfFormatError, match=r"this is a folder, not an .xdf file"):
        xdf.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        xdf.open(tmp_path / "missing.xdf")
    with pytest.raises(FileNotFoundError):
        xdf.describe_foreign(tmp_path / "missing.xdf")


def test_a_file_of_microsoft_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.xdf"
    path.write_bytes(b"\xf4\xd3\xd2\xd1" + bytes(300))
    assert xdf.describe_foreign(path) == "Microsoft's legacy .xdf (RevoScaleR, revoscalepy)"
    assert not xdf.is_xdf(path)
    with pytest.raises(xdf.XdfFormatError, match="this file of RevoScaleR cannot be read: it is truncated"):
        xdf.open(path)


def test_real_files_of_the_same_suffix() -> None:
    files = sorted((DATA / "not-xdf").glob("*.xdf"))
    if not files:
        pytest.skip("../shared/data/not-xdf is not here")
    for path in files:
        with pytest.raises(xdf.XdfFormatError, match="gzip"):
            xdf.open(path)
        assert not xdf.is_xdf(path)
