"""Hostile bytes for the reader, by hand: `make fuzz`, or `python tests/fuzz flips --count 5000`.

Parts: ``flips`` (single bits), ``truncations``, ``splices`` (blocks moved, wiped, doubled), ``forged`` (changes behind
right checksums), ``sets`` (all of that done to composite sets), ``decoding`` (contents and tables straight to the
decoders), ``legacy`` (files of RevoScaleR), ``guided`` (guided by coverage, for some minutes), ``all``. Each case must
give right data or a clear XdfError, in bounded time and memory; so must verify, and what repair writes must be sound
and hold nothing new. A damaged file that is appended to, edited or compacted has what it had and what was added, or is
refused and stays as it was.

Each part runs in a process of its own. When that dies, the file it died of is kept.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

DEFAULTS = {
    "flips": 5000,
    "truncations": 2000,
    "splices": 5000,
    "forged": 5000,
    "sets": 5000,
    "decoding": 200_000,
    "legacy": 5000,
}
KEPT = HERE.parents[1] / "build" / "fuzz"
# Verifying and repairing take longer than reading: each so many cases.
REPAIR_EVERY = 5


def flip(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncate(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw))]


def splice(raw: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(raw)), chance.choice([1, 8, 56, 512, 4096])
    part = raw[start : start + length]
    place = chance.randrange(len(raw))
    change = chance.choice(["wipe", "noise", "copy", "insert", "delete", "swap"])
    if change == "wipe":
        return raw[:start] + bytes(len(part)) + raw[start + len(part) :]
    if change == "noise":
        return raw[:start] + chance.randbytes(len(part)) + raw[start + len(part) :]
    if change == "copy":
        return (raw[:place] + part + raw[place + len(part) :])[: max(len(raw), place + len(part))]
    if change == "insert":
        return raw[:place] + part + raw[place:]
    if change == "delete":
        return raw[:start] + raw[start + length :]
    return flip(flip(raw, chance), chance)


def run_damage(damage: Callable[[bytes, random.Random], bytes], count: int, seed: int, folder: Path) -> str:
    """Cases of which the right outcome is known."""
    from fuzz.oracle import judge, limit_memory
    from fuzz.subjects import subjects

    limit_memory()
    chance = random.Random(seed)
    path = folder / "case.xdf"
    outcomes: collections.Counter[str] = collections.Counter()
    for number in range(count):
        subject = chance.choice(subjects())
        path.write_bytes(damage(subject.raw, chance))
        outcomes[judge(path, subject, repair=number % REPAIR_EVERY == 0)] += 1
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))


def run_forged(count: int, seed: int, folder: Path) -> str:
    """Changes behind right checksums: nobody knows what should be read, only how it may fail."""
    from fuzz.anatomy import assemble, dissect, mutate
    from fuzz.oracle import judge, limit_memory
    from fuzz.subjects import subjects

    limit_memory()
    chance = random.Random(seed)
    whole = [dissect(subject.raw) for subject in subjects()]
    path = folder / "case.xdf"
    for subject, anatomy in zip(subjects(), whole, strict=True):
        path.write_bytes(assemble(anatomy))
        # An unchanged file must come through, or nothing that follows means anything.
        assert judge(path, subject) == "right", subject.name
    outcomes: collections.Counter[str] = collections.Counter()
    for number in range(count):
        anatomy = chance.choice(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            anatomy = mutate(anatomy, chance)
        path.write_bytes(assemble(anatomy))
        outcomes[judge(path, None, repair=number % REPAIR_EVERY == 0)] += 1
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))


def run_legacy(count: int, seed: int, folder: Path) -> str:
    """Files of RevoScaleR, whose descriptions have no checksum: only how they may fail is known."""
    from fuzz.oracle import judge, limit_memory
    from fuzz.subjects import legacy_files

    limit_memory()
    chance = random.Random(seed)
    path = folder / "case.xdf"
    outcomes: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        raw = chance.choice([*legacy_files().values()])
        for _ in range(chance.choice([1, 1, 2, 4])):
            raw = chance.choice([flip, flip, truncate, splice])(raw, chance) or b"x"
        path.write_bytes(raw)
        outcomes[judge(path, None)] += 1
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))


def die(unraisable: object) -> None:
    """What goes wrong where nothing can be raised, such as in a finalizer, is a failure too."""
    sys.__unraisablehook__(unraisable)  # type: ignore[arg-type]
    sys.stderr.flush()
    os._exit(1)


def run_part(part: str, arguments: argparse.Namespace) -> str:
    count, seed, folder = arguments.count or DEFAULTS.get(part, 0), arguments.seed, arguments.here
    if part == "guided":
        from fuzz.guided import run_guided

        return run_guided(arguments.minutes, seed, folder, arguments.engine)
    if part == "sets":
        from fuzz.sets import run_sets

        return run_sets([flip, truncate, splice], count, seed, folder, REPAIR_EVERY)
    if part == "decoding":
        from fuzz.decoding import run_decoding

        return run_decoding(count, seed)
    if part in ("forged", "legacy"):
        return {"forged": run_forged, "legacy": run_legacy}[part](count, seed, folder)
    return run_damage({"flips": flip, "truncations": truncate, "splices": splice}[part], count, seed, folder)


def run_apart(part: str, arguments: argparse.Namespace) -> bool:
    """One part in a process of its own; keeps what it died of."""
    with tempfile.TemporaryDirectory() as name:
        command = [
            sys.executable, "-W", "ignore", str(HERE), part, "--here", name, "--seed", str(arguments.seed),
            "--minutes", str(arguments.minutes), "--engine", arguments.engine,
        ]  # fmt: skip
        if arguments.count is not None:
            command += ["--count", str(arguments.count)]
        began = time.perf_counter()
        done = subprocess.run(command, check=False)
        seconds = time.perf_counter() - began
        if done.returncode == 0:
            print(f"{part}: {seconds:.1f} s", flush=True)
            return True
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / f"{part}-{arguments.seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(name, kept)
        print(
            f"{part}: FAILED (exit {done.returncode}) after {seconds:.1f} s; what it died of is in {kept}", flush=True
        )
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["all", *DEFAULTS, "guided"])
    parser.add_argument("--count", type=int, help=f"cases; by default {DEFAULTS}")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the guided part; by default 30")
    parser.add_argument("--engine", choices=["atheris", "own"], default="atheris", help="of the guided part")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.here is not None:
        sys.unraisablehook = die
        said = run_part(arguments.part, arguments)
        print(f"{arguments.part}: {said}", flush=True)
        return 0
    print(f"seed {arguments.seed}", flush=True)
    parts = [*DEFAULTS, "guided"] if arguments.part == "all" else [arguments.part]
    failed = [part for part in parts if not run_apart(part, arguments)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
