# SPDX-License-Identifier: Apache-2.0
"""Durable steps: a function is called, and its result saved before anyone goes on with it.

A repeat of the handler that makes the same call finds the result and does not call the function.
A failure is no outcome: nothing of it is kept as done.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from holdfast.errors import DefinitionError, DocumentError, StepRefused
from holdfast.machine import ledger, steps
from holdfast.machine.run import DUE, Delivery, Entry, Run
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import check_id
from holdfast.runtime import stepping
from holdfast.runtime.calling import THREADS, in_context, is_async
from holdfast.runtime.live import LiveRun
from holdfast.runtime.permits import Permits


class Host(Protocol):
    """What a step needs of the run in this process."""

    run: Run
    live: LiveRun
    codec: Codec

    @property
    def held_permits(self) -> Permits | None:
        """The permits of the run that the handler at work holds one of."""


class Call(NamedTuple):
    """A step as asked for. key: stands for the arguments, if given."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    key: str | None

    def check(self) -> None:
        """Raises: DefinitionError, InvalidId: both are ValueErrors."""
        check_id(self.name, "the name of a step")
        if not callable(self.function):
            found = type(self.function).__name__
            raise DefinitionError(
                f"step {self.name!r}: expected a function; found {found}",
                hint='Give the function and its arguments: step("charge", charge, order).',
            )


async def step(host: Host, delivery: Delivery, call: Call) -> Any:
    """Call the function of a step, or give what it returned to an earlier attempt.

    Raises: what the function raises; ValueRefused for arguments or a result that cannot be kept;
    StepRefused; StoreError.
    """
    call.check()
    check_open(host, delivery, f"begin step {call.name!r}")
    digest = digest_of(host.codec, call)
    index = steps.begin(host.run, delivery, "step", call.name, digest)
    entry = steps.entry_of(host.run, delivery, index)
    while not entry.done:
        # An earlier attempt may have left its call behind: two at once would share a key.
        left = (host.live.stepping or {}).get((delivery.id, index))
        if left is None:
            return await _made(host, delivery, call, index)
        await asyncio.wait([left])
        check_open(host, delivery, f"begin step {call.name!r}")
    assert entry.data is not None
    return host.codec.decode(entry.data, f"result of step {call.name}")


async def _made(host: Host, delivery: Delivery, call: Call, index: int) -> Any:
    """Call the function and save what it returns."""
    live, run = host.live, host.run
    entry = steps.entry_of(run, delivery, index)
    value = await _called(live, run, delivery, call, (index, entry))
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


async def _called(
    live: LiveRun, run: Run, delivery: Delivery, call: Call, line: tuple[int, Entry]
) -> Any:
    """Call the function in a context of its own, which says whose step it is."""
    index, entry = line
    attempt = steps.begun(run, delivery, entry)
    here = stepping.Step(call.name, steps.step_key(run, delivery, entry), attempt)
    place = stepping.Place(live.running, delivery.id, here)
    context = contextvars.copy_context()
    context.run(stepping.HERE.set, place)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if live.stepping is None:
        live.stepping = {}
    live.stepping[delivery.id, index] = ended
    try:
        return await in_context(context, _result_of(call, live.running, delivery.id))
    finally:
        place.is_under_way = False
        del live.stepping[delivery.id, index]
        ended.set_result(None)


async def _result_of(call: Call, running: Mapping[int, Any], number: int) -> Any:
    if not is_async(call.function):
        function = functools.partial(call.function, *call.args, **call.kwargs)
        return await THREADS.call(function, under=(running, number))
    value = call.function(*call.args, **call.kwargs)
    return await value if inspect.isawaitable(value) else value


def check_open(host: Host, delivery: Delivery, what: str) -> None:
    """Raises: StepRefused if nothing of this delivery could be kept; what ended the run here."""
    live, run = host.live, host.run
    if live.dead is not None:
        raise live.dead
    if live.stepping:
        stepping.refuse(live.running, delivery.id, what)
    if run.deliveries.get(delivery.id) is not delivery or delivery.status != DUE:
        raise StepRefused(
            f"the handler {delivery.node!r} has ended and cannot {what}", run_id=run.run_id
        )


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
