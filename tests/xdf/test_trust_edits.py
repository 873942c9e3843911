from __future__ import annotations

import errno
import os
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, read_all, write_file

import xdf
from xdf import format as layout

BATCHES = [mixed_batch(200, seed) for seed in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_file(tmp_path / "a.xdf", BATCHES[0])


def weather(path: Path) -> list[str | None]:
    values: list[str | None] = read_all(path).column("weather").to_pylist()
    return values


def test_everything_that_can_be_edited(path: Path) -> None:
    levels = xdf.open(path).schema.field("weather").levels
    assert levels is not None
    with xdf.edit(path) as editor:
        editor.set_field("small", description="a small number", low=-5, high=500.0)
        editor.set_field("year", value_codes=[1999.0, "x"], value_labels=["the year of the eclipse", "no year"])
        editor.set_field("weather", levels=[level.upper() for level in levels], ordered=True)
        editor.rename({"small": "tiny"})
        assert editor.schema.names[0] == "tiny"
    with xdf.open(path) as file:
        tiny, year, changed = (file.schema.field(name) for name in ("tiny", "year", "weather"))
    assert (tiny.description, tiny.low, tiny.high) == ("a small number", -5.0, 500.0)
    assert (year.value_codes, year.value_labels) == ((1999.0, "x"), ("the year of the eclipse", "no year"))
    assert (changed.levels, changed.ordered) == (tuple(level.upper() for level in levels), True)
    assert weather(path) == [value and value.upper() for value in BATCHES[0].column("weather").to_pylist()]
    assert xdf.verify(path).is_sound


def test_an_edit_is_one_small_commit_and_overwrites_nothing(path: Path) -> None:
    with xdf.append(path) as writer:
        for _ in range(20):
            writer.write(BATCHES[1])
            writer.commit()
    before = path.read_bytes()
    with xdf.edit(path) as editor:
        editor.set_field("weather", levels={"fog": "Nebel"})
        editor.rename({"small": "klein"})
    after = path.read_bytes()
    assert after[layout.HEADER_SIZE : len(before)] == before[layout.HEADER_SIZE :]
    assert len(after) - len(before) < 4000
    changed = {offset for offset in range(layout.HEADER_SIZE) if before[offset] != after[offset]}
    assert changed <= {o + place for o in layout.SLOT_OFFSETS for place in range(layout.COMMIT_SIZE)}


def test_readers_keep_the_names_and_levels_they_opened(path: Path) -> None:
    with xdf.open(path) as early, xdf.open(path) as untouched:
        assert "fog" in (early.schema.field("weather").levels or ())
        with xdf.edit(path) as editor:
            editor.set_field("weather", levels={"fog": "Nebel"})
            editor.rename({"small": "klein"})
            assert_same_table(read_all(path), BATCHES[0])
        for reader in (early, untouched):
            assert_same_table(reader.to_arrow(), BATCHES[0])
    assert "Nebel" in weather(path)


def test_appending_after_levels_were_renamed(path: Path) -> None:
    with xdf.edit(path) as editor:
        editor.set_field("weather", levels={"fog": "Nebel"})
    before = weather(path)
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    assert weather(path) == before + BATCHES[1].column("weather").to_pylist()
    levels = xdf.open(path).schema.field("weather").levels
    assert levels is not None
    assert {"Nebel", "fog"} <= set(levels)
    assert len(levels) == 6
    assert xdf.verify(path).is_sound


def test_names_are_exchanged_at_once(path: Path) -> None:
    with xdf.edit(path) as editor:
        editor.rename({"small": "year", "year": "small"})
    table = read_all(path)
    assert table.column("year").to_pylist() == BATCHES[0].column("small").to_pylist()
    assert table.column("small").to_pylist() == BATCHES[0].column("year").to_pylist()


def test_the_same_levels_in_another_order_exchange_their_meaning(path: Path) -> None:
    levels = list(xdf.open(path).schema.field("weather").levels or ())
    with xdf.edit(path) as editor:
        editor.set_field("weather", levels=levels[::-1])
    meaning = dict(zip(levels, levels[::-1], strict=True))
    assert weather(path) == [value and meaning[value] for value in BATCHES[0].column("weather").to_pylist()]


def test_nothing_changes_without_a_change_or_after_an_exception(path: Path) -> None:
    before = path.read_bytes()
    with xdf.edit(path) as editor:
        editor.set_field("small", description="")
        editor.commit()
    editor.close()

    def fail() -> None:
        with xdf.edit(path) as editor:
            editor.rename({"small": "tiny"})
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_bytes() == before
    editor = xdf.edit(path)
    editor.rename({"small": "tiny"})
    del editor
    assert path.read_bytes() == before
    xdf.append(path).close()


def test_several_commits(path: Path) -> None:
    with xdf.edit(path) as editor:
        editor.set_field("weather", levels={"fog": "Nebel"})
        editor.commit()
        assert "Nebel" in weather(path)
        editor.set_field("weather", levels={"Nebel": "brume"})
        assert "brume" not in weather(path)
    assert "brume" in weather(path)
    with pytest.raises(xdf.XdfError, match=r"a.xdf: this editor was closed"):
        editor.rename({"small": "tiny"})


def test_low_and_high_go_back_to_those_of_the_data(path: Path) -> None:
    with xdf.edit(path) as editor:
        editor.set_field("small", low=-7.0)
    assert xdf.open(path).schema.field("small").low == -7.0
    with xdf.edit(path) as editor:
        editor.set_field("small", low=None)
    assert xdf.open(path).schema.field("small").low == 0.0


REFUSED = {
    "another type": ({"name": "small", "type": pa.int8()}, "column 'small': type cannot be changed here; allowed:"),
    "a name": ({"name": "small", "dtype": 1}, "dtype cannot be changed here; allowed"),
    "levels of a number": ({"name": "small", "levels": ["a"]}, "'small' is int64 and not a factor: it has no levels"),
    "order of a number": ({"name": "small", "ordered": True}, "'small' is int64 and not a factor: it has no ordered"),
    "low of a text": ({"name": "text", "low": 1.0}, "column 'text' is string and not numeric: it has no low"),
    "high of a factor": (
        {"name": "weather", "high": 1},
        "column 'weather' is a factor and not numeric: it has no high",
    ),
    "too few levels": (
        {"name": "weather", "levels": ["a"]},
        "'weather' has 5 levels and 1 were given. Levels are rena",
    ),
    "an unknown level": (
        {"name": "weather", "levels": {"fg": "f"}},
        "there is no level 'fg' to be renamed. 5 levels: ",
    ),
    "two levels alike": (
        {"name": "weather", "levels": {"fog": "rain"}},
        "a.xdf: column 'weather': factor level 'rain'",
    ),
    "one text": ({"name": "weather", "levels": "abcde"}, "column 'weather': levels must be a sequence; got 'abcde'"),
    "levels of numbers": ({"name": "weather", "levels": [1, 2, 3, 4, 5]}, "column 'weather': 1 is not valid Unicode"),
    "an order of text": ({"name": "weather", "ordered": "yes"}, "ordered is True or False; got 'yes'"),
    "codes alone": ({"name": "small", "value_codes": [1.0]}, "1 value codes but 0 value labels"),
    "codes of one": ({"name": "small", "value_codes": 1.0}, "value_codes must be a sequence; got 1.0"),
    "a range upside down": ({"name": "small", "low": 5, "high": 1}, "column 'small': low 5 lies above high 1"),
    "not a number": ({"name": "small", "low": "least"}, "low is a number or None; got 'least'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_edited(path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    before = path.read_bytes()
    with xdf.edit(path) as editor:
        with pytest.raises(xdf.XdfSchemaError) as caught:
            editor.set_field(**changes)  # type: ignore[arg-type]
        assert message in str(caught.value)
        assert str(caught.value).startswith(str(path))
    assert path.read_bytes() == before


def test_names_that_cannot_be_given(path: Path) -> None:
    with xdf.edit(path) as editor:
        with pytest.raises(xdf.XdfColumnError, match=r"a.xdf: column 'smal' is not there. Closest: 'small'"):
            editor.rename({"smal": "tiny"})
        with pytest.raises(xdf.XdfColumnError, match=r"column 'smal' is not there. Closest: 'small'"):
            editor.set_field("smal", description="")
        with pytest.raises(xdf.XdfSchemaError, match=r"a.xdf: two columns are called 'year'; names must differ"):
            editor.rename({"small": "year"})
        with pytest.raises(xdf.XdfSchemaError, match=r"a.xdf: a column needs a name"):
            editor.rename({"small": ""})
        with pytest.raises(xdf.XdfSchemaError, match=r"column 'small': a name is a text; got 5"):
            editor.rename({"small": 5})  # type: ignore[dict-item]
        editor.rename({"small": "tiny"})
        editor.set_field("tiny", description="still usable")
    assert xdf.open(path).schema.field("tiny").description == "still usable"


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_full_disk_leaves_the_old_labels(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    real = getattr(os, call)
    for allowed in range(12):
        calls = 0

        def count(*arguments: object, allowed: int = allowed) -> object:
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments)

        editor = xdf.edit(path)
        editor.rename({"small": "tiny"})
        editor.set_field("weather", levels={"fog": "Nebel"})
        with monkeypatch.context() as patch:
            patch.setattr(os, call, count)
            try:
                editor.close()
                break
            except xdf.XdfWriteError as error:
                assert str(error) == f"{path}: the system refused to write: No space left on device"  # noqa: PT017
        with xdf.open(path) as file:
            renamed = "tiny" in file.schema
            assert renamed == ("Nebel" in (file.schema.field("weather").levels or ()))
            # Only when the slot was written and not synced is the commit there, and then whole.
            assert not renamed or (call, allowed) == ("fsync", 2)
        if renamed:
            break
    assert allowed >= 2
    assert "tiny" in xdf.open(path).schema
    assert xdf.verify(path).is_sound


def test_files_that_cannot_be_edited(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        xdf.edit(tmp_path / "missing.xdf")
    (tmp_path / "t.xdf").write_text("a,b\n")
    with pytest.raises(xdf.XdfFormatError, match="it looks like a text file"):
        xdf.edit(tmp_path / "t.xdf")


def test_ten_thousand_columns_are_renamed_in_a_moment(tmp_path: Path) -> None:
    batch = pa.record_batch({f"x{number}": [number] for number in range(10_000)})
    path = write_file(tmp_path / "wide.xdf", batch)
    with xdf.edit(path) as editor:
        editor.rename({f"x{number}": f"y{number}" for number in range(10_000)})
        for number in range(10_000):
            editor.set_field(f"y{number}", description=f"number {number}")
    with xdf.open(path) as file:
        assert file.schema.names[-1] == "y9999"
        assert file.schema.fields[77].description == "number 77"
