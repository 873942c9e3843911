"""Meat and cluster sums against dense matrices: every row written out, every cluster looked up by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import dummies
from tolerances import ROBUST_SUMS

from rxcore.blocks import Block
from rxcore.design import Design, DesignTerm, make_design
from rxcore.errors import MemoryBudgetError
from rxcore.kernels import cross_product
from rxcore.kernels.glm import GAUSSIAN_IDENTITY
from rxcore.testing.updater_case import fold
from rxcore.updaters import cluster_scores
from rxcore.updaters.cluster_keys import cluster_keys
from rxcore.updaters.cluster_scores import ClusterScores, ClusterTable
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.meat import Meat
from rxcore.variables import Variable, VariableSet
from xdf.columns import Column

LEVELS = ("p", "q", "r")


def example(n_rows: int, n_numbers: int, seed: int = 0) -> tuple[Block, Design, Any, Any, Any]:
    """A block, a design of a factor and some numbers, its dense basis, the response and the weights."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n_rows)
    numbers = rng.normal(0.0, 1.0, (n_rows, n_numbers))
    y, w = rng.normal(0.0, 1.0, n_rows), rng.integers(1, 4, n_rows).astype(np.float64)
    columns = {"g": Column(codes.astype(np.int8), levels=pa.array(LEVELS)), "y": Column(y), "w": Column(w)}
    columns |= {f"x{k}": Column(numbers[:, k].copy()) for k in range(n_numbers)}
    variables = [Variable("g", "g", levels=LEVELS), *(Variable(f"x{k}", f"x{k}") for k in range(n_numbers))]
    terms = [DesignTerm("g", (), (0,)), *(DesignTerm(f"x{k}", (1 + k,), ()) for k in range(n_numbers))]
    terms.append(DesignTerm("x0:g", (1,), (0,)))
    places = {"response": n_numbers + 1, "weight": n_numbers + 2}
    design = make_design(
        VariableSet((*variables, Variable("y", "y"), Variable("w", "w"))), terms, intercept=True, **places
    )
    cells = dummies(codes, 3)
    dense = np.hstack([np.ones((n_rows, 1)), numbers, cells, cells * numbers[:, :1]])
    assert dense.shape[1] == design.layout.n_basis
    return Block(n_rows, columns), design, dense, y, w


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("power", [0, 1, 2])
@pytest.mark.parametrize("n_numbers", [2, cross_product.DENSE_NUMBERS + 3])
def test_meat(n_numbers: int, power: int, repeated: bool) -> None:
    block, design, dense, y, w = example(1_300, n_numbers)
    beta = np.linspace(-1.0, 1.0, dense.shape[1])
    bread = np.linalg.pinv(dense.T @ (w[:, None] * dense))
    updater = Meat(GlmPass(design, GAUSSIAN_IDENTITY, beta), bread, power, repeated)
    found = updater.finalize(updater.update(updater.init(), block))
    copies = w if repeated else np.ones_like(w)
    residuals = w * (y - dense @ beta) / copies
    leverage = np.einsum("ij,jk,ik->i", dense, bread, dense) * w / copies
    wanted = dense.T @ ((copies * residuals**2 / (1.0 - leverage) ** power)[:, None] * dense)
    np.testing.assert_allclose(found.matrix, wanted, rtol=ROBUST_SUMS, atol=ROBUST_SUMS * np.abs(wanted).max())
    assert found.n_determined == 0


def test_rows_that_determine_a_coefficient_are_counted() -> None:
    block, design, dense, _, w = example(40, 1)
    # The constant column alone: the leverage of a row is its weight over the largest.
    bread = np.zeros((dense.shape[1],) * 2)
    bread[0, 0] = 1.0 / w.max()
    updater = Meat(GlmPass(design, GAUSSIAN_IDENTITY, np.zeros(dense.shape[1])), bread, 2)
    found = updater.finalize(updater.update(updater.init(), block))
    assert found.n_determined == int((w == w.max()).sum())


def clusters_of(design: Design, names: Sequence[str], **settings: Any) -> ClusterScores:
    beta = np.linspace(-1.0, 1.0, design.layout.n_basis)
    values = {"most_clusters": 10**6, "most_rows": 10**6, "most_nbytes": 10**9, **settings}
    model = GlmPass(design, GAUSSIAN_IDENTITY, beta)
    return ClusterScores(model, tuple(names), (1,) * len(names), caller="here", **values)


