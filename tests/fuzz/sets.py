"""Damage to composite sets: to any of their files, to which files there are, and to what the metadata file says.

Half of the cases are damaged as single files are, a file of the set at a time. In the other half the tables of the
metadata file are changed behind right checksums: names of data files, their rows and blocks, codes of levels, index.
"""

from __future__ import annotations

import collections
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fuzz.anatomy import Anatomy, assemble, changed_row, noisy, rows_of, take_apart, unframe
from fuzz.oracle import judge, limit_memory
from fuzz.subjects import Subject, sets

from xdf.format import COMPOSITE

Damage = Callable[[bytes, random.Random], bytes]


def run_sets(damages: list[Damage], count: int, seed: int, folder: Path, repair_every: int) -> str:
    """So many damaged sets; raises when one gives anything but right data or an error in words."""
    limit_memory()
    chance = random.Random(seed)
    path = folder / "case"
    outcomes: collections.Counter[str] = collections.Counter()
    for subject in sets():
        _write(path, subject.files)
        assert judge(path, subject, repair=True) == "right", subject.name
        metadata = next(name for name in subject.files if name.startswith("metadata"))
        _write(path, {**subject.files, metadata: assemble(dissect_metadata(subject.files[metadata]))})
        assert judge(path, subject) == "right", subject.name
    for number in range(count):
        subject = chance.choice(sets())
        is_forged = chance.random() < 0.5
        files = _forged(subject, chance) if is_forged else _damaged(subject, damages, chance)
        _write(path, files)
        outcomes[judge(path, None if is_forged else subject, repair=number % repair_every == 0)] += 1
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))


def _write(path: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    for name, raw in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(raw)


def _damaged(subject: Subject, damages: list[Damage], chance: random.Random) -> dict[str, bytes]:
    files = dict(subject.files)
    metadata = [name for name in files if name.startswith("metadata")]
    names = metadata if chance.random() < 0.4 else sorted(set(files) - set(metadata))
    name = chance.choice(names)
    kind = chance.random()
    if kind < 0.1:
        del files[name]
    elif kind < 0.2:
        other = chance.choice(sorted(files))
        files[name], files[other] = files[other], files[name]
    else:
        files[name] = chance.choice(damages)(files[name], chance)
    return files


def _forged(subject: Subject, chance: random.Random) -> dict[str, bytes]:
    name = next(name for name in subject.files if name.startswith("metadata"))
    anatomy = dissect_metadata(subject.files[name])
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        place = chance.randrange(len(anatomy.pages))
        page, content = anatomy.pages[place]
        changed = noisy(content, chance) if chance.random() < 0.2 else changed_row(content, chance)
        if changed is not None:
            pages = (*anatomy.pages[:place], (page, changed), *anatomy.pages[place + 1 :])
            anatomy = replace(anatomy, pages=pages)
    return {**subject.files, name: assemble(anatomy)}


def dissect_metadata(raw: bytes) -> Anatomy:
    """The parts of a metadata file: pages only, its index among them, because its chunks lie elsewhere."""
    tables = take_apart(raw)
    pages = []
    for page in rows_of(tables[3]):
        where = int(str(page["offset"]))
        pages.append((page, unframe(raw[where : where + int(str(page["length"]))])))
    return Anatomy((), (), tuple(pages), tables, {}, len(rows_of(tables[1])), COMPOSITE)
