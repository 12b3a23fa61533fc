# SPDX-License-Identifier: Apache-2.0
"""An executor: a node of a graph that takes typed messages, one at a time.

What its handlers take and give is known when its class is defined.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from holdfast.definition.retry import ONCE, Retry, Tries, tries
from holdfast.errors import DefinitionError
from holdfast.workflow.handler_table import HandlerTable
from holdfast.workflow.handlers import HandlerSpec, handler_spec
from holdfast.workflow.typing_match import fits

LONGEST_ID: Final = 255


class Executor:
    """The base of executors: an id, typed handlers, and hooks that save what an instance holds.

    type: what the graph's fingerprint knows the class by; its name unless given. Give one, and
    the class can be renamed while runs wait. retry, timeout_s: of every handler that says nothing
    itself; see `handler`.
    Raises: DefinitionError (a ValueError) for an empty id, no handler, or two for one type.
    """

    #: Attributes that are saved and restored without any hook.
    checkpoint_fields: ClassVar[tuple[str, ...]] = ()
    #: Ask the hooks at every checkpoint, not only after a handler of this executor ran.
    volatile: ClassVar[bool] = False

    #: How often and how long its handlers are called that say nothing themselves.
    tries: Tries = ONCE

    #: The seat of the run that uses this instance now; an instance serves one run at a time.
    used_by: object | None = None

    _class_table: ClassVar[HandlerTable] = HandlerTable(())
    _class_has_hooks: ClassVar[bool] = False
    _class_starts: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        fields: Any = cls.checkpoint_fields
        if not isinstance(fields, tuple) or not all(isinstance(name, str) for name in fields):
            raise DefinitionError(
                f"{cls.__qualname__}.checkpoint_fields is {fields!r}, not a tuple of names",
                hint='Write it as checkpoint_fields = ("messages",).',
            )
        cls._class_table = HandlerTable(_declared(cls))
        cls._class_starts = cls.on_start is not Executor.on_start
        cls._class_has_hooks = bool(fields) or any(
            getattr(cls, name) is not getattr(Executor, name) for name in _HOOKS
        )

    def __init__(
        self,
        id: str,
        *,
        type: str | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._id = checked_id(id)
        self.tries = tries(retry, timeout_s)
        self._type = self.__class__.__name__ if type is None else type
        self._table = self._handlers()
        problem = self._table.problem()
        if problem is not None:
            raise DefinitionError(
                f"{self.__class__.__qualname__} {problem}",
                hint="Decorate one async method per message type with @handler.",
            )

    def _handlers(self) -> HandlerTable:
        return self._class_table

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(id={self._id!r})"

    @property
    def id(self) -> str:
        """The name of this node, unique in its graph."""
        return self._id

    @property
    def type(self) -> str:
        """What fingerprints and pictures know the class by."""
        return self._type

    @property
    def input_types(self) -> list[Any]:
        """The types of messages as declared: a union is one entry."""
        return [spec.message_type for spec in self._table.message_specs()]

    @property
    def output_types(self) -> list[Any]:
        """The types that any handler may send, unions flattened, in order of declaration."""
        return _union_of(spec.output_types for spec in self._table.specs)

    @property
    def workflow_output_types(self) -> list[Any]:
        """The types that any handler may yield, unions flattened, in order of declaration."""
        return _union_of(spec.workflow_output_types for spec in self._table.specs)

    @property
    def handler_specs(self) -> tuple[HandlerSpec, ...]:
        """What each handler declared, those of answers included."""
        return self._table.specs

    @property
    def is_request_response_capable(self) -> bool:
        """Whether this executor takes answers to its requests."""
        return bool(self._table.response_specs())

    @property
    def has_hooks(self) -> bool:
        """Whether anything of the instance is to be saved: a hook is overridden or fields named."""
        return self._class_has_hooks

    @property
    def starts(self) -> bool:
        """Whether `on_start` is overridden."""
        return self._class_starts

    def can_handle(self, message: object) -> bool:
        """Tell whether a handler takes this message."""
        return self._table.find(message) is not None

    def is_request_supported(self, request_type: Any, response_type: Any) -> bool:
        """Tell whether a handler takes answers of this type to requests of that type."""
        return any(
            fits(request_type, spec.message_type) and fits(response_type, spec.response_type)
            for spec in self._table.response_specs()
        )

    def find_handler(self, message: object) -> HandlerSpec | None:
        """Give the most specific handler for a message, None if there is none."""
        return self._table.find(message)

    def find_response_handler(self, request: object, response: object) -> HandlerSpec | None:
        """Give the most specific handler for an answer to a request, None if there is none."""
        return self._table.find_response(request, response)

    async def on_start(self) -> None:
        """Get ready for a run: awaited before the first message of it that is taken here.

        Here means in this process: whoever takes a run up elsewhere starts its executors anew.
        """

    async def reset(self) -> None:
        """Forget earlier runs: awaited for an instance when a run begins with fresh=True."""

    async def on_checkpoint_save(self) -> dict[str, Any]:
        """Give what a checkpoint keeps of this instance."""
        return {}

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        """Take back what `on_checkpoint_save` gave."""

    async def on_checkpointing(self, context: Any) -> None:
        """Write what a checkpoint keeps through the context; asked before `on_checkpoint_save`."""

    async def on_checkpoint_restored(self, context: Any) -> None:
        """Read it back through the context; asked after `on_checkpoint_restore`."""

    def to_dict(self) -> dict[str, Any]:
        """Describe the node as plain data."""
        return {"id": self._id, "type": self._type}


_HOOKS: Final = (
    "on_checkpoint_save",
    "on_checkpoint_restore",
    "on_checkpointing",
    "on_checkpoint_restored",
)


def checked_id(name: object) -> str:
    """Give an id back that can stand in a graph. Raises: DefinitionError, or TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"An executor's id is text, not {type(name).__name__}: {name!r}")
    if not name:
        raise DefinitionError("An executor's id is empty", hint="Give every executor a name.")
    if len(name) > LONGEST_ID or not name.isprintable():
        raise DefinitionError(
            f"An executor's id is at most {LONGEST_ID} characters, none of them control "
            f"characters: {name[:40]!r}",
            hint="Choose a shorter, printable id.",
        )
    return name


def _declared(cls: type) -> list[HandlerSpec]:
    """Give the handlers of a class and its bases; an undecorated override takes one away."""
    specs: dict[str, HandlerSpec] = {}
    for owner in reversed(cls.__mro__):
        for name, member in vars(owner).items():
            spec = handler_spec(member)
            if spec is not None:
                specs[name] = spec
            else:
                specs.pop(name, None)
    return list(specs.values())


def _union_of(groups: Iterable[tuple[Any, ...]]) -> list[Any]:
    found: list[Any] = []
    for group in groups:
        found += [form for form in group if form not in found]
    return found
