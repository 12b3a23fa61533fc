# SPDX-License-Identifier: Apache-2.0
"""A process that may be frozen: it carries one run, with an owner that is soon taken for gone.

`python -m tests.runtime.freezing PATH`: starts run "r", or takes it over, and writes its result.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from holdfast import Engine, SQLiteStore
from holdfast.runtime import looking, ownership
from tests.runtime.drained import Noted
from tests.runtime.mortal import flow_of

#: Of the real figures a tenth or less, so that nobody waits for them.
STALL_S, BEAT_S = 1.5, 0.1


class Told(Noted):
    """Notes, too, that it was cancelled."""

    async def work(self, value: Any) -> Any:
        """Begin, wait, end."""
        try:
            return await super().work(value)
        except asyncio.CancelledError:
            self.note("c")
            raise


async def main(path: str) -> None:
    """Carry the run, or follow it to whoever does."""
    ownership.STALL_S = looking.STALL_S = STALL_S
    ownership.BEAT_S = BEAT_S
    flow = flow_of(Told(Path(path).parent))
    async with Engine(SQLiteStore(path, durability="relaxed"), [flow]) as engine:
        run = await engine.start(flow, "x", run_id="r")
        (Path(path).parent / f"here-{os.getpid()}").touch()
        sys.stdout.write(str(await run.result()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
