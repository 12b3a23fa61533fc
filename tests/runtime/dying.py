# SPDX-License-Identifier: Apache-2.0
"""A process that carries one run, and dies at its second step.

`python -m tests.runtime.dying PATH FRONT WAY`: starts run "r", or takes it over, and says in the
end how the store shows it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from holdfast import Engine, SQLiteStore
from tests.runtime.mortal import FRONTS, Handler

WAYS = ("exit", "kill", "segfault")


class Dying(Handler):
    """Ends its process instead of its work; a file beside the store counts how often."""

    def __init__(self, folder: Path, way: str) -> None:
        super().__init__()
        self.folder = folder
        self.way = way

    async def work(self, value: Any) -> Any:
        """Die."""
        with (self.folder / "begun").open("a") as file:
            file.write("b")
        match self.way:
            case "exit":
                os._exit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case _:
                os.kill(os.getpid(), signal.SIGSEGV)
        return value


async def main(path: str, front: str, way: str) -> None:
    """Start the run, or take it over; say what came of it."""
    definition = FRONTS[front](Dying(Path(path).parent, way))
    async with Engine(SQLiteStore(path, durability="relaxed"), [definition]) as engine:
        run = await engine.start(definition, "x", run_id="r")
        await run.until_idle()
        sys.stdout.write((await run.row()).status)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
