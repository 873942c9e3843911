"""Files of RevoScaleR in the hands of the rx_ functions: read directly, imported with a comparison, never written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from legacy_writer import Old, legacy_bytes

import rxcore
import xdf
from rxcore.errors import OutputExistsError, SourceError
from rxcore.options import RxOptions
from rxcore.sources.resolve import as_source

N = 60
DELAYS = [None if row % 13 == 0 else row % 17 - 4 for row in range(N)]
COLUMNS = [
    Old("delay", "int32", DELAYS, description="minutes", range=(-9, 99)),
    Old("hour", "float64", [row * 0.37 % 24 for row in range(N)]),
    Old("day", "factor", [row % 3 for row in range(N)], levels=["Mon", "Tue", "Wed"]),
    Old("late", "int32", [(row * 7 + row // 11) % 5 // 3 for row in range(N)]),
    Old("name", "string", [f"n{row % 4}" if row % 9 else None for row in range(N)]),
]


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = tmp_path / "old.xdf"
    path.write_bytes(legacy_bytes(COLUMNS, [25, 25, 10]))
    return str(path)


@pytest.fixture
def new(old: str, tmp_path: Path) -> str:
    path = str(tmp_path / "new.xdf")
    rxcore.rx_import(old, path, report_progress=0)
    return path


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    before = RxOptions.get_option("reportProgress")
    RxOptions.set_option("reportProgress", 0)
    yield
    RxOptions.set_option("reportProgress", before)


def test_analyses_give_the_bits_of_the_copy(old: str, new: str) -> None:
    """The copy answers summaries from its footer; the old file has no statistics, and is read."""
    for formula in ("~delay + hour + day", "~delay:day"):
        summaries = [rxcore.rx_summary(formula, path).summary_data_frame for path in (old, new)]
        pd.testing.assert_frame_equal(*summaries, check_exact=True)
    for fit, formula in ((rxcore.rx_lin_mod, "delay ~ hour + day + name"), (rxcore.rx_logit, "late ~ hour + day")):
        models = [fit(formula, path) for path in (old, new)]
        pd.testing.assert_series_equal(*(model.coefficients for model in models), check_exact=True)
        predicted = [rxcore.rx_predict(models[0], path) for path in (old, new)]
        pd.testing.assert_frame_equal(*predicted, check_exact=True)


def test_information(old: str, new: str) -> None:
    info = rxcore.rx_get_info(old, get_var_info=True, get_block_sizes=True, num_rows=2)
    assert (info.num_rows, info.num_vars, info.rows_per_block) == (N, 5, [25, 25, 10])
    assert "Compression type:zlib" in str(info)
    assert rxcore.rx_get_var_info(old)["delay"] == rxcore.rx_get_var_info(new)["delay"]
    assert rxcore.rx_get_var_info(old)["delay"]["description"] == "minutes"
    assert rxcore.rx_get_var_info(old)["day"]["levels"] == ["Mon", "Tue", "Wed"]
    assert list(rxcore.rx_get_var_names(old)) == [column.name for column in COLUMNS]


def test_frames(old: str, new: str) -> None:
    pd.testing.assert_frame_equal(rxcore.rx_read_xdf(old, num_rows=30), rxcore.rx_read_xdf(new, num_rows=30))
    pd.testing.assert_frame_equal(rxcore.rx_import(old), rxcore.rx_import(new))
    chosen = rxcore.RxXdfData(old, vars_to_keep=["day", "delay"])
    assert list(rxcore.rx_import(chosen).columns) == ["delay", "day"]


def test_an_import_is_compared_and_reported(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "again.xdf")
    assert rxcore.rx_import(old, path, report_progress=1).file == path
    printed = capsys.readouterr().out
    assert "60 rows, 5 variables, blocks: 3" in printed
    assert "compared with the original: every value is equal" in printed
    with xdf.open(path) as file:
        assert (file.rows_per_block, file.schema.field("delay").low) == ((25, 25, 10), -9.0)
        assert file.explicit_fields(["hour"])[0].low is None
    with pytest.raises(OutputExistsError, match="exists; pass overwrite=True"):
        rxcore.rx_import(old, path)
    rxcore.rx_import(old, path, overwrite=True, rows_per_read=30)
    assert capsys.readouterr().out == ""
    assert rxcore.rx_get_info(path, get_block_sizes=True).rows_per_block == [30, 30]


def test_an_import_that_changes_something(old: str, tmp_path: Path) -> None:
    path = str(tmp_path / "part.xdf")
    rxcore.rx_import(old, path, row_selection="hour > 12", transforms={"twice": "2 * delay"}, vars_to_drop=["name"])
    with xdf.open(path) as file:
        assert file.schema.names == ("delay", "hour", "day", "late", "twice")
        assert 0 < file.n_rows < N
        # Low and high that are not those of the data were declared by somebody.
        assert (file.schema.field("delay").low, file.schema.field("delay").high) == (-9.0, 99.0)
    rxcore.rx_import(old, str(tmp_path / "set"), create_composite_set=True)
    assert rxcore.rx_get_info(str(tmp_path / "set")).num_rows == N
    rxcore.rx_import(old, path, append="rows", vars_to_drop=["name"], transforms={"twice": "2 * delay"})


def test_a_damaged_file_says_where_and_leaves_nothing(old: str, tmp_path: Path) -> None:
    raw = bytearray(Path(old).read_bytes())
    with xdf.open(old) as file:
        assert isinstance(file, xdf.LegacyFile)
        raw[int(file.layout.offsets[1, 1] + file.layout.sizes[1, 1]) - 1] ^= 1
    Path(old).write_bytes(raw)
    where = r"variable 'hour' in block 1 \(bytes"
    with pytest.raises(SourceError, match=where):
        rxcore.rx_import(old, str(tmp_path / "new.xdf"))
    with pytest.raises(SourceError, match=where):
        rxcore.rx_summary("~hour", old)
    assert not (tmp_path / "new.xdf").exists()
    assert rxcore.rx_summary("~delay", old).nobs_valid == N
    with xdf.open(old, salvage=True) as file:
        assert rxcore.rx_summary("~delay + late", file).nobs_valid == N


def test_old_files_are_never_written_to(old: str) -> None:
    before = Path(old).read_bytes()
    model = rxcore.rx_lin_mod("delay ~ day", old)
    convert_first = "which is only read. Convert it first"
    with pytest.raises(SourceError, match=convert_first):
        rxcore.rx_import(rxcore.rx_import(old, number_rows=3), old, append="rows")
    with pytest.raises(SourceError, match=convert_first):
        rxcore.rx_import(old, old, append="rows")
    with pytest.raises(SourceError, match=convert_first):
        rxcore.rx_import(old, old, overwrite=True)
    with pytest.raises(SourceError, match=convert_first):
        rxcore.rx_predict(model, rxcore.RxXdfData(old), old, overwrite=True)
    with pytest.raises(SourceError, match=convert_first):
        rxcore.rx_set_var_info({"delay": {"description": "other"}}, old)
    assert Path(old).read_bytes() == before


def test_an_open_file_is_a_source(old: str) -> None:
    with xdf.open(old) as file:
        source = as_source(file, caller="test")
        assert (source.n_rows, source.n_blocks, source.rereadable) == (N, 3, True)
        assert source.block_statistics("delay") is None
    with xdf.open(old, keep_missing_codes=True) as file:
        source = as_source(file, caller="test")
        assert not source.rereadable
        summary = rxcore.rx_summary("~delay", file).summary_data_frame
        assert summary["Min"][0] == -(2**31)
