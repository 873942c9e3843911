"""The long proofs, by hand: `make soak`, or `python tests/soak kills --count 300`.

Parts: ``kills`` (kill -9 at random moments), ``power`` (power cuts), ``readers`` (readers beside a writer), ``all``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from soak import kills, power, readers  # noqa: E402
from soak.world import SCHEMA, batch, numbers_in, rename_levels  # noqa: E402

import xdf  # noqa: E402

DEFAULTS = {"kills": 300, "power": 20_000, "readers": 1000}


def run_kills(folder: Path, count: int, seed: int, _: int) -> str:
    tally = kills.run(folder, count, seed)
    by_operation = ", ".join(f"{count} {name}" for name, count in tally.kills.items())
    return (
        f"{sum(tally.kills.values())} kills ({by_operation}); {tally.completed} operations completed, {tally.in_doubt} "
        f"kills inside a commit, {tally.rows:,} committed rows compared to the bit"
    )


def run_power(folder: Path, count: int, seed: int, _: int) -> str:
    """Appends and edits in turn on one file, with power cuts during each."""
    chance = random.Random(seed)
    path = folder / "power.xdf"
    with xdf.create(path, SCHEMA) as writer:
        writer.write(batch(0))
    label, cuts, operations = 0, 0, 0

    def look(place: Path) -> object:
        with xdf.open(place) as file:
            return numbers_in(file), file.schema.field("id").description

    while cuts < count:
        before = look(path)
        expected: dict[str, object] = {"start": before}
        numbers = list(before[0])  # type: ignore[index]
        work = power_edit if chance.random() < 0.4 else power_append
        label = work(path, chance, numbers, label, expected, look, lambda: min(200, count))
        cuts += min(200, count)
        operations += 1
        if len(numbers) > 30:
            path.unlink()
            with xdf.create(path, SCHEMA) as writer:
                writer.write(batch(0))
            label = 0
    return f"{cuts:,} power cuts during {operations} appends and edits"


def power_append(path, chance, numbers, label, expected, look, n_states) -> int:  # type: ignore[no-untyped-def]
    new = [chance.randrange(1000) for _ in range(3)]
    plan = [new[:1], new[1:]]
    description = f"state {label}"
    for step, part in enumerate(plan):
        numbers.extend(part)
        expected[f"commit {step}"] = (list(numbers), description)

    def work(recorder: power.Recorder) -> None:
        with xdf.append(path) as writer:
            for step, part in enumerate(plan):
                for number in part:
                    writer.write(kills._renamed(number, label))
                writer.commit()
                recorder.mark(f"commit {step}")

    power.cut_power(path, work, expected, look, chance, n_states())
    return int(label)


def power_edit(path, chance, numbers, label, expected, look, n_states) -> int:  # type: ignore[no-untyped-def]
    expected["commit"] = (list(numbers), f"state {label + 1}")

    def work(recorder: power.Recorder) -> None:
        with xdf.edit(path) as editor:
            rename_levels(editor, label + 1)
            editor.commit()
            recorder.mark("commit")

    power.cut_power(path, work, expected, look, chance, n_states())
    return int(label) + 1


def run_readers(folder: Path, count: int, seed: int, n_readers: int) -> str:
    found = readers.run(folder, count, n_readers, seed)
    return (
        f"{found['appends']} appends in {found['seconds']:.1f} s beside {n_readers} readers, which opened the file "
        f"{found['opens']:,} times, saw {found['snapshots']:,} snapshots and compared {found['blocks read']:,} blocks"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["all", *DEFAULTS])
    parser.add_argument("--count", type=int, help="kills, power cuts or appends; by default 300, 20,000 and 1,000")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be tried; by default a temporary one")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    for part in DEFAULTS if arguments.part == "all" else [arguments.part]:
        work = {"kills": run_kills, "power": run_power, "readers": run_readers}[part]
        count = arguments.count or DEFAULTS[part]
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            began = time.perf_counter()
            said = work(Path(folder), count, arguments.seed, arguments.readers)
            print(f"{part}: {said}; {time.perf_counter() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
