"""Small runs of what `make fuzz` does at full size (tests/fuzz)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests" / "fuzz"), *arguments],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


COUNTS = {"flips": 100, "truncations": 100, "splices": 100, "forged": 100, "sets": 60, "decoding": 10_000}


@pytest.mark.parametrize("part", COUNTS)
def test_hostile_bytes(part: str) -> None:
    done = fuzz(part, "--count", str(COUNTS[part]), "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " refused" in done.stdout


def test_the_engine_that_needs_nothing_installed() -> None:
    done = fuzz("guided", "--engine", "own", "--minutes", "0.05", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lines reached" in done.stdout


def test_the_oracle_sees_wrong_data(tmp_path: Path) -> None:
    """A judge that finds everything right proves nothing: hand it one of each sin."""
    from fuzz.oracle import ViolationError, judge
    from fuzz.subjects import subjects

    mixed, plain, *_ = subjects()
    path = tmp_path / "case.xdf"
    path.write_bytes(mixed.raw)
    assert judge(path, mixed, repair=True) == "right"
    with pytest.raises(ViolationError, match=r"wrong (data|columns)"):
        judge(path, plain)
