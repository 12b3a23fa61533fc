# SPDX-License-Identifier: Apache-2.0
"""Hostile documents drawn from seeds, each given to the door that such a document comes in by.

A seed picks a door (saves, blueprints of flows and of graphs, checkpoint files, rows of a store),
takes a whole document of its kind, changes some places of it, and makes its checksums fit again.
Run as a module it loads them under an audit hook and prints what happened as JSON:

    python -m tests.persistence.hostile_drawn 0:1000
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from holdfast import (
    Engine,
    Executor,
    FileCheckpointStorage,
    SQLiteStore,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.errors import (
    DefinitionError,
    DocumentError,
    HoldfastError,
    InternalError,
    RunError,
    StoreError,
    WrongDefinition,
)
from holdfast.persistence.files import to_bytes
from holdfast.persistence.storages.checkpoint_file import _checksum
from tests.persistence.hostile import BODIES, SECRET, TAGS, WATCHED, Finder, forged
from tests.triggerflow import test_hostile_saves as saves
from tests.triggerflow.handlers import Door

#: What a door may answer with, beside taking the document; that of a blueprint may with TypeError.
LISTED = (DocumentError, DefinitionError, StoreError, RunError)

#: Names are shown, so that a place can be found; no secret is one.
NAMES = [tag for tag in TAGS if SECRET not in tag]
TEXTS = [
    *("../../etc/passwd", "__import__('os').system('id')", "\x00", "run\n", "%2e%2e", "a" * 10_000),
    *("__class__", "os:system", "{0.__class__}", "${jndi:x}", "'; DROP TABLE runs; --", "CON"),
    *("!!python/object/apply:os.system [id]", "keep", "ask", "event:Items"),
]
ODD = [
    *(b for b in BODIES if len(repr(b)) < 100_000 and not (isinstance(b, dict) and SECRET in b)),
    *({"$" + tag: 1} for tag in NAMES),
    *TEXTS,
]


#: What the definitions of this program say of themselves; types are read when one is built.
ANNOTATIONS = ("Any", "int", "WorkflowContext[int, int]", "None")


class Adds(Executor):
    """Counts what it is sent, and sends it on."""

    checkpoint_fields = ("count",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.count += 1
        ctx.set_state("seen", self.id)
        if self.id == "b":
            await ctx.request_info(message, int, request_id="q")
        await ctx.send_message(message)


def graph(storage: Any = None) -> Any:
    """A workflow of three, of which one asks."""
    builder = WorkflowBuilder(name="graph", start_executor="a", checkpoint_storage=storage)
    for name in ("a", "b", "c"):
        builder.register(name, lambda name=name: Adds(name))
    return builder.add_chain(["a", "b", "c"]).build()


def changed(rng: random.Random, document: Any) -> Any:
    """The document with some of its places changed."""
    made = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = saves.places(made)[1:]
        if not places:
            return made
        path = rng.choice(places)
        inside = made
        for key in path[:-1]:
            inside = inside[key]
        _change(rng, inside, path[-1], places, made)
    return made


def _change(rng: random.Random, inside: Any, key: Any, places: Any, whole: Any) -> None:
    how = rng.randrange(7)
    if how == 0:
        del inside[key]
    elif how == 1:
        inside[key] = rng.choice(ODD)
    elif how == 2:
        inside[key] = {"$" + rng.choice(NAMES): inside[key]}
    elif how == 3:
        found = whole
        for step in rng.choice(places):
            found = found[step]
        inside[key] = json.loads(json.dumps(found))
    elif how == 4:
        depth = rng.choice((1, 50, 99, 120, 240))
        for _ in range(depth):
            inside[key] = [inside[key]]
    elif how == 5 and isinstance(inside, dict):
        inside[rng.choice(TEXTS)] = inside.pop(key)
    elif isinstance(inside[key], int):
        inside[key] = rng.choice((-1, 0, inside[key] + 1, 2**31, 2**63, 10**30))
    else:
        inside[key] = rng.choice(TEXTS)


class Doors:
    """Whole documents of each kind, and who takes them. folder: where files may be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.save = self.do(saves.a_full_save())
        self.flow = saves.busy().save_blueprint()
        self.graph = graph().save_blueprint()
        self.checkpoint, self.checkpoint_id = self.do(self._a_checkpoint())
        self.do(self._a_store())
        with sqlite3.connect(folder / "whole.db") as database:
            found = database.execute("SELECT seq, body FROM anchors ORDER BY seq DESC LIMIT 1")
            self.seq, anchor = found.fetchone()
        database.close()
        self.anchor = json.loads(anchor)

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(call)

    async def _a_checkpoint(self) -> tuple[dict[str, Any], str]:
        storage = FileCheckpointStorage(self.folder / "whole")
        await graph(storage).run(1)
        (*_, checkpoint_id) = await storage.list_checkpoint_ids("graph")
        path = self.folder / "whole" / f"{checkpoint_id}.json"
        return json.loads(path.read_bytes()), checkpoint_id

    async def _a_store(self) -> None:
        flow = saves.busy()
        store = SQLiteStore(self.folder / "whole.db", durability="relaxed")
        async with Engine(store, [flow], resources={"door": Door()}) as engine:
            await engine.adopt(self.save, run_id="r")
        await store.close()

    def doors(self) -> list[Callable[[random.Random], Any]]:
        """One for each kind of document."""
        return [self.a_save, self.a_flow, self.a_graph, self.a_checkpoint_file, self.a_row]

    def a_save(self, rng: random.Random) -> None:
        made = {**self.save, "body": changed(rng, self.save["body"])}
        if rng.random() < 0.2:
            made = changed(rng, made)
        fresh = saves.restored()
        fresh.load(forged(made) if rng.random() < 0.7 else to_bytes(forged(made)))
        fresh.save()

    def a_flow(self, rng: random.Random) -> None:
        made = changed(rng, self.flow)
        saves.busy().load_blueprint(made if rng.random() < 0.5 else json.dumps(made))

    def a_graph(self, rng: random.Random) -> None:
        made = changed(rng, self.graph)
        executors = {name: lambda name=name: Adds(name) for name in ("a", "b", "c")}
        given: Any = made if rng.random() < 0.5 else json.dumps(made)
        WorkflowBuilder.from_blueprint(given, executors=executors).build()

    def a_checkpoint_file(self, rng: random.Random) -> None:
        made = changed(rng, self.checkpoint)
        if isinstance(made, dict):
            parts = made.pop("parts", None)
            made.pop("checksum", None)
            made.pop("header_checksum", None)
            made["header_checksum"] = _checksum(made)
            made["parts"] = parts
            made["checksum"] = _checksum(made)
        folder = self.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        (folder / f"{self.checkpoint_id}.json").write_text(json.dumps(made))
        storage = FileCheckpointStorage(folder)

        async def going_on() -> None:
            workflow = graph()
            await workflow.run(checkpoint_id=self.checkpoint_id, checkpoint_storage=storage)

        self.do(going_on())

    def a_row(self, rng: random.Random) -> None:
        path = self.folder / "row.db"
        for old in self.folder.glob("row.db*"):
            old.unlink() if old.is_file() else shutil.rmtree(old)
        shutil.copy(self.folder / "whole.db", path)
        body = msgspec.json.encode(changed(rng, self.anchor))
        with sqlite3.connect(path) as database:
            crc = crc32(body, self.seq)
            database.execute(
                "UPDATE anchors SET body = ?, crc = ? WHERE seq = ?", (body, crc, self.seq)
            )
            if rng.random() < 0.2:
                column = rng.choice(("definition", "fingerprint", "status", "error", "owner"))
                database.execute(f"UPDATE runs SET {column} = ?", (rng.choice(TEXTS),))
        database.close()
        self.do(self._taken_over(path))

    async def _taken_over(self, path: Path) -> None:
        store = SQLiteStore(path, durability="relaxed")
        try:
            engine = Engine(store, [saves.busy()], resources={"door": Door()}, recover=False)
            async with engine:
                await engine.waits(status=None)
                await engine.driven("r")
        finally:
            await store.close()


