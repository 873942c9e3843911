"""The laws of updaters.

Run them on your own::

    from rxcore.testing import UpdaterCase, Rounding, UPDATER_LAWS

    case = UpdaterCase(name="MyMoments", make=MyMoments, blocks=blocks, comparison=Rounding(), reference=slow_moments)
    UPDATER_LAWS.check(case)                 # all of them; raises AssertionError naming every law that is broken

or one test for each law::

    @pytest.mark.parametrize("law", UPDATER_LAWS.names)
    def test_my_moments(law):
        UPDATER_LAWS[law](case)

Results of different merge orders are held together by the case's comparison; where nothing but copies or storage
differ, the bits must be the same.
"""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rxcore.blocks import Block
from rxcore.testing.comparisons import fingerprint, nbytes_of
from rxcore.testing.laws import LawBook, LawDoesNotApply, require
from rxcore.testing.reshape import all_missing, copied, emptied, narrowed, projected, recoded, recut, shifted, widened
from rxcore.testing.updater_case import (
    Refusal,
    UpdaterCase,
    clone,
    fold,
    fold_in_sequence,
    outcome,
    require_same_bits,
)
from rxcore.updaters.base import AnyUpdater

UPDATER_LAWS: LawBook[UpdaterCase] = LawBook("updater")


def _three_states(case: UpdaterCase, updater: AnyUpdater) -> tuple[Any, Any, Any]:
    """States of the first half, the next third and the rest of the rows."""
    one, two, three = (updater.update(updater.init(), block) for block in case.thirds())
    return one, two, three


@UPDATER_LAWS.law
def empty_is_identity(case: UpdaterCase) -> None:
    """Merging with an empty state, on either side, changes nothing."""
    for side in ("left", "right"):
        updater = case.make()
        state = fold(updater, case.fresh_blocks())
        expected = outcome(updater, state)
        merged = updater.merge(updater.init(), state) if side == "left" else updater.merge(state, updater.init())
        case.require_agreement(outcome(updater, merged), expected, f"merged with an empty {side} side")


@UPDATER_LAWS.law
def two_empties_are_empty(case: UpdaterCase) -> None:
    """Two empty states make an empty one, which then takes data like any other."""
    updater = case.make()
    both = updater.merge(updater.init(), updater.init())
    require_same_bits(outcome(updater, both), outcome(updater, updater.init()), "the result of two merged empty states")
    block = case.thirds()[0]
    actual = outcome(updater, updater.update(both, copied(block)))
    expected = outcome(updater, updater.update(updater.init(), block))
    case.require_agreement(actual, expected, "data after two empties", [block])


@UPDATER_LAWS.law
def any_partition_agrees(case: UpdaterCase) -> None:
    """However the rows are cut into blocks, and whether blocks are merged or folded in sequence: the same answer."""
    updater = case.make()
    expected = outcome(updater, fold(updater, case.fresh_blocks()))
    for rows in (None, 7, 1):
        blocks = [copied(block) for block in recut(case.blocks, rows)]
        what = "all rows in one block" if rows is None else f"blocks of {rows} row{'s' * (rows > 1)}"
        case.require_agreement(outcome(updater, fold(updater, blocks)), expected, f"{what}, against the blocks given")
    for rows in (7, 64):
        blocks = [copied(block) for block in recut(case.blocks, rows)]
        actual = outcome(updater, fold_in_sequence(updater, blocks))
        case.require_agreement(actual, expected, f"blocks of {rows} rows folded in sequence, against merged blocks")


@UPDATER_LAWS.law
def merge_leaves_right_alone(case: UpdaterCase) -> None:
    """``merge`` does not change its right side, at once or later, nor does the result change with it."""
    for order in ((0, 1, 2), (2, 1, 0)):
        updater = case.make()
        states = _three_states(case, updater)
        left, right, other = (states[number] for number in order)
        before = clone(right)
        merged = updater.merge(left, right)
        require_same_bits(right, before, "the right side after merge")
        merged = updater.update(updater.merge(merged, other), case.thirds()[0])
        require_same_bits(right, before, "the right side after its merged state took more data")
        after = fingerprint(merged)
        updater.update(right, case.thirds()[1])
        require(fingerprint(merged) == after, "the merged state changed when its right side was used again")


@UPDATER_LAWS.law
def folding_into_empty_leaves_inputs_alone(case: UpdaterCase) -> None:
    """Several filled states folded into an empty one are all as they were: the empty side must not take one over."""
    updater = case.make()
    states = _three_states(case, updater)
    before = clone(states)
    total = updater.init()
    for number, state in enumerate(states):
        total = updater.merge(total, state)
        require_same_bits(states, before, f"the states after {number + 1} were merged into an empty one")
    updater.update(total, case.thirds()[0])
    require_same_bits(states, before, "the states after the merged one took more data")


@UPDATER_LAWS.law
def merge_is_associative(case: UpdaterCase) -> None:
    """``(a + b) + c`` agrees with ``a + (b + c)``, whichever part is the largest."""
    for order in ((0, 1, 2), (2, 1, 0)):
        updater = case.make()
        states = _three_states(case, updater)
        a, b, c = (states[number] for number in order)
        left_first = updater.merge(updater.merge(clone(a), clone(b)), clone(c))
        right_first = updater.merge(clone(a), updater.merge(clone(b), clone(c)))
        case.require_agreement(
            outcome(updater, left_first), outcome(updater, right_first), "(a + b) + c, against a + (b + c)"
        )


@UPDATER_LAWS.law
def finalize_is_pure(case: UpdaterCase) -> None:
    """``finalize`` leaves the state as it is and gives the same bits again."""
    updater = case.make()
    for state in (fold(updater, case.fresh_blocks()), updater.init()):
        expected = outcome(updater, state)
        if isinstance(expected, Refusal):
            continue
        before = clone(state)
        first = updater.finalize(state)
        require_same_bits(state, before, "the state after finalize")
        require_same_bits(updater.finalize(state), first, "the result of a second finalize")


@UPDATER_LAWS.law
def result_is_detached(case: UpdaterCase) -> None:
    """A result does not change when the state it was read from takes more data."""
    updater = case.make()
    blocks = case.fresh_blocks()
    state = fold(updater, blocks[:1])
    result = updater.finalize(state)
    before = fingerprint(result)
    state = updater.merge(state, fold(updater, blocks[1:]))
    updater.update(state, blocks[0])
    require(fingerprint(result) == before, "the result changed when its state took more data; copy what it holds")


@UPDATER_LAWS.law
def init_is_fresh(case: UpdaterCase) -> None:
    """Every ``init`` is a new empty state that nothing done to another one reaches."""
    updater = case.make()
    untouched, one, two = updater.init(), updater.init(), updater.init()
    before = fingerprint(untouched)
    require(fingerprint(one) == before, "two calls of init differ")
    other = fold(updater, case.fresh_blocks())
    updater.update(one, case.fresh_blocks()[0])
    updater.merge(two, other)
    require(fingerprint(untouched) == before, "filling one empty state changed another")
    require(fingerprint(updater.init()) == before, "init gives something else after states were filled")


@UPDATER_LAWS.law
def pickles(case: UpdaterCase) -> None:
    """Updater and states go through pickle and carry on as if they had not."""
    updater = case.make()
    sent: AnyUpdater = pickle.loads(pickle.dumps(updater))  # noqa: S301 - our own bytes
    blocks = case.fresh_blocks()
    expected = outcome(updater, fold(updater, blocks))
    require_same_bits(outcome(sent, fold(sent, case.fresh_blocks())), expected, "the result of an unpickled updater")
    for state in (case.make().init(), fold(case.make(), blocks)):
        twin = pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
        require_same_bits(twin, state, "an unpickled state")
        one, other = case.make(), case.make()
        grown = one.update(clone(state), copied(blocks[0]))
        require_same_bits(other.update(twin, copied(blocks[0])), grown, "an unpickled state that took more data")


@UPDATER_LAWS.law
def blocks_are_only_read(case: UpdaterCase) -> None:
    """``update`` accepts read-only memory and writes to none, also where it could."""
    for writable in (False, True):
        updater = case.make()
        blocks = [copied(block, writable=writable) for block in case.blocks]
        before = [clone(dict(block.columns)) for block in blocks]
        fold(updater, blocks)
        for number, (block, columns) in enumerate(zip(blocks, before, strict=True)):
            require_same_bits(dict(block.columns), columns, f"block {number} after update")


@UPDATER_LAWS.law
def zero_rows_change_nothing(case: UpdaterCase) -> None:
    """A block without rows leaves the answer as it was, before and after data."""
    updater = case.make()
    empty = emptied(case.blocks[0])
    for state in (updater.init(), fold(updater, case.fresh_blocks())):
        expected = outcome(updater, state)
        actual = outcome(updater, updater.update(state, empty))
        case.require_agreement(actual, expected, "the result after a block of no rows")


@UPDATER_LAWS.law
def missing_rows_change_nothing(case: UpdaterCase) -> None:
    """A block whose every value is missing changes only counts of missing rows (see ``forget_missing``)."""
    for by_bitmap in (True, False):
        updater = case.make()
        for state in (updater.init(), fold(updater, case.fresh_blocks())):
            missing = all_missing(copied(case.blocks[0]), by_bitmap=by_bitmap)
            expected = case.forget_missing(outcome(updater, state))
            actual = case.forget_missing(outcome(updater, updater.update(state, missing)))
            how = "a bitmap of zeros" if by_bitmap else "NaN and codes without a level"
            case.require_agreement(actual, expected, f"the result after a block that is all missing by {how}")


