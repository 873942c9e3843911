"""rx_serialize_model and rx_unserialize_model: fitted models as bytes."""

from __future__ import annotations

from typing import Any

from rxcore.errors import ModelFormatError
from rxcore.persistence.models import serialize, unserialize


def rx_serialize_model(model: Any, realtime_scoring_only: bool = False) -> bytes:
    """A fitted model as bytes, to be kept in a file or a database and read by :func:`rx_unserialize_model`.

    Parameters
    ----------
    model : LinearResults, LogisticResults or GlmResults
    realtime_scoring_only : bool, default False
        Leave out what plain predictions do without: covariances, counts of a cube, and the arguments of the call.
        Standard errors and intervals of predictions can then no longer be had.

    Returns
    -------
    bytes
        A checksum, JSON and plain arrays; no pickle, so that reading runs no code of whoever wrote it. Equal models
        give equal bytes. Bytes written by this version are read by all later ones.

    Raises
    ------
    ModelFormatError
        When `model` is nothing that can be stored so.

    Notes
    -----
    Passes: none. Not the bytes that revoscalepy or RevoScaleR write, which this library does not read.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> kept = rx_serialize_model(rx_lin_mod("y ~ x", frame, report_progress=0))
    >>> rx_unserialize_model(kept).coefficients.round(6).to_dict()
    {'(Intercept)': -0.5, 'x': 1.4}
    """
    return serialize(model, scoring_only=realtime_scoring_only)


def rx_unserialize_model(serialized_model: bytes) -> Any:
    """The model that :func:`rx_serialize_model` wrote.

    Parameters
    ----------
    serialized_model : bytes
        Also a bytearray or memoryview.

    Returns
    -------
    LinearResults, LogisticResults or GlmResults
        Prints and predicts as the model that was stored, to the last bit.

    Raises
    ------
    ModelFormatError
        When the bytes are no model, were damaged, or were written in a later format, which the message names.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = rx_unserialize_model(rx_serialize_model(rx_lin_mod("y ~ x", frame, report_progress=0)))
    >>> rx_predict(model, frame, report_progress=0)["y_Pred"].round(3).tolist()
    [0.9, 2.3, 3.7, 5.1]
    """
    if not isinstance(serialized_model, bytes | bytearray | memoryview):
        raise ModelFormatError(
            f"rx_unserialize_model: got {serialized_model.__class__.__name__}; it needs the bytes that "
            "rx_serialize_model gave"
        )
    try:
        return unserialize(bytes(serialized_model))
    except ModelFormatError as error:
        raise ModelFormatError(f"rx_unserialize_model: {error}") from error
