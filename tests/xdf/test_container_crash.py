from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from container_cases import assert_same_table, mixed_batch, read_all

import xdf

SCRIPT = Path(__file__).with_name("crash_writer.py")
BATCHES = [mixed_batch(200, seed) for seed in range(4)]


def run_crashes(mode: str, folder: Path) -> list[Path]:
    """The places left behind by a writer killed at each of its system calls; the last one got through."""
    search = os.pathsep.join([str(SCRIPT.parents[2]), str(SCRIPT.parent)])
    environment = {**os.environ, "PYTHONPATH": search}
    subprocess.run([sys.executable, str(SCRIPT), mode, str(folder)], check=True, env=environment, timeout=120)
    return sorted(place for place in folder.iterdir() if place.is_dir())


def test_a_killed_creation_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    *killed, finished = run_crashes("create", tmp_path)
    assert len(killed) > 20
    for place in killed:
        names = sorted(entry.name for entry in place.iterdir())
        if "crash.xdf" in names:
            # Only the last moments, when the file is whole and has its name, may show it.
            assert place in killed[-2:]
            assert_same_table(read_all(place / "crash.xdf"), *BATCHES[:2])
            names.remove("crash.xdf")
        for name in names:
            assert name.startswith(".crash.xdf.")
            assert name.endswith(".partial")
    assert [entry.name for entry in finished.iterdir()] == ["crash.xdf"]
    assert_same_table(read_all(finished / "crash.xdf"), *BATCHES[:2])


def test_a_killed_append_leaves_a_commit_and_can_be_continued(tmp_path: Path) -> None:
    places = run_crashes("append", tmp_path)
    assert len(places) > 30
    seen = []
    for place in places:
        path = place / "crash.xdf"
        with xdf.open(path) as file:
            seen.append(file.n_blocks)
            assert_same_table(file.to_arrow(), *BATCHES[: file.n_blocks])
            assert (file.schema.field("small").description == "edited") == (file.n_blocks == 3)
        with xdf.append(path) as writer:
            writer.write(BATCHES[3])
        assert_same_table(read_all(path), *BATCHES[: seen[-1]], BATCHES[3])
        assert [entry.name for entry in place.iterdir()] == ["crash.xdf"]
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3}


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.11])
def test_a_writer_killed_from_outside(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "k.xdf"
    program = (
        "import sys; from container_cases import mixed_batch, schema_of; import xdf\n"
        "batch = mixed_batch(200, 0)\n"
        "xdf.create(sys.argv[1], schema_of(batch)).close()\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    with xdf.append(sys.argv[1]) as writer: writer.write(batch)\n"
    )
    search = os.pathsep.join([str(SCRIPT.parents[2]), str(SCRIPT.parent)])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": search},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    with xdf.open(path) as file:
        table = file.to_arrow()
        if file.n_blocks:
            assert_same_table(table, *[mixed_batch(200, 0)] * file.n_blocks)
    xdf.append(path).close()
