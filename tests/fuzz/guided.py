"""Fuzzing guided by coverage: inputs that reach new lines of the reader are kept and changed further.

Uses atheris (libFuzzer) where it is installed, and a small engine of its own otherwise: lines are counted with
``sys.settrace``, inputs that reach a new one join the pool. Half of the changes are made behind right checksums.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST_INPUT = 1 << 16


def run_guided(minutes: float, seed: int, folder: Path, engine: str = "atheris") -> str:
    """Fuzz for so many minutes; raises, or dies, when something is found."""
    if engine == "own":
        return _run_own(minutes, seed, folder)
    try:
        import atheris
    except ImportError:
        return _run_own(minutes, seed, folder)
    return _run_atheris(atheris, minutes, seed, folder)


def _run_atheris(atheris: Any, minutes: float, seed: int, folder: Path) -> str:
    with atheris.instrument_imports(include=["xdf"]):
        import xdf.examine
        import xdf.reader
        import xdf.recovery
        import xdf.repair  # noqa: F401
    from fuzz.oracle import SECONDS_PER_CASE, judge, limit_memory
    from fuzz.subjects import legacy_files, subjects

    limit_memory()
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, raw in [*((subject.name, subject.raw) for subject in subjects()), *legacy_files().items()]:
        (corpus / name).write_bytes(raw)
    path = folder / "case.xdf"
    cases = 0
    deadline = time.monotonic() + 60 * minutes

    def one_input(data: bytes) -> None:
        nonlocal cases
        path.write_bytes(data)
        judge(path, None, repair=cases % 8 == 0)
        cases += 1
        if time.monotonic() > deadline:
            # libFuzzer ends the process in its own way, so the figures are given here.
            print(f"guided: {cases:,} cases with atheris, in {minutes:g} minutes", flush=True)
            atheris_exit()

    def atheris_exit() -> None:
        import os

        sys.stdout.flush()
        os._exit(0)

    def mutate(data: bytes, max_size: int, mutation_seed: int) -> bytes:
        changed = change(data, random.Random(mutation_seed))
        return atheris.Mutate(data, max_size) if changed is None else changed[:max_size]

    options = [
        f"-seed={seed % 2**31}", f"-max_len={LONGEST_INPUT}", f"-timeout={SECONDS_PER_CASE}", "-rss_limit_mb=4096",
        f"-artifact_prefix={folder}/", "-print_final_stats=1", "-verbosity=0", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], one_input, custom_mutator=mutate)
    atheris.Fuzz()
    return f"{cases:,} cases with atheris"


def change(data: bytes, chance: random.Random) -> bytes | None:
    """Another input from this one; None where plain bytes should be changed."""
    from fuzz.anatomy import assemble, dissect, mutate, noisy

    if chance.random() < 0.3:
        return None
    if chance.random() < 0.1:
        return noisy(data, chance)
    # What was forged before may not come apart any more.
    with contextlib.suppress(Exception):
        anatomy = dissect(data)
        for _ in range(chance.choice([1, 1, 2, 3])):
            anatomy = mutate(anatomy, chance)
        return assemble(anatomy)
    return None


def _run_own(minutes: float, seed: int, folder: Path) -> str:
    from fuzz.anatomy import noisy
    from fuzz.oracle import judge, limit_memory
    from fuzz.subjects import legacy_files, subjects

    import xdf

    limit_memory()
    chance = random.Random(seed)
    pool = [*(subject.raw for subject in subjects()), *legacy_files().values()]
    path = folder / "case.xdf"
    seen: set[tuple[str, int]] = set()
    inside = str(Path(xdf.__file__).parent)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(inside):
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    cases, deadline = 0, time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        data = chance.choice(pool[-64:] if chance.random() < 0.5 else pool)
        data = (change(data, chance) or noisy(data, chance))[:LONGEST_INPUT]
        path.write_bytes(data)
        reached: set[tuple[str, int]] = set()
        sys.settrace(trace)
        try:
            judge(path, None, repair=cases % 8 == 0)
        finally:
            sys.settrace(None)
        if not reached <= seen:
            seen |= reached
            pool.append(data)
        cases += 1
    return f"{cases:,} cases with the own engine, {len(seen):,} lines reached, {len(pool):,} inputs kept"
