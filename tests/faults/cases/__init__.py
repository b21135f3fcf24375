"""The contract as tables of cases."""

from faults.case import Case
from faults.cases import network, process, secrets, sse, status, tools

CASES: list[Case] = [*network.CASES, *status.CASES, *sse.CASES, *tools.CASES, *process.CASES, *secrets.CASES]