@pytest.mark.parametrize("rows_at_once", [512, cluster_scores.ROWS_AT_ONCE])
@settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9, unique=True),
    years=st.integers(1, 5),
    cut=st.integers(1, 1_300),
    seed=st.integers(0, 10),
)
def test_cluster_sums(rows_at_once: int, ids: list[int], years: int, cut: int, seed: int) -> None:
    block, design, dense, y, w = example(1_300, 2, seed)
    rng = np.random.default_rng(seed)
    one, two = np.array(ids)[rng.integers(0, len(ids), 1_300)], rng.integers(0, years, 1_300)
    columns = {**block.columns, "one": Column(one), "two": Column(two.astype(np.int16))}
    pieces = [
        Block(stop - start, {name: Column(c.values[start:stop], levels=c.levels) for name, c in columns.items()})
        for start, stop in ((0, cut), (cut, 1_300))
    ]
    updater = clusters_of(design, ["one", "two"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_scores, "ROWS_AT_ONCE", rows_at_once)
        found = updater.finalize(fold(updater, pieces))
    scores = (w * (y - dense @ updater.model.beta))[:, None] * dense
    for part, keys in zip(found, (one, two, list(zip(one, two, strict=True))), strict=True):
        names = [str(key) for key in keys]
        sums = np.array([scores[[name == key for name in names]].sum(axis=0) for key in sorted(set(names))])
        wanted = sums.T @ sums
        assert part.n_clusters == len(sums)
        np.testing.assert_allclose(part.matrix, wanted, rtol=ROBUST_SUMS, atol=ROBUST_SUMS * np.abs(wanted).max())


def test_many_cells_of_a_cluster_stay_sorted() -> None:
    """A cluster with more cells than are sorted by insertion, joined with one that has others."""
    levels = tuple(f"level {k}" for k in range(200))
    rng = np.random.default_rng(1)
    codes, y = rng.integers(0, 200, 900), rng.normal(0.0, 1.0, 900)
    design = make_design(
        VariableSet((Variable("g", "g", levels=levels), Variable("y", "y"))),
        [DesignTerm("g", (), (0,))], intercept=True, response=1,
    )  # fmt: skip
    columns = {"g": Column(codes.astype(np.int16), levels=pa.array(levels)), "y": Column(y)}
    columns["id"] = Column((np.arange(900) % 3).astype(np.int8))
    updater = clusters_of(design, ["id"])
    table: ClusterTable = updater.update(updater.update(updater.init(), Block(900, columns)), Block(900, columns))
    for cluster in range(3):
        places = table.places[table.first[cluster] : table.first[cluster + 1]]
        assert np.all(np.diff(places) > 0)
        assert set(places) == {0, *(1 + codes[np.arange(900) % 3 == cluster])}


def test_the_state_holds_what_is_there_and_no_more_than_it_may() -> None:
    block, design, *_ = example(1_300, 2)
    columns = {**block.columns, "id": Column(np.arange(1_300) * 10**12)}
    halves = [
        Block(650, {name: Column(c.values[at : at + 650], levels=c.levels) for name, c in columns.items()})
        for at in (0, 650)
    ]
    updater = clusters_of(design, ["id"], most_clusters=2**40, most_rows=1_300)
    assert fold(updater, halves).keys.shape == (1_300, 1)
    small = clusters_of(design, ["id"], most_rows=1_300, most_nbytes=10_000)
    assert small.state_nbytes() < updater.state_nbytes()
    with pytest.raises(MemoryBudgetError, match=r"1,300 or more clusters of 'id' take 0\.1 MB.* leaves 0\.0 MB"):
        fold(small, halves)


@pytest.mark.parametrize(
    "column",
    [
        Column(np.array([5, -7, 5, 0, -7], np.int64)),
        Column(np.array([12, 0, 12, 7, 0], np.uint8), base=-7),
        Column(np.array([5.0, -7.0, 5.0, -0.0, -7.0])),
        Column(np.array([5.0, -7.0, 5.0, 0.0, -7.0], np.float32)),
        Column(np.array([2**63 + 5, 0, 2**63 + 5, 7, 0], np.uint64)),
        Column(np.array([1, 0, 1, 2, 0], np.int8), levels=pa.array(["a", "b", "c", "unused"])),
        Column(np.empty(0, np.uint8), other=pa.array(["b", "a", "b", "c", "a"])),
    ],
    ids=["whole", "narrowed", "float", "float32", "unsigned", "factor", "text"],
)
def test_keys_tell_values_apart(column: Column) -> None:
    keys, codes = cluster_keys([column])
    assert [tuple(row) for row in keys] == sorted({tuple(row) for row in keys})
    assert codes[0] == codes[2]
    assert codes[1] == codes[4]
    assert len({*codes}) == 3


def test_keys_are_the_same_however_a_column_is_stored() -> None:
    text = Column(np.empty(0, np.uint8), other=pa.array(["north", "", "dé", "north"]))
    factor = Column(np.array([2, 1, 0, 2], np.int8), levels=pa.array(["dé", "", "north"]))
    whole = Column(np.array([3, 1, 2, 3], np.int64))
    narrow = Column(np.array([2, 0, 1, 2], np.uint8), base=1)
    for one, other in ((text, factor), (whole, narrow)):
        for left, right in zip(cluster_keys([one]), cluster_keys([other]), strict=True):
            np.testing.assert_array_equal(left, right)


def test_missing_text_makes_no_trouble() -> None:
    keys, codes = cluster_keys([Column(np.empty(0, np.uint8), other=pa.array([None, None], pa.string()))])
    assert len(keys) == 1
    assert codes.tolist() == [0, 0]
