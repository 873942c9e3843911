"""Calling what users give as `transform_function` or as a callable in `transforms`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from rxcore.errors import OptionError


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """Where a chunk stands.

    Attributes
    ----------
    start_row : int
        Row of its first row in the file, counted from 1.
    chunk_number : int
        Its number in the file, counted from 1; 0 for the trial chunk that tells the types.
    n_rows : int
    label : str
        Name of the file or data.
    file : int
        Number of the file within the source, counted from 0.
    is_trial : bool
        Whether it is the trial chunk: its result tells types only.
    is_prediction : bool
        Whether the rows are read for prediction, where a response need not be computed.
    """

    start_row: int
    chunk_number: int
    n_rows: int
    label: str
    file: int = 0
    is_trial: bool = False
    is_prediction: bool = False


class TransformContext(MutableMapping[str, Any]):
    """What a transform function sees as its second argument: the transform objects, and where the chunk stands.

    Transform objects are read as ``context["name"]`` or ``context.name``; the chunk as ``context.start_row``,
    ``context.chunk_number``, ``context.n_rows``, ``context.label``, ``context.is_trial``, ``context.is_prediction`` or
    together as ``context.chunk``. Writing ``context["name"] = value`` changes the object for the chunks that follow in
    the same process; what the trial chunk writes is forgotten.
    """

    def __init__(self, objects: dict[str, Any], chunk: ChunkInfo) -> None:
        self.transform_objects = objects
        self.chunk = chunk

    def __getitem__(self, name: str) -> Any:
        return self.transform_objects[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.transform_objects[name] = value

    def __delitem__(self, name: str) -> None:
        del self.transform_objects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.transform_objects)

    def __len__(self) -> int:
        return len(self.transform_objects)

    def __getattr__(self, name: str) -> Any:
        if name in ("transform_objects", "chunk"):  # not there yet while an instance is being unpickled
            raise AttributeError(name)
        if name in self.transform_objects:
            return self.transform_objects[name]
        if name in ChunkInfo.__slots__:
            return getattr(self.chunk, name)
        known = ", ".join([*self.transform_objects, *ChunkInfo.__slots__])
        raise AttributeError(f"the transform context has no {name!r}; it has: {known}")


@dataclass(frozen=True, eq=False)
class UserFunction:
    """A function of the user and how it wants to be called; made by :func:`user_function`.

    Attributes
    ----------
    what : str
        How errors name it: ``transform_function 'add_late'``.
    context_name : str or None
        The parameter that takes the context; an empty string passes it by position.
    object_names : tuple of str
        Parameters that take transform objects.
    """

    function: Callable[..., Any]
    what: str
    context_name: str | None
    object_names: tuple[str, ...]

    def __call__(self, data: Any, objects: dict[str, Any], chunk: ChunkInfo) -> Any:
        """Call it on one chunk. An error it raises is passed on with a note that says which chunk it was."""
        keywords = {name: objects[name] for name in self.object_names}
        positional = [data]
        if self.context_name == "":
            positional.append(TransformContext(objects, chunk))
        elif self.context_name is not None:
            keywords[self.context_name] = TransformContext(objects, chunk)
        try:
            return self.function(*positional, **keywords)
        except Exception as error:
            place = "the trial chunk" if chunk.is_trial else f"chunk {chunk.chunk_number}"
            error.add_note(f"in {self.what}, {place} (from row {chunk.start_row}) of {chunk.label}")
            raise


def user_function(function: Callable[..., Any], objects: Mapping[str, Any], what: str) -> UserFunction:
    """Find out from its signature how a function wants to be called.

    Parameters after the first that are named after transform objects get those; one other parameter, whatever its name,
    gets the context. ``**kwargs`` gets all transform objects. Parameters with defaults are left alone unless they are
    called ``context`` or named after an object.

    Raises
    ------
    OptionError
        When it is not callable, or a parameter cannot be filled.
    """
    if not callable(function):
        raise OptionError(f"{what} must be a function; got {type(function).__name__}: {function!r:.80}")
    what = f"{what} {getattr(function, '__name__', type(function).__name__)!r}"
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return UserFunction(function, what, None, ())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise OptionError(f"{what} must take the chunk as its first parameter; it takes none")
    rest = parameters[1:] if parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL else []
    kinds = inspect.Parameter
    named = [one for one in rest if one.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    names = [one.name for one in named if one.name in objects]
    if any(one.kind is kinds.VAR_KEYWORD for one in rest):
        names += [name for name in objects if name not in names]
    others = [one for one in named if one.name not in objects and (one.default is kinds.empty or one.name == "context")]
    nameless = [one for one in rest if one.kind is kinds.POSITIONAL_ONLY and one.default is kinds.empty]
    if len(others) + len(nameless) > 1:
        unfilled = ", ".join(one.name for one in [*nameless, *others])
        raise OptionError(
            f"{what} has parameters {unfilled}; one may take the context, every other must be named after a key of "
            f"transform_objects; got keys: {', '.join(objects) or 'none'}"
        )
    context = "" if nameless else others[0].name if others else None
    return UserFunction(function, what, context, tuple(names))
