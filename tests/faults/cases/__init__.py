"""The contract as tables of cases."""

from faults.case import Case
from faults.cases import bodies, connections, process, secrets, sizes, sse, status, tools

CASES: list[Case] = [
    *connections.CASES,
    *bodies.CASES,
    *sizes.CASES,
    *status.CASES,
    *sse.CASES,
    *tools.CASES,
    *process.CASES,
    *secrets.CASES,
]
