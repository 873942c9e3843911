"""Statistics on data larger than memory, by the names of revoscalepy.

Names are imported on first use, so that ``import rxcore`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "rxcore.api.rx_import": ("rx_import",),
    "rxcore.api.rx_read_xdf": ("rx_read_xdf",),
    "rxcore.api.rx_get_info": ("rx_get_info",),
    "rxcore.api.rx_get_var_info": ("rx_get_var_info",),
    "rxcore.api.rx_get_var_names": ("rx_get_var_names",),
    "rxcore.api.rx_set_var_info": ("rx_set_var_info",),
    "rxcore.api.rx_summary": ("rx_summary",),
    "rxcore.api.rx_lin_mod": ("rx_lin_mod",),
    "rxcore.api.rx_logit": ("rx_logit",),
    "rxcore.api.rx_cov_cor": ("rx_cov_cor", "rx_cov", "rx_cor", "rx_sscp"),
    "rxcore.api.rx_cov_coef": ("rx_cov_coef", "rx_cor_coef", "rx_cov_data", "rx_cor_data"),
    "rxcore.api.rx_glm": ("rx_glm",),
    "rxcore.api.rx_predict": ("rx_predict", "rx_predict_default"),
    "rxcore.api.rx_export": ("rx_export_onnx", "rx_export_pmml"),
    "rxcore.api.rx_serialize_model": ("rx_serialize_model", "rx_unserialize_model"),
    "rxcore.api.data_sources": (
        "RxDataSource", "RxXdfData", "RxTextData", "RxParquetData", "RxOrcData", "RxFileSystem", "RxNativeFileSystem",
    ),
    "rxcore.compute_context": (
        "RxComputeContext", "RxLocalSeq", "RxLocalParallel",
        "rx_get_compute_context", "rx_set_compute_context", "rx_set_temp_compute_context",
    ),
    "rxcore.options": ("RxOptions",),
    "rxcore.results.cov_cor": ("CovCorResults",),
    "rxcore.results.linear": ("LinearResults",),
    "rxcore.results.linear_multiple": ("MultipleLinearResults",),
    "rxcore.step_control": ("RxStepControl",),
    "rxcore.results.logistic": ("LogisticResults",),
    "rxcore.results.glm": ("GlmResults",),
    "rxcore.results.summary": ("SummaryResults",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
# revoscalepy's names of the result classes.
_ALIASES = {
    "RxGlmResults": "GlmResults",
    "RxLinModResults": "LinearResults",
    "RxLogitResults": "LogisticResults",
    "RxSummaryResults": "SummaryResults",
}

__all__ = [
    "CovCorResults",
    "GlmResults",
    "LinearResults",
    "LogisticResults",
    "MultipleLinearResults",
    "RxComputeContext",
    "RxDataSource",
    "RxFileSystem",
    "RxGlmResults",
    "RxLinModResults",
    "RxLocalParallel",
    "RxLocalSeq",
    "RxLogitResults",
    "RxNativeFileSystem",
    "RxOptions",
    "RxOrcData",
    "RxParquetData",
    "RxStepControl",
    "RxSummaryResults",
    "RxTextData",
    "RxXdfData",
    "SummaryResults",
    "rx_cor",
    "rx_cor_coef",
    "rx_cor_data",
    "rx_cov",
    "rx_cov_coef",
    "rx_cov_cor",
    "rx_cov_data",
    "rx_export_onnx",
    "rx_export_pmml",
    "rx_get_compute_context",
    "rx_get_info",
    "rx_get_var_info",
    "rx_get_var_names",
    "rx_glm",
    "rx_import",
    "rx_lin_mod",
    "rx_logit",
    "rx_predict",
    "rx_predict_default",
    "rx_read_xdf",
    "rx_serialize_model",
    "rx_set_compute_context",
    "rx_set_temp_compute_context",
    "rx_set_var_info",
    "rx_sscp",
    "rx_summary",
    "rx_unserialize_model",
]


def __getattr__(name: str) -> Any:
    target = _ALIASES.get(name, name)
    if target not in _HOME_OF:
        raise AttributeError(f"module 'rxcore' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[target]), target)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


if TYPE_CHECKING:
    from rxcore.api.data_sources import (
        RxDataSource,
        RxFileSystem,
        RxNativeFileSystem,
        RxOrcData,
        RxParquetData,
        RxTextData,
        RxXdfData,
    )
    from rxcore.api.rx_cov_coef import rx_cor_coef, rx_cor_data, rx_cov_coef, rx_cov_data
    from rxcore.api.rx_cov_cor import rx_cor, rx_cov, rx_cov_cor, rx_sscp
    from rxcore.api.rx_export import rx_export_onnx, rx_export_pmml
    from rxcore.api.rx_get_info import rx_get_info
    from rxcore.api.rx_get_var_info import rx_get_var_info
    from rxcore.api.rx_get_var_names import rx_get_var_names
    from rxcore.api.rx_glm import rx_glm
    from rxcore.api.rx_import import rx_import
    from rxcore.api.rx_lin_mod import rx_lin_mod
    from rxcore.api.rx_logit import rx_logit
    from rxcore.api.rx_predict import rx_predict, rx_predict_default
    from rxcore.api.rx_read_xdf import rx_read_xdf
    from rxcore.api.rx_serialize_model import rx_serialize_model, rx_unserialize_model
    from rxcore.api.rx_set_var_info import rx_set_var_info
    from rxcore.api.rx_summary import rx_summary
    from rxcore.compute_context import (
        RxComputeContext,
        RxLocalParallel,
        RxLocalSeq,
        rx_get_compute_context,
        rx_set_compute_context,
        rx_set_temp_compute_context,
    )
    from rxcore.options import RxOptions
    from rxcore.results.cov_cor import CovCorResults
    from rxcore.results.glm import GlmResults
    from rxcore.results.glm import GlmResults as RxGlmResults
    from rxcore.results.linear import LinearResults
    from rxcore.results.linear import LinearResults as RxLinModResults
    from rxcore.results.linear_multiple import MultipleLinearResults
    from rxcore.results.logistic import LogisticResults
    from rxcore.results.logistic import LogisticResults as RxLogitResults
    from rxcore.results.summary import SummaryResults
    from rxcore.results.summary import SummaryResults as RxSummaryResults
    from rxcore.step_control import RxStepControl
