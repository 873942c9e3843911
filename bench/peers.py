"""The peers' side of the benchmarks, each as its own documentation would do it, from Parquet, in a process of its own.

Loading is a lap of its own: a peer that must hold the table pays for it, and one that has it already does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.models import CATEGORICAL, NUMERIC, SUMMARY_COLUMNS
from rxcore.measure import Laps


def polars_import(laps: Laps, path: str, output: str) -> None:
    """Text to Parquet, streamed."""
    import polars as pl

    with laps("import"):
        pl.scan_csv(path).sink_parquet(output)
    laps.note(output_bytes=Path(output).stat().st_size)


def polars_summary(laps: Laps, path: str) -> None:
    """Lazy scan, one expression for each figure."""
    import polars as pl

    figures = [
        getattr(pl.col(name), figure)().alias(f"{name}.{figure}")
        for name in SUMMARY_COLUMNS
        for figure in ("mean", "std", "min", "max", "count", "null_count")
    ]
    with laps("summary"):
        result = pl.scan_parquet(path).select(figures).collect(engine="streaming")
    laps.note(check=result["ArrDelay.std"][0])


def duckdb_import(laps: Laps, path: str, output: str) -> None:
    """Text to Parquet."""
    import duckdb

    with laps("import"):
        duckdb.sql(f"COPY (SELECT * FROM read_csv('{path}')) TO '{output}' (FORMAT parquet)")
    laps.note(output_bytes=Path(output).stat().st_size)


def duckdb_summary(laps: Laps, path: str) -> None:
    """One SELECT."""
    import duckdb

    figures = ", ".join(
        f"avg({name}), stddev_samp({name}), min({name}), max({name}), count({name}), count(*) - count({name})"
        for name in SUMMARY_COLUMNS
    )
    with laps("summary"):
        (row,) = duckdb.sql(f"SELECT {figures} FROM '{path}'").fetchall()
    laps.note(check=row[1])


def glum_linear(laps: Laps, path: str) -> None:
    """Categoricals unexpanded, no penalty."""
    _glum(laps, path, "normal", "ArrDelay")


def glum_logit(laps: Laps, path: str) -> None:
    """Categoricals unexpanded, no penalty."""
    _glum(laps, path, "binomial", "Late")


def _glum(laps: Laps, path: str, family: str, response: str) -> None:
    from glum import GeneralizedLinearRegressor

    with laps("load"):
        table, y = _complete(path, response)
    model = GeneralizedLinearRegressor(family=family, alpha=0, drop_first=True)
    with laps("fit"):
        model.fit(table, y)
    mean = model.predict(table)
    laps.note(check=float(model.family_instance.deviance(y, mean)), iterations=int(model.n_iter_))


def sklearn_linear(laps: Laps, path: str, rows: int) -> None:
    """Sparse dummies. ``rows``: how many of the first rows it gets."""
    from sklearn.linear_model import LinearRegression

    x, y = _sparse(laps, path, "ArrDelay", rows)
    with laps("fit"):
        model = LinearRegression().fit(x, y)
    laps.note(check=float(((y - model.predict(x)) ** 2).sum()))


def sklearn_logit(laps: Laps, path: str, rows: int) -> None:
    """Sparse dummies, no penalty, its default solver with enough iterations to end by itself."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    x, y = _sparse(laps, path, "Late", rows)
    with laps("fit"):
        model = LogisticRegression(C=float("inf"), max_iter=10_000).fit(x, y)
    deviance = 2 * float(log_loss(y, model.predict_proba(x), normalize=False))
    laps.note(check=deviance, iterations=int(model.n_iter_[0]))


def _complete(path: str, response: str, rows: int | None = None) -> tuple[Any, Any]:
    """The predictors of complete rows as a frame with categories, and the response as floats."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=[response, *CATEGORICAL, *NUMERIC])
    frame = (table if rows is None else table.slice(0, rows)).drop_null().to_pandas()
    y = frame.pop(response).to_numpy("float64")
    for name in CATEGORICAL:
        frame[name] = frame[name].cat.remove_unused_categories()
    return frame, y


def _sparse(laps: Laps, path: str, response: str, rows: int) -> tuple[Any, Any]:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    with laps("load"):
        frame, y = _complete(path, response, rows)
        encoder = make_column_transformer(
            (OneHotEncoder(drop="first"), CATEGORICAL), (StandardScaler(), NUMERIC), sparse_threshold=1.0
        )
        return encoder.fit_transform(frame), y