class Found(msgspec.Struct):
    """What came of the documents. refused: by door and error. wrong: what must not be."""

    taken: dict[str, int] = {}
    refused: dict[str, int] = {}
    events: list[str] = []
    wrong: list[str] = []
    slowest_s: float = 0.0
    grown_mb: float = 0.0


def give(doors: Doors, seed: int, found: Found) -> None:
    """Load the document of a seed, and note what came of it."""
    rng = random.Random(seed)
    door = rng.choice(doors.doors())
    again = f"python -m tests.persistence.hostile_drawn {seed}"
    started = time.perf_counter()
    before = len(found.events)
    try:
        door(rng)
        found.taken[door.__name__] = found.taken.get(door.__name__, 0) + 1
    except HoldfastError as error:
        name = f"{door.__name__}: {type(error).__name__}"
        found.refused[name] = found.refused.get(name, 0) + 1
        if isinstance(error, InternalError) or not isinstance(error, LISTED):
            found.wrong.append(f"{again}  # {error!r}"[:400])
        shown = (str(error), repr(error), error.hint)
        # A node or a definition that is not here is named: nobody could mend it otherwise.
        if SECRET in repr(shown) and not isinstance(error, (DefinitionError, WrongDefinition)):
            found.wrong.append(f"{again}  # the error shows what the document holds")
    except BaseException as error:
        said = re.search("expected a (mapping|list)|is a mapping|only accepts|is text", str(error))
        if isinstance(error, TypeError) and said and door.__name__ in ("a_flow", "a_graph"):
            name = f"{door.__name__}: TypeError"
            found.refused[name] = found.refused.get(name, 0) + 1
        else:
            found.wrong.append(f"{again}  # {error!r}"[:400])
    spent = time.perf_counter() - started
    found.slowest_s = max(found.slowest_s, spent)
    found.events[before:] = [f"{again}  # {event}" for event in found.events[before:]]


