# SPDX-License-Identifier: Apache-2.0
"""W9: what a fresh process pays to import the library and run three steps once.

The figure is the time of that process less that of one which only imports asyncio, sqlite3 and
json; the latter is kept beside it as base_us. Compiled files are kept between the processes, as
an installed library has them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from bench.harness import Bench, Workload

TURNS = 5

BASE = "import asyncio, json, sqlite3"
FLOW = """
import asyncio
from holdfast import TriggerFlow
async def plus(data):
    return data.value + 1
async def keep(data):
    await data.async_set_state("result", data.value)
flow = TriggerFlow(name="first")
flow.to(plus, name="a").to(plus, name="b").to(keep, name="c")
assert asyncio.run(flow.async_start(0)) == {"result": 2}
"""
WORKFLOW = """
import asyncio
from holdfast import WorkflowBuilder, WorkflowContext, executor
@executor(id="a")
async def a(number: int, ctx: WorkflowContext[int]) -> None:
    await ctx.send_message(number + 1)
@executor(id="b")
async def b(number: int, ctx: WorkflowContext[int]) -> None:
    await ctx.send_message(number + 1)
@executor(id="c")
async def c(number: int, ctx: WorkflowContext[int, int]) -> None:
    await ctx.yield_output(number)
workflow = WorkflowBuilder(start_executor=a).add_chain([a, b, c]).build()
assert asyncio.run(workflow.run(0)).get_outputs() == [2]
"""


def _process(script: str) -> tuple[float, float]:
    """The wall and CPU time of a process that runs a script."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def first_run(script: str) -> Workload:
    """The workload that runs a script in fresh processes, in turn with the base."""

    async def w9(bench: Bench) -> None:
        _process(script)  # compiles what is not compiled, and fills the page cache
        pairs = [(_process(BASE), _process(script)) for _ in range(TURNS)]
        bench.units = 1
        bench.walls = [ours[0] - base[0] for base, ours in pairs]
        bench.cpus = [ours[1] - base[1] for base, ours in pairs]
        bench.bytes = [0]
        bench.extra["base_us"] = round(statistics.median(base[0] for base, _ in pairs) * 1e6)

    return w9
