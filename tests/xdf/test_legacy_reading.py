"""Files in the layout of RevoScaleR that the test writer makes: every type, and what can be asked of an open one."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from legacy_writer import NO_INT, Old, legacy_bytes, numbers, texts

import xdf
from xdf.legacy.reader import LegacyTable

NAN = float("nan")
EVERY = [
    Old("int", "int32", [1, None, 3, -4, 2**31 - 1], description="Ganze Zähl"),
    Old("factor", "factor", [0, 1, None, 7, 1], levels=["lôw", "high"]),
    Old("long", "int64", [1, None, 2**53 + 1, 3, -(2**60)]),
    Old("single", "float32", [0.5, None, -0.0, math.inf, 3.25]),
    Old("double", "float64", [0.1, None, -0.0, -math.inf, 1e300]),
    Old("text", "string", ["a", None, "", "雪\x00\x01\x00\x00\x00", "M" * 70_000]),
    Old("day", "date", [0.0, None, -1.0, 16_000.0, 1.5]),
    Old("short day", "date32", [0, None, -1, 16_000, 1]),
    Old(".rxRowNames", "string", ["r1", "r2", "r3", "r4", "r5"]),
]
DAYS = [dt.date(1970, 1, 1), None, dt.date(1969, 12, 31), dt.date(2013, 10, 22), dt.date(1970, 1, 2)]
EXPECTED = {
    "int": [1, None, 3, -4, 2**31 - 1],
    "factor": ["lôw", "high", None, None, "high"],
    "long": [1, None, 2**53 + 1, 3, -(2**60)],
    "single": [0.5, NAN, -0.0, math.inf, 3.25],
    "double": [0.1, NAN, -0.0, -math.inf, 1e300],
    "text": ["a", None, "", "雪\x00\x01\x00\x00\x00", "M" * 70_000],
    "day": DAYS,
    "short day": DAYS,
    ".rxRowNames": ["r1", "r2", "r3", "r4", "r5"],
}


def write(path: Path, variables: Sequence[Old], blocks: Sequence[int], **options: object) -> Path:
    path.write_bytes(legacy_bytes(variables, blocks, **options))  # type: ignore[arg-type]
    return path


def opened(path: Path, **options: bool) -> xdf.LegacyFile:
    file = xdf.open(path, **options)
    assert isinstance(file, xdf.LegacyFile)
    return file


@pytest.mark.parametrize("version", [4.2, 3.1])
@pytest.mark.parametrize("level", [None, 0, 1, 9])
@pytest.mark.parametrize("blocks", [[5], [2, 3], [1, 0, 3, 1]])
def test_every_type(tmp_path: Path, version: float, level: int | None, blocks: list[int]) -> None:
    path = write(tmp_path / "old.xdf", EVERY, blocks, version=version, level=level, stale=True, row_names=8)
    with opened(path) as file:
        assert (file.version, file.n_rows, file.rows_per_block) == (version, 5, tuple(blocks))
        assert (file.row_names, file.notes, file.size_on_disk) == (".rxRowNames", (), path.stat().st_size)
        found = file.to_arrow()
        assert found.num_rows == 5
        for name, values in EXPECTED.items():
            assert repr(found[name].to_pylist()) == repr(values), name
        assert file.schema.field("int") == xdf.Field(
            "int", pa.int32(), description="Ganze Zähl", low=-4.0, high=2**31 - 1
        )
        assert file.schema.field("factor").levels == ("lôw", "high")
        assert file.schema.field("text").low is None


def test_blocks_columns_and_statistics(tmp_path: Path) -> None:
    with opened(write(tmp_path / "old.xdf", EVERY, [2, 3])) as file:
        block = file.read_block(1, ["text", "int"])
        assert list(block) == ["text", "int"]
        assert not block["int"].values.flags.writeable
        assert file.read_block_arrow(0, ["int"]).to_pydict() == {"int": [1, None]}
        assert file.level_array("factor") is file.level_array("factor")
        assert file.read_block(0)["factor"].levels is file.read_block(1)["factor"].levels
        assert file.statistics("int").n_missing == 1
        assert (file.statistics("factor").n_valid, file.statistics("text").n_missing) == (3, 1)
        assert file.statistics("double").n_missing == 1
        assert file.block_statistics(1, "int").minimum == -4.0
        assert not file.keeps_statistics
        with pytest.raises(xdf.XdfColumnError, match=r"column 'it' is not there\. Closest: 'int'"):
            file.read_block(0, ["it"])
        with pytest.raises(xdf.XdfError, match="block 2 is not there"):
            file.read_block(2)
    with pytest.raises(xdf.XdfError, match="the file was closed"):
        file.read_block(0)


def test_scans_filters_and_frames(tmp_path: Path) -> None:
    with opened(write(tmp_path / "old.xdf", EVERY, [2, 3])) as file:
        scan = file.scan(["int"], filter=("int", ">", 2))
        assert (scan.n_blocks_skipped, scan.to_table()["int"].to_pylist()) == (0, [3, 2**31 - 1])
        frame = file.to_pandas(["int", "factor", "day"])
        assert frame["int"].isna().tolist() == [False, True, False, False, False]
        assert frame["factor"].cat.categories.tolist() == ["lôw", "high"]
        assert frame.attrs["xdf"]["int"]["description"] == "Ganze Zähl"
        assert pa.table(file).num_rows == 5


def test_the_option_that_keeps_missing_codes(tmp_path: Path) -> None:
    with opened(write(tmp_path / "old.xdf", EVERY, [5]), keep_missing_codes=True) as file:
        assert file.to_arrow(["int"])["int"].to_pylist() == [1, NO_INT, 3, -4, 2**31 - 1]
        assert file.to_arrow(["long"])["long"].to_pylist()[1] == -(2**63)
        assert file.to_arrow(["short day"])["short day"].null_count == 1


def test_no_rows(tmp_path: Path) -> None:
    none = [Old(old.name, old.kind, [], levels=old.levels) for old in EVERY]
    for blocks in ([], [0]):
        with opened(write(tmp_path / "old.xdf", none, blocks)) as file:
            assert (file.n_rows, file.to_arrow().num_rows) == (0, 0)
            assert (file.schema.field("int").low, file.schema.field("factor").levels) == (None, ("lôw", "high"))
            assert (file.statistics("int").n_valid, file.block_nbytes() < 1000) == (0, True)


def test_wide(tmp_path: Path) -> None:
    wide = [Old(f"v{number}", "int32", [number, None, 3]) for number in range(2000)]
    with opened(write(tmp_path / "old.xdf", wide, [2, 1])) as file:
        assert file.to_arrow().num_columns == 2000
        assert file.to_arrow(["v1999", "v7"]).to_pydict() == {"v1999": [1999, None, 3], "v7": [7, None, 3]}


def test_only_missing_values(tmp_path: Path) -> None:
    nothing = [Old(kind, kind, [None] * 4, levels=["a"]) for kind in ("int32", "factor", "float64", "string", "date")]
    with opened(write(tmp_path / "old.xdf", nothing, [4])) as file:
        for name in file.schema.names:
            assert (file.statistics(name).n_valid, file.statistics(name).n_missing) == (0, 4), name


def test_ranges_that_say_that_nothing_was_seen(tmp_path: Path) -> None:
    odd = [
        Old("reversed", "int32", [1], range=(5, 4)),
        Old("extreme", "int32", [1], range=(2**31 - 1, 2**31 - 1)),
        Old("code", "int32", [1], range=(NO_INT, 4)),
        Old("nan", "float64", [1.0], range=(NAN, 1.0)),
        Old("infinite", "float64", [1.0], range=(math.inf, -math.inf)),
        Old("stale", "float64", [1.0], range=(-7.0, 9.0)),
    ]
    with opened(write(tmp_path / "old.xdf", odd, [1])) as file:
        assert [(field.low, field.high) for field in file.schema] == [(None, None)] * 5 + [(-7.0, 9.0)]


def test_texts_of_one_letter_beside_missing_ones(tmp_path: Path) -> None:
    """Their lengths look like the flags of heads, which a guess must not be taken in by."""
    random = np.random.default_rng(3)
    for pool in (
        ["M", "F"],
        ["M", None],
        ["", None],
        ["\x01\x00\x00\x00\x01\x00\x00\x00", "x"],
        ["ab", None, "", "é" * 300],
    ):
        values = [pool[place] for place in random.integers(0, len(pool), 500)]
        with opened(write(tmp_path / "old.xdf", [Old("text", "string", values)], [200, 300])) as file:
            assert file.to_arrow()["text"].to_pylist() == values


def test_texts_in_the_encoding_of_western_windows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "old.xdf", [Old("text", "string", ["Zoe#", None, "plain"], description="sch#n")], [3], level=None
    )
    path.write_bytes(path.read_bytes().replace(b"#", b"\xf6"))
    with opened(path) as file:
        assert file.to_arrow()["text"].to_pylist() == ["Zoeö", None, "plain"]
        assert file.schema.field("text").description == "schön"


def test_labels_of_values(tmp_path: Path) -> None:
    """By the names that the functions of the product have for them: no sample shows them."""
    labels = {"ValueInfoCodes": numbers([1, 2], index=False), "ValueInfoLabels": texts(["yes", "no"])}
    asked = Old("asked", "int32", [1, 2], attributes=labels)
    strange = Old("odd", "int32", [1, 2], attributes={"Foo": numbers([1])})
    with opened(write(tmp_path / "old.xdf", [asked, strange], [2])) as file:
        field = file.schema.field("asked")
        assert (field.value_codes, field.value_labels) == ((1.0, 2.0), ("yes", "no"))
        assert file.notes == ("variable 'odd' has attributes of unknown meaning: Foo",)


def test_chunks_of_different_compression(tmp_path: Path) -> None:
    one = Old("x", "int32", list(range(40056, 40156)))
    other = Old("y", "float64", [0.5] * 100)
    # Plain bytes of the first begin like a stream of zlib: 40056 is 78 9c 00 00.
    for levels in ({(0, 0): None}, {(0, 0): None, (0, 1): None}, {(0, 0): None, (1, 0): None}, {(1, 1): None}):
        path = write(tmp_path / "old.xdf", [one, other], [50, 50], levels_of=levels)
        with opened(path) as file:
            assert file.to_arrow(["y"])["y"].to_pylist() == other.values
            if levels == {(0, 0): None}:
                # One plain chunk among compressed ones that looks compressed could as well be a damaged one.
                with pytest.raises(xdf.XdfFormatError, match="variable 'x' in block 0"):
                    file.to_arrow(["x"])
            else:
                assert file.to_arrow(["x"])["x"].to_pylist() == list(one.values)


def test_types_and_versions_never_seen_are_read_and_noted(tmp_path: Path) -> None:
    odd = Old("odd", "float64", [0.5, 1e9], flags=bytes.fromhex("00064008"))
    path = write(tmp_path / "old.xdf", [odd], [2])
    raw = bytearray(path.read_bytes())
    raw[-60:-56] = np.float32(4.5).tobytes()
    path.write_bytes(raw)
    with opened(path) as file:
        assert file.to_arrow()["odd"].to_pylist() == [0.5, 1e9]
        assert file.notes[0] == "the file is of version 4.5; only 3.1 and 4.2 were ever seen"
        assert "variable 'odd' has type 4 and flags 00064008, which were never seen" in file.notes[1]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("version", [4.2, 3.1])
def test_an_unknown_type_can_be_left_out(tmp_path: Path, place: int, version: float) -> None:
    variables = [Old("x", "int32", [1, None]), Old("t", "string", ["a", "b"])]
    variables.insert(place, Old("odd", "unknown", [3, 4]))
    path = write(tmp_path / "old.xdf", variables, [2], version=version)
    with pytest.raises(
        xdf.XdfFormatError, match=r"variable 'odd' at byte [0-9,]+, block 0, cannot be read: its storage code 0x09"
    ):
        xdf.open(path)
    with opened(path, salvage=True) as file:
        assert file.left_out == {"odd": "its storage code 0x09 (type 9) is unknown"}
        assert file.to_arrow().to_pydict() == {"x": [1, None], "t": ["a", "b"]}


def test_a_damaged_chunk_names_variable_block_and_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "old.xdf", EVERY, [2, 3])
    with opened(path) as file:
        offset, size = int(file.layout.offsets[1, 0]), int(file.layout.sizes[1, 0])
    raw = bytearray(path.read_bytes())
    raw[offset + size - 1] ^= 1
    path.write_bytes(raw)
    message = rf"variable 'int' in block 1 \(bytes {offset:,} to {offset + size:,}\) cannot be read: its compressed"
    with opened(path) as file:
        assert file.to_arrow(["double"]).num_rows == 5
        with pytest.raises(xdf.XdfFormatError, match=message):
            file.to_arrow()
    with opened(path, salvage=True) as file:
        assert list(file.left_out) == ["int"]
        assert "block 1" in file.left_out["int"]
        assert file.to_arrow().column_names == [old.name for old in EVERY[1:]]


def test_nothing_to_salvage(tmp_path: Path) -> None:
    path = write(tmp_path / "old.xdf", [Old("odd", "unknown", [3, 4])], [2])
    with pytest.raises(xdf.XdfFormatError, match=r"no variable of it can be read\. 'odd': its storage code 0x09"):
        xdf.open(path, salvage=True)


def test_levels_that_cannot_be_levels(tmp_path: Path) -> None:
    twice = Old("twice", "factor", [0, 1], levels=["a", "a"])
    missing = Old("missing", "factor", [0, 1], levels=["a", None])  # type: ignore[list-item]
    path = write(tmp_path / "old.xdf", [twice, missing, Old("x", "int32", [1, 2])], [2])
    with pytest.raises(xdf.XdfFormatError, match=r"variable 'twice'.*factor level 'a' stands twice"):
        xdf.open(path)
    with opened(path, salvage=True) as file:
        assert file.left_out["missing"] == "level 2 is missing"


def test_dates_out_of_range(tmp_path: Path) -> None:
    path = write(tmp_path / "old.xdf", [Old("day", "date", [1.0, 1e12]), Old("x", "int32", [1, 2])], [2])
    with opened(path) as file, pytest.raises(xdf.XdfFormatError, match=r"a date of 1e\+12 days is out of range"):
        file.to_arrow()


def test_many_threads(tmp_path: Path) -> None:
    values = list(range(5000))
    with opened(
        write(tmp_path / "old.xdf", [Old("x", "int32", values), Old("y", "float64", values)], [500] * 10)
    ) as file:
        wrong: list[int] = []

        def read(first: int) -> None:
            for number in range(first, 10):
                if file.read_block(number)["x"].values.tolist() != values[500 * number : 500 * number + 500]:
                    wrong.append(number)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_memory_of_a_block_is_known_before_it_is_read(tmp_path: Path) -> None:
    numbers_only = [Old("x", "int32", list(range(10_000))), Old("t", "string", ["word"] * 10_000)]
    with opened(write(tmp_path / "old.xdf", numbers_only, [1000, 9000])) as file:
        for names in (["x"], ["t"], ["x", "t"]):
            held = sum(column.nbytes for column in file.read_block(1, names).values())
            assert held <= file.block_nbytes(names) <= 60 * held


def test_what_would_write_refuses(tmp_path: Path) -> None:
    path = write(tmp_path / "old.xdf", EVERY, [5])
    before = path.read_bytes()
    for refused in (xdf.append, xdf.edit, xdf.compact, xdf.verify, xdf.repair):
        with pytest.raises(xdf.XdfFormatError, match=r"which is only read. Convert it first: python -m xdf convert"):
            refused(path)
    assert path.read_bytes() == before
    assert not xdf.is_xdf(path)


def test_from_somewhere_else() -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.pipe("/old.xdf", legacy_bytes(EVERY, [2, 3]))
    with xdf.open("memory://old.xdf") as file:
        assert isinstance(file, LegacyTable)
        assert file.to_arrow(["int", "text"])["int"].to_pylist() == EXPECTED["int"]


def write_set(folder: Path, parts: Sequence[Sequence[Old]]) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "metadata").mkdir()
    for number, variables in enumerate(parts):
        write(folder / "data" / f"{folder.name}_{number + 1}.xdfd", variables, [len(variables[0].values)])
    write(folder / "metadata" / f"{folder.name}.xdfm", parts[0], [len(parts[0][0].values)])
    return folder


def test_composite_sets(tmp_path: Path) -> None:
    """Of data files that are files by themselves: whether the product's are is not known."""
    parts = [
        [Old("x", "int32", [part, None]), Old("f", "factor", [0, 1], levels=levels)]
        for part, levels in enumerate([["a", "b"], ["b", "c"], ["a", "b"], *[["d"]] * 8])
    ]
    folder = write_set(tmp_path / "set", parts)
    for path in (folder, folder / "metadata" / "set.xdfm"):
        with xdf.open(path) as file:
            assert isinstance(file, xdf.LegacySet)
            assert (file.n_files, file.n_rows, file.n_blocks) == (11, 22, 11)
            found = file.to_arrow()
            # Part 10 after part 2; a code outside the levels of its own file is missing.
            assert found["x"].to_pylist() == [value for part in range(11) for value in (part, None)]
            assert found["f"].to_pylist()[:8] == ["a", "b", "b", "c", "a", "b", "d", None]
            assert file.schema.field("f").levels == ("a", "b", "c", "d")
            assert (file.schema.field("x").low, file.schema.field("x").high) == (0.0, 10.0)
            assert (file.statistics("f").n_missing, file.statistics("x").n_missing) == (8, 11)
            assert file.block_nbytes(["f"]) > 0
            assert pc.sum(file.to_arrow(["x"])["x"]).as_py() == 55


