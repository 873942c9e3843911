"""rx_export_onnx and rx_export_pmml: linear and logistic models for other scoring engines."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from rxcore.errors import MissingExtraError
from rxcore.export.linear_form import check_unseen, form_of, text_columns, write_whole
from rxcore.export.pmml import pmml_bytes


def rx_export_onnx(
    model: Any, path: str | os.PathLike[str], unseen_levels: str = "error", overwrite: bool = False
) -> None:
    """Write a linear or logistic model as an ONNX file, for onnxruntime and whatever else reads it.

    Parameters
    ----------
    model : LinearResults or LogisticResults
        Or a :class:`GlmResults` of the link identity, logit or log.
    path : path
        The file appears whole or not at all.
    unseen_levels : {"error", "missing", "reference"}, default "error"
        What a level that the model was not fitted with does when the file is scored: the runtime refuses the batch, the
        prediction is NaN, or that of the reference level.
    overwrite : bool, default False

    Raises
    ------
    MissingExtraError
        Without the package onnx: ``pip install rxcore[export]``.
    ModelFormatError
        For other models, and for terms without an equal among ONNX operators (``%%``, ``round``, dates, ``N``).
    OutputExistsError, OptionError

    Notes
    -----
    Inputs: one for each column, of shape (rows, 1): strings for factors (the empty string is missing), doubles for
    everything else (NaN is missing). Output: ``<response>_Pred`` of shape (rows, 1), as :func:`rx_predict` names it.
    The graph computes in double precision, because ONNX's own regression operators are single precision; it agrees with
    :func:`rx_predict` to rounding. Operator set 19, that is runtimes of 2023 and later. Passes: none.

    Examples
    --------
    >>> import pandas as pd, pathlib, tempfile
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = rx_lin_mod("y ~ x", frame, report_progress=0)
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     rx_export_onnx(model, pathlib.Path(folder) / "model.onnx")
    """
    from rxcore import __version__

    check_unseen("rx_export_onnx", unseen_levels)
    form = form_of(model, "rx_export_onnx")
    try:
        graphs = import_module("rxcore.export.onnx_graph")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("onnx"):
            raise
        raise MissingExtraError(
            "rx_export_onnx: the package onnx is not installed. Install it with: pip install 'rxcore[export]'"
        ) from error
    data = graphs.onnx_bytes(form, text_columns(form), unseen_levels, __version__)
    write_whole("rx_export_onnx", path, data, overwrite=overwrite)


def rx_export_pmml(
    model: Any, path: str | os.PathLike[str], unseen_levels: str = "error", overwrite: bool = False
) -> None:
    """Write a linear or logistic model as PMML 4.4, for JPMML and other scoring engines.

    Parameters
    ----------
    model : LinearResults or LogisticResults
        Or a :class:`GlmResults` of the link identity, logit or log.
    path : path
        The file appears whole or not at all.
    unseen_levels : {"error", "missing", "reference"}, default "error"
        What a level that the model was not fitted with does when the file is scored: the engine calls the row invalid,
        takes the level for missing, or for the reference level.
    overwrite : bool, default False

    Raises
    ------
    ModelFormatError
        For other models, and for terms without an equal among PMML's functions (``%%``, ``round``, dates, ``N``).
    OutputExistsError, OptionError

    Notes
    -----
    A RegressionModel: regression for a linear model, classification with the logit normalisation for a logistic one,
    whose output field ``<response>_Pred`` is the probability of the event. A row with anything missing has no
    prediction, as with :func:`rx_predict`. Needs no further package. Passes: none.

    Examples
    --------
    >>> import pandas as pd, pathlib, tempfile
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = rx_lin_mod("y ~ x", frame, report_progress=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rx_export_pmml(model, pathlib.Path(folder) / "model.pmml")
    ...     (pathlib.Path(folder) / "model.pmml").read_text().splitlines()[1]
    '<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4">'
    """
    from rxcore import __version__

    check_unseen("rx_export_pmml", unseen_levels)
    data = pmml_bytes(form_of(model, "rx_export_pmml"), unseen_levels, __version__)
    write_whole("rx_export_pmml", path, data, overwrite=overwrite)
