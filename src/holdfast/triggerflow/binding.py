# SPDX-License-Identifier: Apache-2.0
"""Handlers that are bound to one execution while it goes on, beside those of its definition.

Each is a node of its own behind the definition's nodes, so its deliveries, pauses and repeats are
like all others. The record says which bindings there are; the functions are live, and a loaded
record finds them again by the id of the binding. One whose function is not there hears nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from holdfast.definition.blueprint import Blueprint
from holdfast.definition.retry import ONCE, Tries
from holdfast.errors import DefinitionError, HandlersMissing
from holdfast.machine import bindings
from holdfast.machine.bindings import PREFIX, Binding
from holdfast.machine.run import Run
from holdfast.runtime.calling import is_async
from holdfast.runtime.compatible import referred
from holdfast.triggerflow.bound import Bound
from holdfast.triggerflow.chunk import Chunk, Handler, own_name
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.running import FlowRun

KINDS = ("event", "runtime_data", "flow_data")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A binding as asked for."""

    event: Any
    handler: Any
    kind: Any
    binding_id: str | None
    ref: str | None
    metadata: Any
    durable: bool


def bind(flow: FlowRun, wanted: Wanted) -> str:
    """Bind a handler; the one of that id and signal is replaced. Returns the id.

    Raises: DefinitionError (a ValueError), TypeError, ValueRefused for metadata in a kept run.
    """
    binding, function = _checked(flow, wanted)
    bindings.put(flow.run.bindings, flow.run.journal, binding)
    bound = _bound(flow)
    bound.functions[binding.key] = function
    bound.made[binding.key] = binding
    handler = wanted.handler
    bound.tries[binding.id] = handler.handler.tries if isinstance(handler, Chunk) else ONCE
    _rebuild(flow, bound)
    return binding.id


def unbind(flow: FlowRun, name: str, kind: str | None, event: str | None) -> bool:
    """Take bindings of that id away, of one kind or event if these are given; whether any was."""
    run = flow.run
    gone = [
        number
        for number, each in run.bindings.items()
        if each.id == name and kind in (None, each.kind) and event in (None, each.event)
    ]
    for number in gone:
        _bound(flow).made.pop(run.bindings[number].key, None)
        bindings.drop(run.bindings, run.journal, number)
    if gone:
        _rebuild(flow, _bound(flow))
    return bool(gone)


def take_over(flow: FlowRun) -> None:
    """Another record was taken over: attach the functions that this execution knows to it.

    What it had bound itself, and the record has not, is bound in the record from now on.
    """
    run, bound = flow.run, flow.bound
    if bound is None and not run.bindings and not _lost_nodes(run):
        return
    bound = _bound(flow)
    for key, binding in bound.made.items():
        if bindings.number_of(run.bindings, key) is None:
            bindings.put(run.bindings, run.journal, binding)
    by_id = {name: function for (name, _, _), function in bound.functions.items()}
    for binding in run.bindings.values():
        if binding.key not in bound.functions and binding.id in by_id:
            bound.functions[binding.key] = by_id[binding.id]
    _rebuild(flow, bound)


def missing(flow: FlowRun, run: Run) -> tuple[str, ...]:
    """The ids of bindings in a record that this execution knows no function for."""
    known = {name for name, _, _ in flow.bound.functions} if flow.bound is not None else set()
    wanted = {each.id for each in run.bindings.values() if each.durable}
    return tuple(sorted(wanted - known))


def waits_for_handler(flow: FlowRun, node_id: str) -> bool:
    """Whether deliveries of a node cannot start, because its binding has no function here."""
    return node_id.startswith(PREFIX) and flow.compiled.handlers[node_id] is _LOST


def base_of(flow: FlowRun) -> Compiled:
    """The definition of an execution without what is bound to it."""
    return flow.compiled if flow.bound is None else flow.bound.base


def _bound(flow: FlowRun) -> Bound:
    if flow.bound is None:
        flow.bound = Bound(flow.compiled)
    return flow.bound


def _rebuild(flow: FlowRun, bound: Bound) -> None:
    """Lay the nodes of the bindings behind the definition's."""
    run, base = flow.run, bound.base
    nodes = []
    handlers: dict[str, Handler] = {}
    for binding in run.bindings.values():
        function = bound.functions.get(binding.key)
        nodes.append(bindings.node_of(binding, hears=function is not None))
        tries = bound.tries.get(binding.id, ONCE)
        handlers[binding.node] = _LOST if function is None else _handler(function, tries)
    known = {bindings.node_id(key): function for key, function in bound.functions.items()}
    for node_id in sorted(_lost_nodes(run) - handlers.keys()):
        nodes.append(bindings.node_called(node_id))
        handlers[node_id] = _handler(known[node_id]) if node_id in known else _LOST
    plan = Blueprint(name=base.plan.name, nodes=(*base.plan.nodes, *nodes))
    flow.compiled = replace(base, plan=plan, handlers={**base.handlers, **handlers})
    run.plan = plan
    if "flow_data" in plan.hears:
        flow.shared.enter(flow.execution)


def _lost_nodes(run: Run) -> set[str]:
    """The nodes of bindings that the record refers to."""
    return {name for name in referred(run) if name.startswith(PREFIX)}


def _handler(function: Callable[..., Any], tries: Tries = ONCE) -> Handler:
    return Handler(function, is_async(function), tries)


def _missing_function(data: Any) -> NoReturn:
    name = data.event
    raise HandlersMissing(f"the handler bound to {name!r} is not registered", names=(name,))


#: What stands for the function of a binding that nobody has given here.
_LOST = Handler(_missing_function, is_async=False)


def _checked(flow: FlowRun, wanted: Wanted) -> tuple[Binding, Callable[..., Any]]:
    handler = wanted.handler
    function = handler.function if isinstance(handler, Chunk) else handler
    if not callable(function):
        raise TypeError(f"on() binds a callable; found {type(function).__name__}")
    if wanted.kind not in KINDS:
        raise DefinitionError(
            f"on(trigger_type=...): expected one of {', '.join(KINDS)}; found {wanted.kind!r}"
        )
    named = {"event": wanted.event, "binding_id": wanted.binding_id, "handler_ref": wanted.ref}
    _check_names(named)
    if wanted.event is None:
        raise DefinitionError("on() takes the name of an event")
    if wanted.metadata is not None and not isinstance(wanted.metadata, dict):
        raise TypeError(f"metadata is a dict; found {type(wanted.metadata).__name__}")
    name = handler.name if isinstance(handler, Chunk) else own_name(function)
    ref = wanted.ref or name or wanted.binding_id
    if wanted.durable and ref is None:
        raise DefinitionError(
            "on() needs a recoverable handler ref: a lambda has no name to be found by",
            hint="Pass binding_id= or handler_ref=, or durable=False.",
        )
    binding = Binding(
        wanted.binding_id or name or wanted.ref or flow.live.ids.new(),
        wanted.kind,
        wanted.event,
        ref,
        flow.codec.copy(wanted.metadata or {}),
        wanted.durable,
    )
    return binding, function


def _check_names(named: dict[str, Any]) -> None:
    for what, value in named.items():
        if value is not None and (not isinstance(value, str) or not value):
            raise DefinitionError(f"on({what}=...) takes a name; found {value!r}")