def test_composite_sets_that_do_not_fit(tmp_path: Path) -> None:
    one, other = Old("x", "int32", [1]), Old("x", "float64", [1.0])
    with pytest.raises(xdf.XdfFormatError, match=r"variable 1 of 'types_2\.xdfd' is not 'x' as in 'types_1\.xdfd'"):
        xdf.open(write_set(tmp_path / "types", [[one], [other]]))
    odd = write_set(tmp_path / "odd", [[one, Old("odd", "unknown", [1])]] * 2)
    with pytest.raises(xdf.XdfFormatError, match="variable 'odd' cannot be read"):
        xdf.open(odd)
    with xdf.open(odd, salvage=True) as file:
        assert file.schema.names == ("x",)
    bare = write_set(tmp_path / "bare", [[one]])
    (bare / "data" / "bare_1.xdfd").write_bytes(b"chunks and nothing else")
    with pytest.raises(xdf.XdfFormatError, match=r"does not begin like a file of RevoScaleR.*how to send one"):
        xdf.open(bare)
    (bare / "data" / "bare_1.xdfd").unlink()
    with pytest.raises(xdf.XdfFormatError, match="this composite set of RevoScaleR has no data file"):
        xdf.open(bare)
    gone = xdf.open(write_set(tmp_path / "gone", [[one]] * 2))
    (tmp_path / "gone" / "data" / "gone_2.xdfd").unlink()
    with pytest.raises(xdf.XdfError, match=r"data file 'gone_2\.xdfd' is gone"):
        gone.to_arrow()


def test_reading_does_not_load_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "old.xdf", EVERY, [5])
    lines = (
        "import sys, xdf",
        f"file = xdf.open({str(path)!r})",
        "file.read_block(0), file.read_block_arrow(0), [file.statistics(name) for name in file.schema.names]",
        "assert 'pandas' not in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "; ".join(lines)], check=True)
