from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rxcore.measure import Laps, MeasuredStepError, peak_bytes, run_fresh

STEP = """
import sys

def work(laps, megabytes):
    with laps("fill"):
        filled = bytearray(megabytes << 20)
    print("said aloud")
    laps.note(length=len(filled))

def fail(laps):
    print("on the way")
    raise ValueError("the reason")
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "measured_steps.py").write_text(STEP, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("steps")
def test_laps_and_notes_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    laps = run_fresh("measured_steps:work", {"megabytes": 64})
    (lap,) = laps.laps
    assert lap.name == "fill"
    assert 0 < lap.seconds < 60
    assert laps.notes == {"length": 64 << 20}
    assert "said aloud" in capfd.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="the standard library reads no peak memory there")
@pytest.mark.usefixtures("steps")
def test_peak_is_that_of_the_fresh_process_alone() -> None:
    weight = bytearray(300 << 20)
    small = run_fresh("measured_steps:work", {"megabytes": 1}, quiet=True).laps[0].peak_bytes
    large = run_fresh("measured_steps:work", {"megabytes": 101}, quiet=True).laps[0].peak_bytes
    assert 90 << 20 < large - small < 120 << 20
    assert small < len(weight) < peak_bytes()


@pytest.mark.usefixtures("steps")
def test_failure_tells_what_the_process_said() -> None:
    with pytest.raises(MeasuredStepError, match=r"(?s)measured_steps:fail ended with code 1:.*ValueError: the reason"):
        run_fresh("measured_steps:fail", {}, quiet=True)


def test_laps_add_up_in_order() -> None:
    laps = Laps()
    with laps("first"):
        pass
    with laps("second"):
        pass
    assert [lap.name for lap in laps.laps] == ["first", "second"]
    assert laps.laps[0].peak_bytes <= laps.laps[1].peak_bytes
