"""Merging states in one fixed order, however late or early they arrive.

States of blocks are the leaves of a binary tree over block numbers within a file; the trees of the files are the leaves
of a binary tree over files. The tree depends on the numbers only, so the bits of the result do not depend on threads,
machines or timing. An incomplete tree is closed from the right, so its shape follows from the number of leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from rxcore.errors import PartitionError

StateT = TypeVar("StateT")
Merge = Callable[[StateT, StateT], StateT]
_Node = tuple[int, int]  # level, index: covers leaves index * 2**level .. (index + 1) * 2**level - 1


class MergeTree(Generic[StateT]):
    """Binary tree over leaf numbers 0, 1, 2, ...; leaves may come in any order, each once."""

    def __init__(self, merge: Merge[StateT]) -> None:
        self._merge = merge
        self._nodes: dict[_Node, StateT] = {}

    def add(self, leaf: int, state: StateT) -> None:
        """Add the state of one leaf and merge every pair that is now complete."""
        self.add_node((0, leaf), state)

    def add_node(self, node: _Node, state: StateT) -> None:
        """Add the state of a complete subtree, as another tree's ``nodes`` gave it.

        Raises
        ------
        PartitionError
            When some of its leaves are there already.
        """
        if any(_overlap(node, held) for held in self._nodes):
            # Taking the second one in the place of the first would lose rows without a word.
            raise PartitionError(
                f"block {node[1] << node[0]} came twice: a source numbered two blocks alike or a context ran one again"
            )
        level, index = node
        while (level, index ^ 1) in self._nodes:
            sibling = self._nodes.pop((level, index ^ 1))
            state = self._merge(state, sibling) if index % 2 == 0 else self._merge(sibling, state)
            level, index = level + 1, index // 2
        self._nodes[level, index] = state

    @property
    def nodes(self) -> dict[_Node, StateT]:
        """The complete subtrees that still wait for a sibling."""
        return self._nodes

    def close(self) -> StateT | None:
        """The state of all leaves 0 .. n-1, or None when there was none.

        What is left are the subtrees of the binary digits of n, largest first; they are folded from the smallest.
        """
        ordered = [self._nodes[node] for node in sorted(self._nodes, key=lambda node: node[1] << node[0])]
        if not ordered:
            return None
        state = ordered.pop()
        while ordered:
            state = self._merge(ordered.pop(), state)
        return state


def _overlap(one: _Node, other: _Node) -> bool:
    """Whether two subtrees share leaves: one then contains the other."""
    lower, higher = min(one, other), max(one, other)
    return lower[1] >> (higher[0] - lower[0]) == higher[1]


class PassTree(Generic[StateT]):
    """The two levels: a tree over blocks for each file, then a tree over files."""

    def __init__(self, merge: Merge[StateT]) -> None:
        self._merge = merge
        self._files: dict[int, MergeTree[StateT]] = {}

    def add(self, file: int, block: int, state: StateT) -> None:
        """Add the state of one block."""
        self.file(file).add(block, state)

    def file(self, number: int) -> MergeTree[StateT]:
        """The tree of one file, made on first use."""
        return self._files.setdefault(number, MergeTree(self._merge))

    def close(self) -> StateT | None:
        """The state of everything, or None when no block came. Files without blocks are passed over."""
        outer: MergeTree[StateT] = MergeTree(self._merge)
        filled = [tree for _, tree in sorted(self._files.items()) if tree.nodes]
        for leaf, tree in enumerate(filled):
            outer.add(leaf, tree.close())  # type: ignore[arg-type]  # a tree with nodes has a state
        return outer.close()
