"""The flights, and R's values for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

HERE = Path(__file__).parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))  # for tolerances.py

COLUMNS = ["arr_delay", "dep_delay", "dep_time", "air_time", "distance", "hour", "carrier", "origin"]


def read_flights() -> pd.DataFrame:
    """The flights with the columns that the references use, plus `day_of_week` and `late`; factors are categories.

    Levels stand in order of first appearance, as everywhere in rxcore.
    """
    from rxcore.samples import read_flights as published

    table = published().to_pandas()
    frame = table[COLUMNS].copy()
    frame["day_of_week"] = pd.to_datetime(table[["year", "month", "day"]]).dt.day_name()
    for name in ("day_of_week", "carrier", "origin"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    frame["late"] = (frame["arr_delay"] > 15).astype("boolean").mask(frame["arr_delay"].isna())
    return frame


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    from rxcore.errors import MissingExtraError

    try:
        return read_flights()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def r_values() -> dict[str, Any]:
    return json.loads((HERE / "r" / "flights.json").read_text())
