# SPDX-License-Identifier: Apache-2.0
"""Worker processes that stay: each holds an engine on the one store and does what it is told.

A word is `{"do": NAME, "at": moment, ...}`; every station that is told the same moment begins at
it, on the clock that all processes of a machine share. It says `["got", value]` or
`["told", error class, text]`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from holdfast import Engine
from holdfast.errors import HoldfastError
from holdfast.testing.crash import Log
from holdfast.testing.places import PlaceName, place
from holdfast.testing.processes import Child, Children, Line

#: So long before the common moment everybody is told of it.
NOTICE_S = 0.004

Verb = Callable[..., Awaitable[Any]]


class Station:
    """What one process knows: its engine and the verbs it can do."""

    def __init__(self, engine: Engine, verbs: dict[str, Verb]) -> None:
        self.engine = engine
        self.verbs = verbs

    async def serve(self, line: Line) -> None:
        """Do what is told until nobody tells any more."""
        line.say("ready")
        while (word := await asyncio.to_thread(line.hear)) is not None:
            verb = self.verbs[word.pop("do")]
            await _until(word.pop("at", 0.0))
            try:
                line.say(["got", msgspec.to_builtins(await verb(**word))])
            except HoldfastError as error:
                line.say(["told", type(error).__name__, str(error)])
            except Exception as error:
                line.say(["told", f"untyped {type(error).__name__}", str(error)])


async def _until(moment: float) -> None:
    early = moment - time.monotonic() - 0.001
    if early > 0:
        await asyncio.sleep(early)
    while time.monotonic() < moment:
        pass


def station(
    where: PlaceName,
    folder: Path,
    definitions: Callable[[Log], list[Any]],
    verbs: Callable[[Engine], dict[str, Verb]],
) -> Callable[[Line], None]:
    """The work of one station."""

    async def live(line: Line) -> None:
        store = place(where, folder).open()
        log = Log(folder / "log")
        try:
            async with Engine(store, definitions(log)) as engine:
                await Station(engine, verbs(engine)).serve(line)
        finally:
            await store.close()

    return lambda line: asyncio.run(live(line))


def opened(children: Children, count: int, work: Callable[[Line], None]) -> list[Child]:
    """So many stations, ready."""
    found = [children.fork(work) for _ in range(count)]
    for child in found:
        assert child.hear() == "ready"
    return found


def at_once(told: list[tuple[Child, dict[str, Any]]]) -> list[list[Any]]:
    """Tell each its word for one common moment; what each said, in the same order."""
    moment = time.monotonic() + NOTICE_S
    for child, word in told:
        child.tell({**word, "at": moment})
    return [child.hear() for child, _ in told]


def one(child: Child, do: str, **word: Any) -> Any:
    """Tell one station; what it got. Raises: AssertionError if it was told an error."""
    child.tell({"do": do, **word})
    said = child.hear()
    assert said[0] == "got", said
    return said[1]
