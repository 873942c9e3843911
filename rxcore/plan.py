"""What a pass will need, decided before it runs. Touches no data."""

from __future__ import annotations

from dataclasses import dataclass

from rxcore.errors import MemoryBudgetError


@dataclass(frozen=True, slots=True)
class PassPlan:
    """Memory of one pass.

    Attributes
    ----------
    caller, name : str
        ``rx_lin_mod``, ``pass 1``.
    block_nbytes : int
        The most that one block takes while it is read and held.
    state_nbytes : int
        One state.
    n_workers : int
    n_blocks : int or None
        Blocks to come; None where unknown.
    budget : int
    """

    caller: str
    name: str
    block_nbytes: int
    state_nbytes: int
    n_workers: int
    n_blocks: int | None
    budget: int

    @property
    def n_states(self) -> int:
        """States that may live at once: one for each worker, and one for each level of the merge tree."""
        levels = 40 if self.n_blocks is None else max(self.n_blocks, 1).bit_length()
        return self.n_workers + levels

    @property
    def projected_nbytes(self) -> int:
        return self.n_workers * self.block_nbytes + self.n_states * self.state_nbytes

    def check(self) -> None:
        """Refuse a pass that cannot keep the budget.

        Raises
        ------
        MemoryBudgetError
            Naming the numbers and what to change.
        """
        if self.projected_nbytes <= self.budget:
            return
        raise MemoryBudgetError(
            f"{self.caller}: {self.name} needs {_size(self.projected_nbytes)} "
            f"({self.n_workers} blocks of {_size(self.block_nbytes)}, {self.n_states} states of "
            f"{_size(self.state_nbytes)}), the memory budget is {_size(self.budget)}. Raise "
            "RxOptions memoryBudget, import with a smaller rows_per_read, lower numCoresToUse, or use factors with "
            "fewer levels"
        )


def _size(n_bytes: int) -> str:
    amount = float(n_bytes)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError
