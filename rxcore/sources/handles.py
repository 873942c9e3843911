"""Open handles, kept for a while: a file's footer is read once, not once per block."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

HandleT = TypeVar("HandleT")
_Key = tuple[int, str, int, int, int]


class HandleCache(Generic[HandleT]):
    """The handles used last, by process, path, inode, size and time of change: a changed file is opened anew.

    Handles are dropped, never closed here, because another thread may be reading from one; they close themselves when
    nobody holds them any more.
    """

    def __init__(self, opener: Callable[[str], HandleT], most: int = 32) -> None:
        self._opener = opener
        self._most = most
        self._lock = threading.Lock()
        self._handles: OrderedDict[_Key, HandleT] = OrderedDict()

    def get(self, path: str) -> HandleT:
        """The handle of a file as it is now. Raises OSError when it is gone."""
        status = os.stat(path)
        key = (os.getpid(), path, status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            handle = self._handles.get(key)
            if handle is not None:
                self._handles.move_to_end(key)
                return handle
        handle = self._opener(path)
        with self._lock:
            self._handles[key] = handle
            while len(self._handles) > self._most:
                self._handles.popitem(last=False)
        return handle