@UPDATER_LAWS.law
def storage_does_not_matter(case: UpdaterCase) -> None:
    """The same values in wider or narrower types, over a base, with NaN or bitmap, as codes into other dictionaries:
    the same bits.
    """
    whole = recut(case.blocks, None)[0]
    updater = case.make()
    expected = outcome(updater, updater.update(updater.init(), copied(whole)))
    for change in (widened, narrowed, recoded):
        updater = case.make()
        actual = outcome(updater, updater.update(updater.init(), copied(change(whole))))
        require_same_bits(actual, expected, f"the result of the same values {change.__name__}")


@UPDATER_LAWS.law
def reads_its_columns_only(case: UpdaterCase) -> None:
    """``update`` needs no column besides those in ``columns``; others in the block do not matter."""
    updater, other = case.make(), case.make()
    expected = outcome(updater, fold(updater, case.fresh_blocks()))
    blocks = [projected(block, other.columns) for block in case.fresh_blocks()]
    require_same_bits(outcome(other, fold(other, blocks)), expected, "the result of blocks with its columns only")


@UPDATER_LAWS.law
def state_keeps_its_promised_size(case: UpdaterCase) -> None:
    """No state is larger than ``state_nbytes``, which is known before any data and does not change."""
    updater = case.make()
    promised = updater.state_nbytes()
    for what, state in (("an empty state", updater.init()), ("a filled state", fold(updater, case.fresh_blocks()))):
        held = nbytes_of(state)
        require(held <= promised, f"{what} holds {held} bytes, state_nbytes() says {promised}")
    require(updater.state_nbytes() == promised, "state_nbytes() changed after data were read")


@UPDATER_LAWS.law
def state_does_not_grow(case: UpdaterCase) -> None:
    """The same rows four times as often take no more room (half as much again, for sketches)."""
    sizes = []
    for times in (8, 32):
        updater = case.make()
        state = fold(updater, [copied(block) for _ in range(times) for block in case.blocks])
        sizes.append(nbytes_of(state))
    require(
        sizes[1] <= 1.5 * sizes[0],
        f"the state of the rows repeated 8 times holds {sizes[0]} bytes, of those repeated 32 times {sizes[1]}",
    )


@UPDATER_LAWS.law
def large_offset_keeps_digits(case: UpdaterCase) -> None:
    """With 1e8 added to the numbers the answer is still the reference's, within the bound for such numbers."""
    if case.reference is None:
        raise LawDoesNotApply("the case has no reference to hold shifted data against")
    names = case.offset_columns
    if names is None:
        read = [name for name in case.make().columns if name in case.blocks[0].columns]
        names = tuple(name for name in read if _is_float(case.blocks[0], name))
    if not names:
        raise LawDoesNotApply("no column to shift: the updater reads no floats, or offset_columns is empty")
    blocks = recut([shifted(block, names, 10**8) for block in case.blocks], None)
    updater = case.make()
    actual = outcome(updater, updater.update(updater.init(), copied(blocks[0])))
    case.require_agreement(actual, case.reference(blocks), f"with 1e8 added to {', '.join(names)}", blocks)


def _is_float(block: Block, name: str) -> bool:
    column = block.columns[name]
    return column.other is None and column.levels is None and column.values.dtype.kind == "f"


@UPDATER_LAWS.law
def same_blocks_give_same_bits(case: UpdaterCase) -> None:
    """Folding the same blocks again gives the same bits, with the same updater and with a new one."""
    updater = case.make()
    first = fold(updater, case.fresh_blocks())
    for what, again in (("the same updater", updater), ("a new updater", case.make())):
        require_same_bits(fold(again, case.fresh_blocks()), first, f"the state of the same blocks from {what}")


@UPDATER_LAWS.law
def agrees_with_reference(case: UpdaterCase) -> None:
    """All rows in one block give what the slow and obvious way gives."""
    if case.reference is None:
        raise LawDoesNotApply("the case has no reference")
    updater = case.make()
    actual = outcome(updater, updater.update(updater.init(), recut(case.fresh_blocks(), None)[0]))
    case.require_agreement(actual, case.reference(recut(case.blocks, None)), "against the reference")


@UPDATER_LAWS.law
def threads_do_not_interfere(case: UpdaterCase) -> None:
    """One updater used by several threads at once, each with states of its own: every answer as if it were alone."""
    blocks = case.fresh_blocks()
    updater = case.make()
    expected = [outcome(updater, updater.update(updater.init(), copied(block))) for block in blocks]
    todo = list(range(len(blocks))) * 8

    def work(number: int) -> str | None:
        state = updater.update(updater.init(), copied(blocks[number]))
        sample = case.sample([blocks[number]])
        return case.comparison.disagreement(outcome(updater, state), expected[number], sample)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            seen = [found for found in pool.map(work, todo) if found is not None]
    finally:
        sys.setswitchinterval(interval)
    require(not seen, f"{len(seen)} of {len(todo)} updates differ when four threads run at once: {seen[:1]}")
