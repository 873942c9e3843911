"""The merge tree: its shape depends on block numbers only, and nothing is lost or counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.contexts.merge_tree import MergeTree, PassTree
from rxcore.errors import PartitionError

few = settings(max_examples=50, deadline=None)


def pair(left: object, right: object) -> tuple[object, object]:
    return (left, right)


def recursive_tree(leaves: list[object]) -> object:
    """The documented shape: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return (recursive_tree(leaves[:middle]), recursive_tree(leaves[middle:]))


def leaves_of(shape: object) -> list[object]:
    return [leaf for side in shape for leaf in leaves_of(side)] if isinstance(shape, tuple) else [shape]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 40, 100])
def test_leaves_in_order_make_the_documented_tree(n: int) -> None:
    tree: MergeTree[object] = MergeTree(pair)
    for leaf in range(n):
        tree.add(leaf, leaf)
    assert tree.close() == recursive_tree(list(range(n)))


@few
@given(st.permutations(range(37)))
def test_order_of_arrival_does_not_change_the_tree(arrival: list[int]) -> None:
    tree: MergeTree[object] = MergeTree(pair)
    for leaf in arrival:
        tree.add(leaf, leaf)
    assert tree.close() == recursive_tree(list(range(37)))


@few
@given(st.data())
def test_files_and_blocks_in_any_order_make_one_tree(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 9), max_size=7), label="blocks of each file")
    arrival = data.draw(st.permutations([(file, block) for file, n in enumerate(sizes) for block in range(n)]))
    tree: PassTree[object] = PassTree(pair)
    for file, block in arrival:
        tree.add(file, block, f"{file}.{block}")
    files = [recursive_tree([f"{file}.{block}" for block in range(n)]) for file, n in enumerate(sizes) if n]
    assert tree.close() == (recursive_tree(files) if files else None)


@few
@given(st.sets(st.integers(0, 60), min_size=1), st.randoms(use_true_random=False))
def test_gaps_in_the_numbers_keep_order_and_do_not_depend_on_arrival(numbers: set[int], random) -> None:
    shapes = set()
    for _ in range(3):
        arrival = sorted(numbers)
        random.shuffle(arrival)
        tree: MergeTree[object] = MergeTree(pair)
        for leaf in arrival:
            tree.add(leaf, leaf)
        shapes.add(tree.close())
    assert len(shapes) == 1
    assert leaves_of(shapes.pop()) == sorted(numbers)


@few
@given(st.integers(1, 64), st.integers(0, 5), st.randoms(use_true_random=False))
def test_subtrees_made_elsewhere_join_to_the_same_tree(n: int, level: int, random) -> None:
    # A remote worker folds a run of 2**level blocks and sends the complete subtrees it has.
    run = 1 << level
    parts = []
    for start in range(0, n, run):
        worker: MergeTree[object] = MergeTree(pair)
        for leaf in range(start, min(start + run, n)):
            worker.add(leaf, leaf)
        parts += list(worker.nodes.items())
    random.shuffle(parts)
    whole: MergeTree[object] = MergeTree(pair)
    for node, state in parts:
        whole.add_node(node, state)
    assert whole.close() == recursive_tree(list(range(n)))


def test_in_order_leaves_wait_in_at_most_as_many_nodes_as_n_has_binary_digits() -> None:
    tree: MergeTree[object] = MergeTree(pair)
    for leaf in range(1000):
        tree.add(leaf, leaf)
        assert len(tree.nodes) == (leaf + 1).bit_count()


def test_files_are_taken_by_number_and_empty_ones_passed_over() -> None:
    tree: PassTree[object] = PassTree(pair)
    tree.add(9, 0, "late file")
    tree.add(2, 0, "early file")
    tree.file(5)
    assert tree.close() == ("early file", "late file")


def test_nothing_added_gives_none() -> None:
    assert MergeTree(pair).close() is None
    assert PassTree(pair).close() is None


@pytest.mark.parametrize("again", range(6))
def test_a_block_that_comes_twice_is_an_error_also_when_it_was_merged_already(again: int) -> None:
    tree: PassTree[object] = PassTree(pair)
    for block in range(6):
        tree.add(3, block, block)
    with pytest.raises(PartitionError, match=f"block {again} came twice: a source numbered two blocks alike"):
        tree.add(3, again, "again")


def test_a_subtree_over_blocks_that_are_there_is_an_error() -> None:
    tree: MergeTree[object] = MergeTree(pair)
    tree.add(5, 5)
    with pytest.raises(PartitionError, match="block 4 came twice"):
        tree.add_node((1, 2), "blocks 4 and 5")


def test_a_state_may_be_none() -> None:
    # An updater may use None for "nothing seen"; it must not be taken for an absent sibling.
    merged = []

    def note(left: object, right: object) -> object:
        merged.append((left, right))
        return left or right

    tree: PassTree[object] = PassTree(note)
    for block, state in enumerate([None, "b", None, None]):
        tree.add(0, block, state)
    assert tree.close() == "b"
    assert merged == [(None, "b"), (None, None), ("b", None)]
