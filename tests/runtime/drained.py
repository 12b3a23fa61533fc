# SPDX-License-Identifier: Apache-2.0
"""A process that carries one run until SIGTERM comes, and drains.

`python -m tests.runtime.drained PATH FRONT GRACE`: starts run "r", or takes it over. Each begin and
end of the second step is a letter in a file beside the store; its handler waits for the file "go".
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from holdfast import Engine, SQLiteStore
from tests.runtime.mortal import FRONTS, Handler


class Noted(Handler):
    """Notes that it begins and ends, and waits for a file in between."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def note(self, letter: str) -> None:
        """Add a letter to the file."""
        with (self.folder / "noted").open("a") as file:
            file.write(letter)

    async def work(self, value: Any) -> Any:
        """Begin, wait, end."""
        self.note("b")
        while not (self.folder / "go").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        self.note("e")
        return value


async def main(path: str, front: str, grace_s: str) -> None:
    """Start the run, or take it over; leave when it has ended, or when SIGTERM was obeyed."""
    definition = FRONTS[front](Noted(Path(path).parent))
    async with Engine(SQLiteStore(path, durability="relaxed"), [definition]) as engine:
        drained = engine.drain_on(timeout_s=float(grace_s))
        run = await engine.start(definition, "x", run_id="r")
        (Path(path).parent / f"here-{os.getpid()}").touch()
        ended = asyncio.ensure_future(run.result())
        both: tuple[asyncio.Future[Any], ...] = (drained, ended)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if drained.done():
            ended.cancel()
            sys.stdout.write(" ".join(node for left in drained.result() for node in left.due))
        else:
            ended.result()
            sys.stdout.write("ended")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
