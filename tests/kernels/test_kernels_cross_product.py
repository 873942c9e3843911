"""Cross-products with factors unexpanded against dense columns, and their move to the user's columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from naive import dummies, exact_cross_product

from rxcore.blocks import Block
from rxcore.design import DesignTerm, make_design
from rxcore.kernels import cross_product as counts
from rxcore.solvers.normal_equations import Basis, in_model_basis
from rxcore.updaters.cross_product import CrossProduct
from rxcore.variables import Variable, VariableSet
from xdf.columns import Column

N = 1_300  # three tiles, the last one short


def data(seed: int = 3) -> tuple[Block, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    raw = {
        "a": rng.integers(0, 3, N),
        "b": rng.integers(0, 4, N),
        "x": rng.normal(5.0, 2.0, N).round(3),
        "z": rng.integers(-50, 50, N).astype(np.float64),
        "w": rng.integers(0, 4, N).astype(np.float64),
        "y": rng.normal(0.0, 1.0, N).round(3),
    }
    raw["x"][::97] = np.nan
    levels = {"a": pa.array(list("pqr")), "b": pa.array(list("stuv"))}
    columns = {
        name: Column(values.astype(np.int8), levels=levels[name]) if name in levels else Column(values)
        for name, values in raw.items()
    }
    return Block(N, columns), raw


VARIABLES = (
    Variable("a", "a", levels=("p", "q", "r")),
    Variable("b", "b", levels=("s", "t", "u", "v")),
    Variable("x", "x"),
    Variable("z", "z"),
    Variable("y", "y"),
    Variable("w", "w"),
)
TERMS = {
    "main": [DesignTerm("a", (), (0,)), DesignTerm("b", (), (1,)), DesignTerm("x", (2,), ())],
    "cells": [DesignTerm("a:b", (), (0, 1)), DesignTerm("x:z", (2, 3), ())],
    "slopes": [DesignTerm("a", (), (0,)), DesignTerm("x:a", (2,), (0,)), DesignTerm("z:a:b", (3,), (0, 1))],
    "numbers": [DesignTerm("x", (2,), ()), DesignTerm("z", (3,), ())],
}


def dense(terms: list[DesignTerm], raw: dict[str, np.ndarray]) -> np.ndarray:
    names = [variable.label for variable in VARIABLES]
    columns = [np.ones((N, 1))]
    for term in terms:
        part = np.ones((N, 1))
        for v in term.factors:
            grid = dummies(raw[names[v]], len(VARIABLES[v].levels))
            # First factor fastest.
            part = np.concatenate([part * grid[:, [k]] for k in range(grid.shape[1])], axis=1)
        for v in term.numbers:
            part = part * raw[names[v]][:, None]
        columns.append(part)
    return np.concatenate([*columns, raw["y"][:, None]], axis=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", sorted(TERMS))
def test_cross_product_in_the_users_columns(kind: str, weighted: bool) -> None:
    block, raw = data()
    design = make_design(VariableSet(VARIABLES), TERMS[kind], intercept=True, response=4, weight=5 if weighted else -1)
    design = design.with_origins(np.array([5.0, 0.25])[: len(design.layout.numbers)])
    updater = CrossProduct(design, 0.5)
    found = updater.finalize(updater.update(updater.init(), block))
    columns = dense(TERMS[kind], raw)
    # Every variable of the set takes part in the deletion of incomplete rows.
    complete = ~np.isnan(raw["x"])
    weights = raw["w"] if weighted else np.ones(N)
    complete &= weights > 0
    wanted = exact_cross_product(columns[complete], weights[complete])
    width = 1 + len(design.layout.numbers)
    moved = lambda places: np.where(places >= width, places + 1, places)  # noqa: E731
    basis = Basis(
        np.append(moved(design.first), width), np.append(moved(design.second), 0), np.append(design.factor, 0.5)
    )
    high, low = in_model_basis(found.matrix, basis)
    np.testing.assert_allclose(high + low, wanted, rtol=1e-12, atol=1e-9)
    assert found.counts[counts.N_VALID] == complete.sum()
    assert found.counts[counts.N_MISSING] == np.isnan(raw["x"]).sum()
    assert found.missing[2] == np.isnan(raw["x"]).sum()


def test_integers_about_a_short_origin_are_summed_exactly() -> None:
    block, raw = data()
    design = make_design(
        VariableSet((VARIABLES[3], VARIABLES[3])), [DesignTerm("z", (0,), ())], intercept=True, response=1
    )
    updater = CrossProduct(design.with_origins(np.array([2.0])), 2.0)
    found = updater.finalize(updater.update(updater.init(), block)).matrix
    assert found[1, 1] == float(sum((int(z) - 2) ** 2 for z in raw["z"]))


def test_weights_are_counted_by_kind() -> None:
    weights = np.array([1.0, 0.0, -1.0, 2.5, np.nan])
    block = Block(5, {"w": Column(weights), "y": Column(np.arange(5.0))})
    design = make_design(
        VariableSet((Variable("y", "y"), Variable("w", "w"))), [], intercept=True, response=0, weight=1
    )
    updater = CrossProduct(design)
    got = updater.finalize(updater.update(updater.init(), block)).counts
    assert got[counts.N_VALID] == 2
    assert got[counts.N_MISSING] == 1
    assert got[counts.N_ZERO_WEIGHT] == 1
    assert got[counts.N_NEGATIVE_WEIGHT] == 1
    assert got[counts.N_FRACTIONAL_WEIGHT] == 1


def test_many_numbers_take_the_matrix_product_and_agree() -> None:
    rng = np.random.default_rng(1)
    n_numbers = counts.DENSE_NUMBERS + 3
    raw = {f"x{k}": rng.integers(-9, 9, 700).astype(np.float64) for k in range(n_numbers)}
    block = Block(700, {name: Column(values) for name, values in raw.items()})
    variables = tuple(Variable(name, name) for name in raw)
    terms = [DesignTerm(f"x{k}", (k,), ()) for k in range(n_numbers - 1)]
    design = make_design(VariableSet(variables), terms, intercept=True, response=n_numbers - 1)
    updater = CrossProduct(design)
    got = updater.finalize(updater.update(updater.init(), block)).matrix
    columns = np.column_stack([np.ones(700), *raw.values()])
    np.testing.assert_array_equal(got, columns.T @ columns)
