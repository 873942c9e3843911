"""Files of earlier days are read by every later version, by the library and by the document alone."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from golden_files import FOLDER, GOLDEN, as_json, described
from specification_reader import read_by_specification, to_array

import xdf
from xdf.format import Encoding, Physical
from xdf.planes import CODE_BITS

FILES = sorted(FOLDER.glob("*.xdf"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_golden_file_holds_what_it_held(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    with xdf.open(path) as file:
        assert described(file) == expected
        for number in range(file.n_blocks):
            for name, column in file.read_block(number).items():
                field = file.schema.field(name)
                if not pa.types.is_decimal(field.type):
                    assert as_json(column.to_arrow(field)) == expected["blocks"][number][name]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_golden_file_is_read_by_the_document_alone(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    with xdf.open(path) as file:
        kinds = {field.name: field.type for field in file.schema}
    _, columns = read_by_specification(path)
    for name, kind in kinds.items():
        blocks = [as_json(to_array(values, kind)) for values in columns[name]]
        wanted = [block[name] for block in expected["blocks"]]
        if name == "NaN":
            # Python has one NaN only; its other bits are looked at above.
            blocks, wanted = ([[value[3:] == "" for value in block] for block in both] for both in (blocks, wanted))
        assert blocks == wanted


def test_no_golden_file_is_lost() -> None:
    assert {path.stem for path in FILES} >= set(GOLDEN)
    assert all(path.stat().st_size < 40_000 for path in FILES)


def test_the_golden_files_have_every_type_and_encoding() -> None:
    found, bits = set(), set()
    for path in FILES:
        with xdf.open(path) as file:
            cells = file._index.cells
            found |= set(zip(cells["physical"].ravel().tolist(), cells["encoding"].ravel().tolist(), strict=True))
            if path.stem in ("v1-codes", "v1-wide-codes"):
                for column in range(len(file.schema)):
                    content = file._content(file._index.entry(0, column))
                    bits.add(content[1])
    texts = {Physical.STRING, Physical.LARGE_STRING, Physical.BINARY}
    for physical in Physical:
        ways = {Encoding.DIRECT, Encoding.DICTIONARY, Encoding.TEXTS if physical in texts else Encoding.PLANES}
        assert {(int(physical), int(way)) for way in ways} <= found
    # More than twelve bits are for thousands of values, which these small files do not have.
    assert bits == {each for each in CODE_BITS if each <= 12}
