"""A composite set of earlier days is read by every later version, by the library and by the document alone.

Never written again once a release has read it; before the first release: ``python tests/xdf/test_composite_golden.py``.
"""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
from golden_files import FOLDER, described
from test_composite_specification import read_set

import xdf

SET = FOLDER / "v1-set"


def make() -> None:
    shutil.rmtree(SET, ignore_errors=True)
    schema = xdf.Schema(
        (
            xdf.factor_field("size", ["small"], ordered=True, description="How large"),
            xdf.factor_field("kind", []),
            xdf.Field("x", pa.float64(), value_codes=(9.0,), value_labels=("nine",)),
        )
    )

    def rows(sizes: list[str | None], kinds: list[str | None], start: int) -> pa.RecordBatch:
        numbers = [float(start + number) for number in range(len(sizes))]
        return pa.record_batch(
            {"size": pa.array(sizes, pa.string()), "kind": pa.array(kinds, pa.string()), "x": numbers}
        )

    with xdf.create_composite(SET, schema, blocks_per_file=2) as writer:
        for number in range(3):
            writer.write(rows(["large", None], ["a", "b"], 2 * number))
        for part, kinds in zip(writer.reserve(2), (["c", "a"], [None, "d"]), strict=True):
            with part.open() as one:
                one.write(rows(["huge", "small"], list(kinds), 6))
    with xdf.append(SET) as appending:
        appending.write(rows(["large"], ["e"], 10))
    with xdf.edit(SET) as editor:
        editor.set_field("kind", levels={"a": "A"})
        editor.rename({"x": "number"})
    with xdf.open(SET) as file:
        text = json.dumps(described(file), ensure_ascii=False, indent=1)
    SET.with_suffix(".json").write_text(text + "\n", "utf-8")


def expected() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(SET.with_suffix(".json").read_text("utf-8"))
    return found


def test_the_golden_set_holds_what_it_held() -> None:
    with xdf.open(SET) as file:
        assert isinstance(file, xdf.XdfSet)
        assert file.n_files == 5
        assert described(file) == expected()


def test_the_golden_set_is_read_by_the_document_alone() -> None:
    columns, _ = read_set(SET)
    for name in ("size", "kind"):
        wanted = [value for block in expected()["blocks"] for value in block[name]]  # type: ignore[attr-defined]
        assert columns[name] == wanted
    assert columns["number"] == [0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 10]


if __name__ == "__main__":
    make()
