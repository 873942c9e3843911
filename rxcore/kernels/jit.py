"""How kernels are compiled: without the interpreter lock, without fast-math, cached for each user.

The cache lies in the user's own cache folder, so that an installed package stays read-only and no two users write one
folder. numba decides where a function is cached at the moment it is decorated; its setting is put back afterwards, so
other packages keep theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba
from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def cache_folder() -> Path:
    """Where compiled kernels of this user are kept."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home())
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rxcore" / f"kernels-numba-{numba.__version__}"


def kernel(function: FunctionT) -> FunctionT:
    """Compile a function of arrays and numbers. One signature each; never ``parallel``, never ``fastmath``."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        compiled: FunctionT = njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled
