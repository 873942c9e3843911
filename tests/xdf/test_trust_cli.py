from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from container_cases import (
    TYPES,
    array_of,
    assert_same,
    assert_same_table,
    mixed_batch,
    plain,
    read_all,
    schema_of,
    write_file,
)

import xdf
from xdf import format as layout
from xdf.__main__ import main

ROOT = Path(__file__).parents[2]
BATCHES = [mixed_batch(200, seed) for seed in range(2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = write_file(tmp_path / "a.xdf", *BATCHES)
    with xdf.edit(path) as editor:
        editor.set_field("small", description="a small number", value_codes=[1.0], value_labels=["one"])
        editor.set_field("weather", ordered=True)
    return path


def call(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="python -m xdf")
    assert result.exit_code == code, (result.output, result.exception)
    return result


def run(*arguments: object, stdin: bytes | None = None, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, over real pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "xdf", *map(str, arguments)],
        input=stdin, capture_output=True, timeout=100, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()
    return done


def test_info(path: Path, tmp_path: Path) -> None:
    lines = call("info", path).output.splitlines()
    assert lines[0] == f"{path}: 400 rows, 9 columns, 2 blocks"
    assert lines[1] == "  200 rows a block"
    assert lines[2].endswith("compression zstd, level 1")
    found = json.loads(call("info", path, "--json").output)
    assert (found["rows"], found["columns"], found["rows_per_block"]) == (400, 9, [200, 200])
    with xdf.create_composite(tmp_path / "set", schema_of(BATCHES[0])) as writer:
        writer.write(BATCHES[0])
    assert "composite set of 1 data files" in call("info", tmp_path / "set").output


def test_schema(path: Path) -> None:
    lines = {line.split()[0]: line for line in call("schema", path).output.splitlines()}
    assert lines["small"].split(maxsplit=1)[1] == "int64; 0 to 99; 1.0 = one; a small number"
    assert "ordered factor; 5 levels: " in lines["weather"]
    assert lines["weather"].endswith(" missing")
    found = {column["name"]: column for column in json.loads(call("schema", path, "--json").output)}
    assert found["small"]["value_labels"] == {"1.0": "one"}
    assert found["weather"]["ordered"]
    assert found["year"]["missing"] == sum(batch.column("year").null_count for batch in BATCHES)


def test_schema_of_every_type(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    path = write_file(tmp_path / "t.xdf", batch)
    assert len(call("schema", path).output.splitlines()) == len(TYPES)
    assert len(json.loads(call("schema", path, "--json").output)) == len(TYPES)
    assert len(call("head", path).output.splitlines()) == 5
    assert len(json.loads(call("head", path, "--json").output)) == 4


def test_head(path: Path) -> None:
    lines = call("head", path, "-n", 3, "-c", "weather,small").output.splitlines()
    assert lines[0].split() == ["weather", "small"]
    assert len(lines) == 4
    rows = json.loads(call("head", path, "--json", "--column", "small").output)
    assert rows == [{"small": value} for value in BATCHES[0].column("small").to_pylist()[:6]]
    assert len(call("head", path, "-n", 1000).output.splitlines()) == 401
    assert len(call("head", path, "-n", 0).output.splitlines()) == 1
    assert "column 'smal' is not there. Closest: 'small'" in call("head", path, "-c", "smal", code=3).output


def damage(path: Path) -> None:
    with xdf.open(path) as file:
        entry = file._index.entry(1, 4)
    raw = bytearray(path.read_bytes())
    raw[entry.offset + entry.length // 2] ^= 1
    path.write_bytes(raw)


def test_verify_and_repair(path: Path, tmp_path: Path) -> None:
    assert call("verify", path).output.startswith(f"{path}: sound\n")
    assert json.loads(call("verify", path, "--json").output)["is_sound"]
    damage(path)
    assert "(column 'noise', block 1, bytes " in call("verify", path, code=1).output
    sound = write_file(tmp_path / "sound.xdf", BATCHES[0])
    found = json.loads(call("verify", path, sound, "--json", code=1).output)
    assert [one["is_sound"] for one in found] == [False, True]
    output = call("repair", path, code=1).output
    assert "left out: the values of column 'noise' in the 200 rows of block 1 are missing" in output
    assert call("verify", tmp_path / "a.repaired.xdf").exit_code == 0
    other = json.loads(call("repair", path, tmp_path / "b.xdf", "--damaged", "block", "--json", code=1).output)
    assert (other["n_rows"], other["output"]) == (200, str(tmp_path / "b.xdf"))
    raw = bytearray(sound.read_bytes())
    raw[layout.SLOT_OFFSETS[1] + 9] ^= 1
    sound.write_bytes(raw)
    assert "repaired in place, nothing was lost" in call("repair", sound).output


def test_compact(path: Path) -> None:
    found = json.loads(call("compact", path, "--json").output)
    assert found["bytes_after"] < found["bytes_before"]
    assert "nothing to reclaim" in call("compact", path).output


def test_what_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.xdf"
    for command in ("info", "schema", "head", "verify", "repair", "compact"):
        assert call(command, missing, code=3).output == f"Error: {missing}: No such file or directory\n"
    (tmp_path / "t.xdf").write_text("a,b\n")
    assert "Error: " + str(tmp_path / "t.xdf") in call("info", tmp_path / "t.xdf", code=3).output
    call("info", code=2)
    call("nonsense", code=2)
    call("repair", missing, "--damaged", "nonsense", code=2)


def test_verify_looks_at_every_file(path: Path, tmp_path: Path) -> None:
    """One that is none of ours must not hide what is wrong with the next."""
    text, missing, damaged = tmp_path / "t.xdf", tmp_path / "nothing.xdf", tmp_path / "d.xdf"
    text.write_text("a,b\n")
    raw = bytearray(path.read_bytes())
    raw[2048 + 9] ^= 1
    damaged.write_bytes(raw)
    done = call("verify", text, missing, damaged, path, code=1)
    assert f"Error: {text}: this is not an .xdf file of this package; it looks like a text file" in done.output
    assert f"Error: {missing}: No such file or directory" in done.output
    assert f"{damaged}: damaged, and can be repaired without loss" in done.output
    assert f"{path}: sound" in done.output
    assert call("verify", text, path, code=3).output.count("\n") == 5
    found = json.loads(call("verify", text, path, "--json", code=3).stdout)
    assert [one.get("is_sound") for one in found] == [None, True]
    assert "it looks like a text file" in found[0]["error"]


def test_a_repair_that_has_been_done(path: Path) -> None:
    with xdf.open(path) as file:
        entry = file._index.entry(0, 0)
    raw = bytearray(path.read_bytes())
    raw[entry.offset + entry.length // 2] ^= 1
    path.write_bytes(raw)
    assert "See" not in call("repair", path, code=1).output
    again = call("repair", path, code=3).output
    assert "a.repaired.xdf: the file is already there; remove it, or name another one for what is sound" in again


def test_what_a_file_says_does_not_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    array = pa.array(["\x1b[31mred\nline", "Zoë"])
    write_file(path, pa.record_batch([array], names=["na\nme"]))
    assert call("head", path).output == "           na\\nme\n\\x1b[31mred\\nline\n              Zoë\n"
    assert call("schema", path).output == "na\\nme  string\n"


def test_moments_that_python_does_not_know(tmp_path: Path) -> None:
    """The year 10,000 and a time zone of nowhere were tracebacks."""
    path = tmp_path / "a.xdf"
    columns = {
        "mars": pa.array([0, 2**60], pa.timestamp("us", "Mars/Base")),
        "day": pa.array([0, 3_000_000], pa.date32()),
        "soon": pa.array([0, 1], pa.timestamp("s")),
    }
    write_file(path, pa.record_batch(columns))
    assert call("head", path).output.splitlines()[2].split() == [str(2**60), "3000000", "1970-01-01", "00:00:01"]
    assert json.loads(call("head", path, "--json").stdout)[1]["day"] == 3_000_000
    assert call("schema", path).output.splitlines() == [
        "mars  timestamp[us, Mars/Base]; 1970-01-01 00:00:00 UTC to 1.152922e+18",
        "day   date32; 1970-01-01 to 3000000",
        "soon  timestamp[s]; 1970-01-01 00:00:00 to 1970-01-01 00:00:01",
    ]


KINDS = ["parquet", "orc", "feather", "arrow", "arrows", "csv", "csv.gz", "csv.zst", "tsv", "psv"]


@pytest.mark.parametrize("suffix", KINDS)
def test_there_and_back(path: Path, tmp_path: Path, suffix: str) -> None:
    other, back = tmp_path / f"b.{suffix}", tmp_path / "c.xdf"
    assert call("convert", path, other).output.startswith(f"{other}: 400 rows, ")
    factors = ["--factor", "weather"] if "csv" in suffix or suffix in ("tsv", "psv", "orc") else []
    call("convert", other, back, *(factors if suffix != "orc" else []))
    with xdf.open(back) as file:
        table, schema = file.to_arrow(), file.schema
    for name in BATCHES[0].schema.names:
        arrays = [batch.column(name) for batch in BATCHES]
        expected = pa.concat_arrays([array.cast(pa.string()) if name == "weather" else array for array in arrays])
        # Text and ORC have other types for the same values.
        assert_same(plain(table.column(name)).cast(expected.type), expected)
    if not factors:
        # Labels and the order of levels travel in the metadata of Arrow's formats.
        with xdf.open(path) as file:
            assert schema == file.schema


def test_types_of_text(tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text('id;group;note\n1;a;\n2;b;"NA"\n3;.;"x;y"\n')
    out = tmp_path / "t.xdf"
    call("convert", text, out, "--delimiter", ";", "--type", "id=int16", "--factor", "group", "--missing", ".")
    table = read_all(out)
    assert table.schema.field("id").type == pa.int16()
    assert table.column("group").to_pylist() == ["a", "b", None]
    assert table.column("note").to_pylist() == ["", "NA", "x;y"]
    call("convert", text, out, "--delimiter", ";", "--strings-as-factors", "--overwrite")
    assert pa.types.is_dictionary(read_all(out).schema.field("note").type)
    message = call("convert", text, out, "--delimiter", ";", "--type", "nte=int16", "--overwrite", code=3).output
    assert "column 'nte' is not there. Closest: 'note'" in message
    message = call("convert", text, out, "--type", "id=integer", "--overwrite", code=3).output
    assert "column 'id': type 'integer' is not one of this format version; it is spelled as in the format" in message
    message = call("convert", text, out, "--delimiter", ";", "--type", "note=int64", "--overwrite", code=3).output
    assert "t.txt" in message
    call("convert", text, out, "--type", "nonsense", code=2)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["t.txt", "t.xdf"]


def test_text_that_changes_its_mind(tmp_path: Path) -> None:
    text = tmp_path / "t.csv"
    with text.open("w") as stream:
        stream.write("id,note\n")
        stream.writelines(f"{number},{'x' * 100}\n" for number in range(200_000))
        stream.write("a hundred,x\n")
    message = call("convert", text, tmp_path / "t.xdf", code=3).output
    assert "column 'id': CSV conversion error to int64: invalid value 'a hundred'" in message
    assert "--type id=float64, or --type id=string" in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]
    call("convert", text, tmp_path / "t.xdf", "--type", "id=string")
    assert xdf.open(tmp_path / "t.xdf").n_rows == 200_001


def test_blocks_and_compression(path: Path, tmp_path: Path) -> None:
    call("convert", path, tmp_path / "b.xdf", "--compression-level", 0)
    with xdf.open(tmp_path / "b.xdf") as file:
        assert (file.rows_per_block, file.compression_level) == ((200, 200), 0)
    call("convert", path, tmp_path / "b.xdf", "--rows-per-block", 150, "--overwrite")
    with xdf.open(tmp_path / "b.xdf") as file:
        assert file.rows_per_block == (150, 150, 100)
        assert_same_table(file.to_arrow(), *BATCHES)
    found = json.loads(call("convert", path, tmp_path / "c.csv.gz", "--json").output)
    assert found["rows"] == 400
    assert len(gzip.decompress((tmp_path / "c.csv.gz").read_bytes()).splitlines()) == 401


REFUSED = {
    "unknown suffix": (["a.xdf", "b.what"], "b.what: its suffix does not say what it is; give --to, one of xdf, csv"),
    "no xdf": (["b.csv", "c.parquet"], "one of the two must be .xdf; convert in two steps"),
    "the same": (["a.xdf", "a.xdf", "--overwrite"], "input and output are the same file"),
    "parquet pipe": (["-", "b.xdf", "--from", "parquet"], "parquet cannot be read from a pipe, because its reader"),
    "to parquet pipe": (["a.xdf", "-", "--to", "parquet"], "parquet cannot be written to a pipe; use a file, or --to"),
    "there": (["a.xdf", "b.csv"], "b.csv: the file is already there; give --overwrite to replace it"),
    "not parquet": (["b.parquet", "c.xdf"], "b.parquet: this cannot be read as parquet: "),
    "not feather": (["b.feather", "c.xdf"], "b.feather: this cannot be read as feather: "),
    "not orc": (["b.orc", "c.xdf"], "b.orc: this cannot be read as orc: "),
    "packed parquet": (["a.xdf", "c.parquet.gz"], "parquet compresses by itself; leave .gz out of the name"),
    "missing": (["d.csv", "c.xdf"], "d.csv: No such file or directory"),
    "no folder": (["a.xdf", "no/c.csv"], "no/c.csv: the system refused to write: No such file or directory"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_conversions_that_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(path.parent)
    for name in ("b.csv", "b.parquet", "b.feather", "b.orc"):
        Path(name).write_text("x\n1\n")
    before = sorted(entry.name for entry in path.parent.iterdir())
    arguments, message = REFUSED[case]
    assert message in call("convert", *arguments, code=3).output
    assert sorted(entry.name for entry in path.parent.iterdir()) == before


def test_types_that_orc_does_not_have(tmp_path: Path) -> None:
    path = write_file(tmp_path / "u.xdf", pa.record_batch({"u": pa.array([1], pa.uint64())}))
    assert "column 'u' is uint64: ORC has no uint64" in call("convert", path, tmp_path / "u.orc", code=3).output
    batch = pa.record_batch({"a": pa.array([250], pa.uint8()), "b": pa.array([1.5], pa.float16())})
    path = write_file(tmp_path / "s.xdf", batch)
    call("convert", path, tmp_path / "s.orc")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["s.orc", "s.xdf", "u.xdf"]


def test_nested_columns_are_refused_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "list": [[1, 2]]}), tmp_path / "n.parquet")
    message = call("convert", tmp_path / "n.parquet", tmp_path / "n.xdf", code=3).output
    assert "column 'list'" in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.parquet"]


def test_an_empty_file_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "e.xdf"
    xdf.create(path, xdf.Schema((xdf.Field("x", pa.int64()), xdf.factor_field("f", ["a"])))).close()
    for suffix in ("parquet", "feather", "arrows", "orc"):
        call("convert", path, tmp_path / f"e.{suffix}")
        call("convert", tmp_path / f"e.{suffix}", tmp_path / "b.xdf", "--overwrite")
        assert xdf.open(tmp_path / "b.xdf").n_rows == 0


def test_pipes(path: Path, tmp_path: Path) -> None:
    stream = run("convert", path, "-").stdout
    assert pa.ipc.open_stream(stream).read_all().num_rows == 400
    run("convert", "-", tmp_path / "b.xdf", stdin=stream)
    assert_same_table(read_all(tmp_path / "b.xdf"), *BATCHES)
    with xdf.open(path) as left, xdf.open(tmp_path / "b.xdf") as right:
        assert left.schema == right.schema
    text = run("convert", path, "-", "--to", "csv").stdout
    assert text.startswith(b'"small","year",')
    run("convert", "-", tmp_path / "c.xdf", stdin=text)
    assert read_all(tmp_path / "c.xdf").column("small").to_pylist()[:3] == BATCHES[0].column("small").to_pylist()[:3]
    (tmp_path / "d.xdf").write_bytes(run("convert", path, "-", "--to", "xdf").stdout)
    assert_same_table(read_all(tmp_path / "d.xdf"), *BATCHES)
    failed = run("convert", "-", tmp_path / "x.xdf", stdin=stream[:1000], code=3)
    assert b"standard input: this cannot be read as arrow" in failed.stderr
    assert failed.stdout == b""
    assert not (tmp_path / "x.xdf").exists()


def test_a_reader_that_has_enough(tmp_path: Path) -> None:
    path = write_file(tmp_path / "big.xdf", *[mixed_batch(20_000, seed) for seed in range(5)])
    with subprocess.Popen(
        [sys.executable, "-m", "xdf", "convert", str(path), "-", "--to", "csv"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'"small"')
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def read_terminal(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError:  # its other side was closed
        return b""


def test_progress_on_a_terminal_only(tmp_path: Path) -> None:
    path = write_file(tmp_path / "big.xdf", *[mixed_batch(50_000, seed) for seed in range(12)])
    assert run("verify", path).stderr == b""
    parent, child = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", "import xdf.__main__ as m; m._SECONDS_BETWEEN = 0; m.main()", "verify", str(path)],
        stdout=subprocess.PIPE, stderr=child, timeout=100, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(child)
    shown = "".join(chunk.decode() for chunk in iter(lambda: read_terminal(parent), b""))
    os.close(parent)
    assert done.returncode == 0
    assert "big.xdf: bytes checked: " in shown
    assert "%)" in shown
    assert shown.endswith("\r")


def test_without_click_it_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['click'] = None; import runpy; runpy.run_module('xdf', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == "python -m xdf needs the package click. Do this: pip install click\n"
    code = "import sys; sys.modules['click'] = None; import xdf; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "fine\n"
