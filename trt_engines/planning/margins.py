"""How much of a card's memory stays free, by what the system does when there is none left.

Linux says that memory ran out. Windows (WDDM) does not: it moves what does not fit to the machine's memory, and every
step then waits for the bus. So more stays free there, and the runtime watches the time of its steps.
"""

from __future__ import annotations

import sys

LEAST_SPARE = 300 << 20  # bytes, for the desktop
WINDOWS_SHARE, LINUX_SHARE = 0.10, 0.08  # of the memory, when engines are planned
WINDOWS_SPARE = 0.09  # of the memory, when a model is opened


def spills(platform: str = sys.platform) -> bool:
    """Whether the system moves a card's memory elsewhere instead of refusing more of it."""
    return platform == "win32"


def planned_share(platform: str = sys.platform) -> float:
    """Share of a card's memory that engines may be planned for."""
    return 1 - (WINDOWS_SHARE if spills(platform) else LINUX_SHARE)


def spare_bytes(total: int, platform: str = sys.platform) -> int:
    """Bytes of a card's free memory that a model leaves alone when it is opened, or takes more of it."""
    return max(LEAST_SPARE, int(WINDOWS_SPARE * total)) if spills(platform) else LEAST_SPARE
