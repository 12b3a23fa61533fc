# SPDX-License-Identifier: Apache-2.0
"""Durable steps: a function is called, and its result saved before anyone goes on with it.

A repeat of the handler that makes the same call finds the result and does not call the function.
A failure is no outcome: nothing of it is kept as done.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Protocol

from holdfast.errors import DefinitionError, DocumentError, StepRefused
from holdfast.machine import ledger, steps
from holdfast.machine.run import DUE, Delivery, Run
from holdfast.persistence.codec import Codec
from holdfast.runtime import stepping
from holdfast.runtime.live import LiveRun
from holdfast.runtime.permits import Permits, apart
from holdfast.runtime.retrying import is_taken
from holdfast.runtime.step_call import Call, FunctionCall
from holdfast.runtime.stepping import Place, Step
from holdfast.runtime.timers import until


class Host(Protocol):
    """What a step needs of the run in this process."""

    run: Run
    live: LiveRun
    codec: Codec

    @property
    def held_permits(self) -> Permits | None:
        """The permits of the run that the handler at work holds one of."""


class Caller(NamedTuple):
    """A handler call that makes steps. attempt: of its delivery, when the call began."""

    host: Host
    delivery: Delivery
    attempt: int

    def check_open(self, what: str) -> None:
        """Raises: StepRefused if nothing of this call could be kept; what ended the run here."""
        host, delivery = self.host, self.delivery
        live, run = host.live, host.run
        if live.dead is not None:
            raise live.dead
        if live.stepping:
            stepping.refuse(live.running, delivery.id, what)
        is_known = run.deliveries.get(delivery.id) is delivery and delivery.status == DUE
        if not is_known or delivery.attempt != self.attempt:
            raise StepRefused(
                f"this call of handler {delivery.node!r} has ended and cannot {what}",
                run_id=run.run_id,
            )


async def step(caller: Caller, call: Call) -> Any:
    """Call the function of a step, or give what it returned to an earlier attempt.

    Raises: what the function raises; ValueRefused for arguments or a result that cannot be kept;
    StepRefused; StepTimeout; StoreError.
    """
    call.check()
    host, delivery, _ = caller
    caller.check_open(f"begin step {call.name!r}")
    digest = digest_of(host.codec, call)
    index = steps.begin(host.run, delivery, "step", call.name, digest)
    entry = steps.entry_of(host.run, delivery, index)
    while not entry.done:
        # An earlier attempt may have left its call behind: two at once would share a key.
        left = (host.live.stepping or {}).get((delivery.id, index))
        if left is None:
            return await _made(caller, call, index)
        await asyncio.wait([left])
        caller.check_open(f"begin step {call.name!r}")
    assert entry.data is not None
    return host.codec.decode(entry.data, f"result of step {call.name}")


async def _made(caller: Caller, call: Call, index: int) -> Any:
    """Call the function and save what it returns."""
    host, delivery, _ = caller
    live, run = host.live, host.run
    entry = steps.entry_of(run, delivery, index)
    value = await _tried(caller, call, index)
    data = host.codec.encode(value, f"result of step {call.name}")
    if host.run is not run or not steps.is_open(run, delivery, index, entry):
        raise StepRefused(
            f"step {call.name!r} returned after its handler had ended: its result is not kept",
            hint="Await every step before the handler returns.",
            run_id=run.run_id,
            step=call.name,
        )
    ledger.came(run, delivery.id, index, data=data)
    if live.saver is not None:
        await live.advance([], here=False)
    return value


async def _tried(caller: Caller, call: Call, index: int) -> Any:
    """Call the function, and again as the step's retry says. All calls have the step's one key."""
    host, delivery, _ = caller
    live, run, retry = host.live, host.run, call.tries.retry
    entry = steps.entry_of(run, delivery, index)
    key = steps.step_key(run, delivery, entry)
    failures = 0
    while True:
        here = Step(call.name, key, steps.begun(run, delivery, entry))
        place = Place(live.running, delivery.id, here)
        try:
            return await FunctionCall(live, place, (delivery.id, index)).of(call)
        except Exception as error:
            failures += 1
            if retry is None or not is_taken(retry, error, failures):
                raise
        wait_s = retry.wait_s(failures)
        if wait_s:
            await apart(host.held_permits, until(live.clock, live.clock.now() + wait_s))
        left = (live.stepping or {}).get((delivery.id, index))
        if left is not None:
            await asyncio.wait([left])
        caller.check_open(f"go on with step {call.name!r}")


def digest_of(codec: Codec, call: Call) -> str:
    """What tells calls of one name apart: the key, or else the arguments.

    Raises: DocumentError with a hint that names key=; DefinitionError for a key that is no text.
    """
    if call.key is not None:
        return key_digest(call.key, f"step {call.name!r}")
    try:
        digests = (
            codec.digest(list(call.args), f"arguments of step {call.name}"),
            codec.digest(dict(call.kwargs), f"keyword arguments of step {call.name}"),
        )
    except DocumentError as error:
        error.hint = (
            'Give key=: a text that tells this call from others, such as step(..., key="T-1").'
        )
        raise
    return ledger.digest_of("".join(digests).encode()) or ""


def key_digest(key: object, what: str) -> str:
    """The digest that a key stands for. Raises: DefinitionError, a ValueError."""
    if not isinstance(key, str):
        found = type(key).__name__
        raise DefinitionError(f"{what}: key= is text; found {found}", hint="Give key=str(...).")
    return ledger.digest_of(b"key:" + key.encode("utf-8", "surrogatepass")) or ""