def main(arguments: list[str]) -> int:
    """Load the documents of these seeds under the hook; 1 if something was wrong."""
    first, _, last = arguments[0].partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    warnings.simplefilter("ignore")
    found = Found()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        doors = Doors(folder)
        for door in doors.doors():
            for seed in range(12):
                _quietly(door, random.Random(seed))
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watching = True

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if watching and event.startswith(WATCHED) and not _is_own(arguments):
                shown = f"{event} {arguments!r:.120}"
                if str(folder) not in shown and "zoneinfo" not in shown:
                    found.events.append(shown)

        sys.addaudithook(hook)
        sys.meta_path.insert(0, Finder(found.events))
        for seed in seeds:
            give(doors, seed, found)
        watching = False
        del sys.meta_path[0]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found.grown_mb = grown / 1024
    print(json.dumps(msgspec.to_builtins(found)))  # noqa: T201
    return 1 if found.wrong or found.events else 0


def _is_own(arguments: tuple[Any, ...]) -> bool:
    """Whether a file was open already, or the program reads its own lines and annotations."""
    if arguments and isinstance(arguments[0], int):
        return True
    if arguments and arguments[0] in (*ANNOTATIONS, *(text.encode() for text in ANNOTATIONS)):
        return True
    code = getattr(arguments[0], "co_names", None) if arguments else None
    if code is not None and set(code) <= {"Any", "int", "WorkflowContext"}:
        return True
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == traceback.__file__:
            return True
        frame = frame.f_back
    return False


def _quietly(door: Callable[[random.Random], Any], rng: random.Random) -> None:
    try:
        door(rng)
    except Exception:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
