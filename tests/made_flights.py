"""Made-up flights: two text columns that become factors, whole and decimal numbers, missing values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CARRIERS = ("UA", "AA", "DL", "B6", "EV")


def made_flights(n_rows: int, seed: int = 7) -> pa.Table:
    """`delay` depends on the day, the carrier, the distance and the hour; some delays and distances are missing."""
    rng = np.random.default_rng(seed)
    day, carrier = rng.integers(0, 7, n_rows), rng.integers(0, 5, n_rows)
    hour = rng.integers(5, 24, n_rows)
    distance = rng.integers(100, 4000, n_rows)
    delay = np.rint(day - 2.0 * carrier + hour + distance / 500.0 + rng.normal(0.0, 20.0, n_rows)).astype(np.int64)
    no_delay, no_distance = rng.random(n_rows) < 0.03, rng.random(n_rows) < 0.01
    return pa.table(
        {
            "delay": pa.array(delay, mask=no_delay),
            "late": pa.array(delay > 15, mask=no_delay),
            "day": pa.array(np.array(DAYS)[day]),
            "carrier": pa.array(np.array(CARRIERS)[carrier]),
            "distance": pa.array(distance, mask=no_distance),
            "hour": pa.array(hour + rng.integers(0, 4, n_rows) / 4.0),
            "weight": pa.array(rng.integers(0, 4, n_rows)),
        }
    )
