"""The law kit: what every updater, source and compute context must hold to, for ours and for yours.

It ships with the package, needs no test runner, and raises ``AssertionError``. Each book of laws runs over a *case*,
which names the thing and the data to try it on::

    from rxcore.testing import CONTEXT_LAWS, SOURCE_LAWS, UPDATER_LAWS
    from rxcore.testing import ContextCase, SourceCase, UpdaterCase

    report = UPDATER_LAWS.check(UpdaterCase(name="MyUpdater", make=MyUpdater, blocks=blocks))
    print(report)

``example_moments.py`` is a small correct updater; ``faulty.py``, ``faulty_sources.py`` and ``faulty_contexts.py`` hold
many broken ones of each kind; the tests of this package show which law catches which.
"""

from rxcore.testing.comparisons import Comparison, Exact, NamedBound, Rounding, Sample, fingerprint, first_difference
from rxcore.testing.context_laws import CONTEXT_LAWS, ContextCase, documented_tree
from rxcore.testing.example_moments import ExampleMoments
from rxcore.testing.examples import MergeRecorder, Pauses, TableSource, example_table
from rxcore.testing.laws import LawBook, LawBroken, LawDoesNotApply, Report
from rxcore.testing.source_case import SourceCase
from rxcore.testing.source_laws import SOURCE_LAWS
from rxcore.testing.updater_case import UpdaterCase
from rxcore.testing.updater_laws import UPDATER_LAWS

__all__ = [
    "CONTEXT_LAWS",
    "SOURCE_LAWS",
    "UPDATER_LAWS",
    "Comparison",
    "ContextCase",
    "Exact",
    "ExampleMoments",
    "LawBook",
    "LawBroken",
    "LawDoesNotApply",
    "MergeRecorder",
    "NamedBound",
    "Pauses",
    "Report",
    "Rounding",
    "Sample",
    "SourceCase",
    "TableSource",
    "UpdaterCase",
    "documented_tree",
    "example_table",
    "fingerprint",
    "first_difference",
]
