"""The service emulated on your machine, complete for both dialects.

It is this project's own reading of the published documents, not the service: where the documents leave
something open, the emulator had to choose, and `oddities` switches on the other choices that were seen or
that the documents allow.  Every reply carries the header `x-resayil-emulator`.

    >>> emu = Emulator()
    >>> emu.reply("أهلًا")
    >>> client = httpx.Client(transport=emu.transport(), base_url=emu.base_url)
"""

from resayil.emulator.emulator import Emulator
from resayil.emulator.faults import FAULTS
from resayil.emulator.oddities import ODDITIES, PROFILES
from resayil.emulator.scripts import Call, Fault, Reply
from resayil.emulator.values import BANNER, VERSION, HttpReply, HttpRequest, RecordedRequest

__all__ = [
    "BANNER",
    "FAULTS",
    "ODDITIES",
    "PROFILES",
    "VERSION",
    "Call",
    "Emulator",
    "Fault",
    "HttpReply",
    "HttpRequest",
    "RecordedRequest",
    "Reply",
]
