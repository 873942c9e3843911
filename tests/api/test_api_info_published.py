"""Published outputs about the data we hold: metadata and first rows (C5, C10-C13, M6, M7, A22 of the catalogue)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rxcore import RxTextData, RxXdfData, rx_get_info, rx_get_var_info, rx_get_var_names, rx_import, rx_read_xdf
from rxcore.options import options

SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "data" / "revo-sample"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample data in ../shared/data are not there")


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with options(reportProgress=0):
        yield


CLAIMS_VARIABLES = """\
Var 1: RowNum, Type: integer, Storage: int32, Low/High: (1.0000, 128.0000)
Var 2: age
\t8 factor levels: ['17-20', '21-24', '25-29', '30-34', '35-39', '40-49', '50-59', '60+']
Var 3: car.age
\t4 factor levels: ['0-3', '4-7', '8-9', '10+']
Var 4: type
\t4 factor levels: ['A', 'B', 'C', 'D']
Var 5: cost, Type: numeric, Storage: float32, Low/High: (11.0000, 850.0000)
Var 6: number, Type: numeric, Storage: float32, Low/High: (0.0000, 434.0000)"""


@pytest.fixture
def claims(tmp_path: Path) -> RxXdfData:
    made = rx_import(
        str(SAMPLES / "claims.reconstructed.csv"),
        str(tmp_path / "claims.xdf"),
        strings_as_factors=True,
        column_classes={"cost": "float32", "number": "float32"},
    )
    assert isinstance(made, RxXdfData)
    return made


def test_c11_get_info(claims: RxXdfData) -> None:
    # The published file was compressed with zlib; ours are with zstd.
    assert str(rx_get_info(claims, get_var_info=True)) == (
        f"File name:{claims.file}\nNumber of observations:128.0\nNumber of variables:6.0\nNumber of blocks:1.0\n"
        f"Compression type:zstd\nVariable information: \n{CLAIMS_VARIABLES}"
    )


def test_c12_get_var_info(claims: RxXdfData) -> None:
    assert str(rx_get_var_info(claims)) == CLAIMS_VARIABLES


def test_c13_get_var_names(claims: RxXdfData) -> None:
    assert str(rx_get_var_names(claims)) == "RowNum age car.age type cost number"


def test_c10_append(claims: RxXdfData) -> None:
    rx_import(str(SAMPLES / "claims.reconstructed.csv"), claims, append="rows")
    info = rx_get_info(claims, get_var_info=True)
    assert (info.num_rows, info.num_blocks) == (256, 2)
    assert str(info.var_info) == CLAIMS_VARIABLES


def test_c5_text_source() -> None:
    data = RxTextData(str(SAMPLES / "claims.reconstructed.csv"))
    assert data.columns == ["RowNum", "age", "car.age", "type", "cost", "number"]
    assert data.shape == (128, 6)
    assert data.head().to_dict("list") == {
        "RowNum": [1, 2, 3, 4, 5, 6], "age": ["17-20"] * 6, "car.age": ["0-3", "4-7", "8-9", "10+", "0-3", "4-7"],
        "type": ["A", "A", "A", "A", "B", "B"], "cost": [289, 282, 133, 160, 372, 249], "number": [8, 8, 4, 1, 10, 28],
    }  # fmt: skip
    tail = data.tail()
    assert tail["RowNum"].tolist() == [123, 124, 125, 126, 127, 128]
    assert tail["cost"].tolist() == [227, 119, 385, 324, 192, 123]


def test_r27_hyphens() -> None:
    frame = rx_import(str(SAMPLES / "hyphens.txt"), delimiter="-")
    assert frame.to_dict("list") == {
        "Name": ["Smith", "Johnson", "Michaels", "Brown"], "Rank": ["Sgt", "Cpl", "Pvt", "Pvt"],
        "SerialNumber": [2912, 90210, 2931, 11311],
    }  # fmt: skip


def test_m6_and_m7_ten_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "mortDefaultSmall.xdf")
    for file in sorted(SAMPLES.glob("mortDefaultSmall20*.csv")):
        rx_import(str(file), path, append="rows", report_progress=1)
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["Rows Read: 10000, Total Rows Processed: 10000"] * 10
    info = rx_get_info(path, get_var_info=True, get_block_sizes=True)
    assert (info.num_rows, info.num_vars, info.num_blocks) == (100_000, 6, 10)
    assert info.rows_per_block == [10_000] * 10
    assert (info.var_info["year"]["low"], info.var_info["year"]["high"]) == (2000, 2009)
    first = rx_read_xdf(path, num_rows=10)
    assert first.to_dict("list") == {
        "creditScore": [691, 691, 743, 728, 745, 539, 724, 659, 621, 720],
        "houseAge": [16, 4, 18, 22, 17, 15, 6, 14, 18, 14], "yearsEmploy": [9, 4, 3, 1, 3, 3, 5, 3, 3, 7],
        "ccDebt": [6725, 5077, 3080, 4345, 2969, 4588, 4057, 6456, 1861, 4568], "year": [2000] * 10,
        "default": [0] * 10,
    }  # fmt: skip


def test_a22_airline(tmp_path: Path) -> None:
    made = rx_import(
        str(SAMPLES / "AirlineDemoSmall.reconstructed.csv.gz"),
        str(tmp_path / "air.xdf"),
        missing_value_string="M",
        strings_as_factors=True,
        column_classes={"CRSDepTime": "float32"},
        rows_per_read=200_000,
    )
    info = rx_get_info(made, get_var_info=True)
    assert (info.num_rows, info.num_blocks) == (600_000, 3)
    assert str(info.var_info) == (
        "Var 1: ArrDelay, Type: integer, Storage: int32, Low/High: (-86.0000, 1490.0000)\n"
        "Var 2: CRSDepTime, Type: numeric, Storage: float32, Low/High: (0.0167, 23.9833)\n"
        "Var 3: DayOfWeek\n\t7 factor levels: "
        "['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']"
    )
