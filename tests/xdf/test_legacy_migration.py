"""Bringing old files over: copies that are compared, reports, whole folders, and the command line."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from legacy_writer import NO_INT, Old, numbers, texts
from test_legacy_reading import EVERY, write, write_set

import xdf
from xdf.__main__ import main
from xdf.legacy import compare, tree
from xdf.legacy import migrate as migration
from xdf.legacy.migrate import Migration, migrate_file
from xdf.legacy.tree import migrate_folder

LABELS = {"ValueInfoCodes": numbers([1, 3], index=False), "ValueInfoLabels": texts(["yes", "no"])}
COLUMNS = [
    *EVERY[:5],
    Old("asked", "int32", [1, 3, None, 1, 1], description="Gefragt?", range=(0, 9), attributes=LABELS),
    *EVERY[6:],
    Old("words", "string", ["a,b", None, "", 'say "no"', "two\nlines"]),
]


def call(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="python -m xdf")
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write(tmp_path / "old.xdf", COLUMNS, [2, 3], row_names=len(COLUMNS) - 2)


def test_everything_comes_over(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.xdf"
    report = migrate_file(old, new, Migration())
    assert (report.n_rows, report.n_blocks, report.is_complete, report.version) == (5, 2, True, 4.2)
    assert "int: int32, -4 to 2.147484e+09, 1 missing" in str(report)
    assert "compared with the original: every value is equal" in str(report)
    assert "factor: factor, 2 levels, 2 missing" in str(report)
    with xdf.open(old) as before, xdf.open(new) as after:
        assert after.rows_per_block == (2, 3)
        assert repr(after.to_arrow().to_pydict()) == repr(before.to_arrow().to_pydict())
        asked = after.schema.field("asked")
        assert (asked.low, asked.high, asked.description) == (0.0, 9.0, "Gefragt?")
        assert (asked.value_codes, asked.value_labels) == ((1.0, 3.0), ("yes", "no"))
        assert after.schema.field("factor").levels == ("lôw", "high")
        # The range of the data is not written down, so that it grows with what is added.
        assert after.explicit_fields(["int"])[0].low is None
        assert after.schema.field("int") == before.schema.field("int")
    assert xdf.verify(new).is_sound
    with xdf.append(new) as writer:
        writer.write(xdf.open(new).read_block_arrow(0))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_other_formats(old: Path, tmp_path: Path, kind: str) -> None:
    new = tmp_path / f"new.{kind}"
    migrate_file(old, new, Migration(kind=kind))
    table = (
        pyarrow.parquet.read_table(new)
        if kind == "parquet"
        else pyarrow.csv.read_csv(new, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    )
    assert table.column_names == [column.name for column in COLUMNS]
    assert table["int"].to_pylist() == EVERY[0].values
    if kind == "parquet":
        assert table["factor"].chunk(0).dictionary.to_pylist() == ["lôw", "high"]
        assert table.schema.field("asked").metadata[b"xdf:description"] == b"Gefragt?"


def test_text_of_one_column_with_missing_rows(tmp_path: Path) -> None:
    for kind, values in (("int32", [None, 1, None]), ("string", [None, "", None, "x"])):
        old = write(tmp_path / "one.xdf", [Old("x", kind, values)], [len(values)])
        assert migrate_file(old, tmp_path / "one.csv", Migration(kind="csv", overwrite=True)).n_rows == len(values)


def test_options(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.xdf"
    migrate_file(old, new, Migration(keep_missing_codes=True, rows_per_block=4, compression_level=0))
    with xdf.open(new) as file:
        assert (file.rows_per_block, file.compression_level) == ((4, 1), 0)
        assert file.to_arrow(["int"])["int"].to_pylist()[1] == NO_INT
    with pytest.raises(xdf.XdfExistsError, match="already there"):
        migrate_file(old, new, Migration())
    migrate_file(old, new, Migration(overwrite=True))
    with pytest.raises(xdf.XdfError, match="this is not a file of RevoScaleR, but one of this package already"):
        migrate_file(new, tmp_path / "again.xdf", Migration())
    with pytest.raises(xdf.XdfError, match="converted to xdf, parquet, csv; got 'orc'"):
        migrate_file(old, tmp_path / "new.orc", Migration(kind="orc"))


def test_a_copy_that_is_not_equal_is_not_kept(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    differ = [compare.Difference("int", "row 3 differs")]
    monkeypatch.setattr(migration, "compare_rows", lambda *_arguments, **_more: differ)
    with pytest.raises(xdf.XdfError, match=r"not equal to the original, and was not kept: column 'int': row 3 differs"):
        migrate_file(old, tmp_path / "new.xdf", Migration())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.xdf"]


def test_the_comparison_finds_what_differs(old: Path, tmp_path: Path) -> None:
    with xdf.open(old) as file:
        table = file.to_arrow()

        def differences(changed: pa.Table, *, exact: bool = True) -> list[str]:
            return [str(one) for one in compare.compare_rows(file, changed.to_batches(max_chunksize=2), exact=exact)]

        assert differences(table) == []
        assert differences(table.slice(0, 4)) == ["it has 4 rows; the original has 5"]
        assert differences(pa.concat_tables([table, table])) == ["it has more than the 5 rows of the original"]
        changes = {
            "int": ([1, 0, 3, -4, 2**31 - 1], 2),
            "double": ([0.1, float("nan"), 0.0, float("-inf"), 1e300], 3),
            "words": (["a,b", "", "", 'say "no"', "two\nlines"], 2),
            "factor": (["lôw", "high", None, None, "lôw"], 5),
        }
        for name, (values, row) in changes.items():
            place = table.column_names.index(name)
            kind = pa.string() if name == "factor" else table.schema.field(name).type
            assert differences(table.set_column(place, name, pa.array(values, kind))) == [
                f"column {name!r}: row {row} differs"
            ]
        place = table.column_names.index("double")
        without = table.set_column(place, "double", pa.array([0.1, None, -0.0, float("-inf"), 1e300]))
        assert differences(without) == ["column 'double': row 2 differs"]
        assert differences(without, exact=False) == []


def test_schemas_that_differ(old: Path, tmp_path: Path) -> None:
    migrate_file(old, tmp_path / "new.xdf", Migration())
    with xdf.edit(tmp_path / "new.xdf") as editor:
        editor.set_field("asked", description="other", low=2.0)
    with xdf.open(old) as before, xdf.open(tmp_path / "new.xdf") as after:
        found = [str(one) for one in compare.compare_schemas(before, after)]
    assert found == [
        "column 'asked': its description differ",
        "column 'asked': low and high are 2.0 and 9.0, not 0.0 and 9.0",
    ]


def test_a_damaged_file_leaves_nothing_behind(old: Path, tmp_path: Path) -> None:
    damage(old, "double")
    with pytest.raises(xdf.XdfFormatError, match="variable 'double' in block 1"):
        migrate_file(old, tmp_path / "new.xdf", Migration())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.xdf"]
    report = migrate_file(old, tmp_path / "new.xdf", Migration(salvage=True))
    assert list(report.left_out) == ["double"]
    assert "left out: 'double': variable 'double' in block 1" in str(report)
    assert not report.is_complete


def damage(path: Path, name: str) -> None:
    with xdf.open(path) as file:
        assert isinstance(file, xdf.LegacyFile)
        place = file.schema.names.index(name)
        end = int(file.layout.offsets[1, place] + file.layout.sizes[1, place])
    raw = bytearray(path.read_bytes())
    raw[end - 1] ^= 1
    path.write_bytes(raw)


# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "data"
    (top / "deep" / "er").mkdir(parents=True)
    for place in ("a.xdf", "b.XDF", "deep/c.xdf", "deep/er/d.xdf"):
        write(top / place, COLUMNS, [2, 3])
    write_set(top / "set", [[EVERY[0], EVERY[1]]] * 2)
    (top / "work.xdf").write_bytes(b"\x1f\x8b" + bytes(100))
    (top / "notes.txt").write_text("not data")
    return top


def test_a_folder(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    report = migrate_folder(folder, new, Migration(), n_threads=3)
    assert report.is_complete
    assert [(file.source, file.outcome) for file in report.files] == [
        ("a.xdf", "converted"), ("b.XDF", "converted"), ("deep/c.xdf", "converted"), ("deep/er/d.xdf", "converted"),
        ("set", "converted"), ("work.xdf", "not one of RevoScaleR"),
    ]  # fmt: skip
    assert report.summary.endswith("new: 5 converted, 1 not one of RevoScaleR; 30 rows")
    assert sorted(str(path.relative_to(new)) for path in new.rglob("*.xdf")) == [
        "a.xdf", "b.xdf", "deep/c.xdf", "deep/er/d.xdf", "set.xdf",
    ]  # fmt: skip
    with xdf.open(new / "set.xdf") as file:
        assert file.n_rows == 10


def test_a_folder_goes_on_where_it_was_interrupted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    real, seen = tree.migrate_file, []

    def interrupted(source: Path, target: Path, how: Migration) -> object:
        seen.append(source.name)
        if source.name == "c.xdf":
            raise KeyboardInterrupt
        return real(source, target, how)

    monkeypatch.setattr(tree, "migrate_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate_folder(folder, new, Migration(), n_threads=1)
    monkeypatch.setattr(tree, "migrate_file", real)
    report = migrate_folder(folder, new, Migration())
    outcomes = {file.source: file.outcome for file in report.files}
    assert [outcomes[name] for name in ("a.xdf", "b.XDF", "deep/c.xdf")] == ["skipped", "skipped", "converted"]
    assert report.is_complete
    again = migrate_folder(folder, new, Migration(overwrite=True))
    assert sum(file.outcome == "converted" for file in again.files) == 5


def test_one_file_that_fails_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    damage(folder / "a.xdf", "int")
    report = migrate_folder(folder, tmp_path / "new", Migration(kind="parquet"))
    assert not report.is_complete
    assert [file.outcome for file in report.files].count("converted") == 4
    assert "a.xdf: failed: " in str(report)
    assert not (tmp_path / "new" / "a.parquet").exists()
    salvaged = migrate_folder(folder, tmp_path / "new", Migration(kind="parquet", salvage=True))
    assert not salvaged.is_complete
    assert "a.xdf: 5 rows, every value is equal\n  left out: 'int'" in str(salvaged)


def test_a_copy_that_is_older_than_its_original(folder: Path, tmp_path: Path) -> None:
    migrate_folder(folder, tmp_path / "new", Migration())
    os.utime(tmp_path / "new" / "a.xdf", (1, 1))
    report = migrate_folder(folder, tmp_path / "new", Migration())
    assert [file.source for file in report.files if file.outcome == "failed"] == ["a.xdf"]
    assert "its copy is there, and older than the original; give --overwrite" in str(report)


def test_two_originals_of_one_copy(folder: Path, tmp_path: Path) -> None:
    write(folder / "set.xdf", COLUMNS, [5])
    report = migrate_folder(folder, tmp_path / "new", Migration(), n_threads=1)
    failed = [file for file in report.files if file.outcome == "failed"]
    assert [(file.source, file.message) for file in failed] == [
        ("set.xdf", "its copy would have the name of that of set; rename one")
    ]


def test_folders_that_cannot_be(folder: Path) -> None:
    for inside in (folder, folder / "new"):
        with pytest.raises(xdf.XdfError, match="must not lie in the old one"):
            migrate_folder(folder, inside, Migration())
    with pytest.raises(xdf.XdfError, match="this is not a folder"):
        migrate_folder(folder / "a.xdf", folder / "b", Migration())


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_command_converts_files(old: Path, tmp_path: Path) -> None:
    said = call("convert", old, tmp_path / "new.xdf").output
    assert "every value is equal" in said
    assert call("convert", old, tmp_path / "new.xdf", code=3).output.startswith("Error: ")
    found = json.loads(call("convert", old, tmp_path / "new.tsv", "--json").output)
    assert (found["n_rows"], found["left_out"]) == (5, {})
    assert (tmp_path / "new.tsv").read_text(encoding="utf-8").startswith('"int"\t"factor"')
    for target in ("-", tmp_path / "new.orc", tmp_path / "new.csv.gz"):
        assert "of RevoScaleR" in call("convert", old, target, code=3).output


def test_the_command_tells_what_was_left_out(old: Path, tmp_path: Path) -> None:
    damage(old, "int")
    assert "variable 'int' in block 1" in call("convert", old, tmp_path / "new.xdf", code=3).output
    assert "left out: 'int'" in call("convert", old, tmp_path / "new.xdf", "--salvage", code=1).output


def test_the_command_converts_folders(folder: Path, tmp_path: Path) -> None:
    said = call("convert", folder, tmp_path / "new", "--to", "csv", "--threads", "2").output
    assert "deep/c.xdf: 5 rows, every value is equal" in said
    assert "5 converted, 1 not one of RevoScaleR; 30 rows" in said
    assert "5 skipped" in call("convert", folder, tmp_path / "new", "--to", "csv").output
    found = json.loads(call("convert", folder, tmp_path / "new", "--to", "csv", "--json").output)
    assert (found["is_complete"], len(found["files"])) == (True, 6)


def test_the_other_commands(old: Path) -> None:
    assert "written by RevoScaleR, version 4.2" in call("info", old).output
    assert json.loads(call("info", old, "--json").output)["format"] == "RevoScaleR, version 4.2"
    assert "factor       factor; 2 levels: lôw, high; 2 missing" in call("schema", old).output
    assert "2147483647" in call("head", old, "-c", "int").output
    assert "which is only read. Convert it first" in call("verify", old, code=3).output


def test_memory_is_that_of_some_blocks(tmp_path: Path) -> None:
    block = [0.25 * number for number in range(25_000)]
    peaks = []
    for n_blocks in (8, 40):
        old = write(tmp_path / f"{n_blocks}.xdf", [Old("x", "float64", block * n_blocks)], [len(block)] * n_blocks)
        pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
        pa.set_memory_pool(pool)
        tracemalloc.start()
        try:
            migrate_file(old, tmp_path / f"{n_blocks}.new.xdf", Migration())
            peaks.append(tracemalloc.get_traced_memory()[1] + (pool.max_memory() or 0))
        finally:
            tracemalloc.stop()
            pa.set_memory_pool(usual)
    assert peaks[1] < 1.5 * peaks[0] < 40 * 8 * len(block)
