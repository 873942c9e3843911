"""Run the tests of published output and write docs/parity-published.md from what they compared.

Run from the root of the repository: make parity-table
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "parity-published.md"


class _Skips:
    """Notes what could not run: a table without it would say less than it seems to."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)


def main() -> int:
    skips = _Skips()
    tests = sorted(str(path) for path in HERE.glob("test_parity_published*.py"))
    failed = pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[skips])
    if failed or skips.skipped:
        print(f"{TABLE.name} is not written: tests failed, or their data are missing: {skips.skipped}", file=sys.stderr)
        return 1
    # The tests imported the recorder by this name, so that it holds what they compared.
    from parity_table import ROWS, as_markdown

    TABLE.write_text(as_markdown(ROWS))
    print(f"{TABLE.name}: {len({row.id for row in ROWS})} outputs, {len(ROWS)} comparisons")
    return 0


if __name__ == "__main__":
    sys.exit(main())
