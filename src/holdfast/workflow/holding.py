# SPDX-License-Identifier: Apache-2.0
"""The executors of one run, and what a record keeps of what they hold.

An executor whose call did not end may be half-way through a change: before its next call it is
made anew by its factory, or given back what it last held; with neither, that is told.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.machine.run import Run
from holdfast.persistence.codec import Codec
from holdfast.workflow import hooks
from holdfast.workflow.executor import Executor
from holdfast.workflow.plan import WorkflowPlan, make_executor


class Held:
    """The executors of one run. spoiled: those whose last call has not ended, or not well.

    unstarted: those that want to get ready before their first message.
    """

    __slots__ = ("_codec", "_made", "_plan", "_volatile", "executors", "spoiled", "unstarted")

    def __init__(self, plan: WorkflowPlan, codec: Codec) -> None:
        self._plan = plan
        self._codec = codec
        self.executors: dict[str, Executor] = plan.make_executors()
        self._made: list[str] = [name for name in self.executors if plan.factory_of(name)]
        self._volatile = [n for n, one in self.executors.items() if one.volatile and one.has_hooks]
        self.spoiled: set[str] = set()
        self.unstarted = {name for name, one in self.executors.items() if one.starts}

    def take_made(self) -> tuple[str, ...]:
        """The executors that factories have made since this was asked last."""
        if not self._made:
            return ()
        made, self._made = tuple(self._made), []
        return made

    async def all(self, run: Run) -> None:
        """Before the first checkpoint: ask every executor that holds something."""
        for name, executor in self.executors.items():
            if executor.has_hooks:
                await self._keep(name, run)

    async def after(self, node: str, run: Run) -> bytes | None:
        """After a handler of the node ended: what it holds, and what the volatile ones do.

        Raises: WorkflowCheckpointException.
        """
        for name in self._volatile:
            if name not in self.spoiled:
                await self._keep(name, run)
        executor = self.executors[node]
        return await hooks.collect(executor, self._codec) if executor.has_hooks else None

    async def _keep(self, name: str, run: Run) -> None:
        held = await hooks.collect(self.executors[name], self._codec)
        if run.executors.get(name) == held:
            return
        run.executors[name] = held
        if run.journal is not None:
            run.journal.put(f"executor/{name}", held)

    async def give_back(self, run: Run, names: Iterable[str] | None = None) -> None:
        """Give executors back what the record holds for them.

        One that raises leaves those it was done for spoiled. Raises: WorkflowCheckpointException.
        """
        chosen = [name for name in run.executors if names is None or name in names]
        self.spoiled.update(chosen)
        for name in chosen:
            await hooks.give_back(self.executors[name], run.executors[name], self._codec)
        self.spoiled.difference_update(chosen)

    async def renew(self, node: str, run: Run) -> str | None:
        """Bring an executor back whose call did not end; a sentence if that is not possible."""
        factory = self._plan.factory_of(node)
        if factory is not None:
            self.executors[node] = make_executor(self._plan.graph.local_id(node), factory)
            self._made.append(node)
            if self.executors[node].starts:
                self.unstarted.add(node)
        if self.executors[node].has_hooks and node in run.executors:
            await self.give_back(run, (node,))
        elif factory is None and node in self._plan.shared_instances:
            return (
                f"executor {node!r} runs again after a call that did not end; it has no factory "
                "and nothing kept of it, so what it holds may be half-changed"
            )
        self.spoiled.discard(node)
        return None

    async def start(self, node: str) -> None:
        """Let an executor get ready; one that raises is asked again."""
        await self.executors[node].on_start()
        self.unstarted.discard(node)

    async def reset(self) -> None:
        """Let the instances that runs share forget what they hold."""
        for name in self._plan.shared_instances:
            await self.executors[name].reset()

    def take_over(self, before: Held, run: Run) -> None:
        """After a restore of *run*: instances that nothing was put back into are as they were."""
        self.spoiled |= before.spoiled - set(run.executors)

    async def inherit(self, before: Held, run: Run) -> list[str]:
        """Take over instances that the run before left spoiled; sentences about those it cannot.

        run: the record of the run before, which knows what they held.
        """
        shared = before.spoiled & set(self._plan.shared_instances)
        found = [await self.renew(name, run) for name in sorted(shared)]
        return [text for text in found if text is not None]
