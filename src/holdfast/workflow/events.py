# SPDX-License-Identifier: Apache-2.0
"""What a watcher of a workflow run sees: one class per kind of event, each with a fixed `.type`.

`isinstance` and `.type` both tell kinds apart, and `WorkflowEvent("output", ...)` gives the class
of that kind. Events are made on every step of a run, so a kind stores its own fields only and is
filled in `__new__`; everything that another kind would carry reads as None. One file, because the
factories on the base name every kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self

from holdfast.workflow.event_data import (
    CompletionInfo,
    StartInfo,
    WorkflowErrorDetails,
    WorkflowRunState,
)
from holdfast.workflow.type_text import type_of_text, type_text
from holdfast.workflow.typing_match import is_instance_of


class WorkflowEventSource(StrEnum):
    """Who spoke: the engine, or the code of an executor."""

    FRAMEWORK = "FRAMEWORK"
    EXECUTOR = "EXECUTOR"


FRAMEWORK: Final = WorkflowEventSource.FRAMEWORK
EXECUTOR: Final = WorkflowEventSource.EXECUTOR


def _only_on_requests(event: WorkflowEvent, name: str) -> NoReturn:
    raise RuntimeError(f"{name} is on request_info events only; this one is {event.type!r}")


class WorkflowEvent:
    """One event of a run; of a kind of your own when the type is not one of ours.

    A subclass for a kind of your own calls `super().__init__("my_kind", data=...)`.
    Equal events have the same class and the same fields.
    """

    if not TYPE_CHECKING:  # events of your own kind have a dict, ours have slots
        __slots__ = ()

    fields: ClassVar[tuple[str, ...]] = ("type", "data", "executor_id", "origin")

    type: str
    origin: WorkflowEventSource = EXECUTOR
    data: Any = None
    executor_id: str | None = None
    state: WorkflowRunState | None = None
    details: WorkflowErrorDetails | None = None
    iteration: int | None = None

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Make the class that belongs to the type, when called on WorkflowEvent itself."""
        if cls is not WorkflowEvent:
            return object.__new__(cls)
        of_type: Any = _of_type(*arguments, **named)
        return of_type  # type: ignore[no-any-return]

    def __init__(
        self,
        type: str,
        data: Any = None,
        *,
        executor_id: str | None = None,
        origin: WorkflowEventSource = EXECUTOR,
    ) -> None:
        self.type = type
        self.data = data
        self.executor_id = executor_id
        self.origin = origin

    @property
    def request_id(self) -> str:
        """The id to answer under. Raises: RuntimeError on any kind but request_info."""
        _only_on_requests(self, "request_id")

    @property
    def source_executor_id(self) -> str:
        """The executor that asks. Raises: RuntimeError on any kind but request_info."""
        _only_on_requests(self, "source_executor_id")

    @property
    def request_type(self) -> Any:
        """The type of the question. Raises: RuntimeError on any kind but request_info."""
        _only_on_requests(self, "request_type")

    @property
    def response_type(self) -> Any:
        """The type an answer must have. Raises: RuntimeError on any kind but request_info."""
        _only_on_requests(self, "response_type")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.fields)

    __hash__ = None  # type: ignore[assignment]  # its data may be anything

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{self.__class__.__name__}({values})"

    def to_dict(self) -> dict[str, Any]:
        """Only questions cross processes as data. Raises: ValueError on any other kind."""
        raise ValueError(f"only request_info events have a dict form; this one is {self.type!r}")

    @classmethod
    def from_dict(
        cls, mapping: Mapping[str, Any], *, types: Mapping[str, Any] | None = None
    ) -> RequestInfoEvent:
        """Make a question again of what `to_dict` gave.

        types: names and the types they stand for, for those that no loaded module has.
        Raises: ValueError for another kind of event, KeyError for a key that is missing, TypeError
        for a type that is not found, or data of another type than the mapping says.
        """
        if mapping["type"] != RequestInfoEvent.type:
            raise ValueError(
                f"only request_info events have a dict form; found {mapping['type']!r}"
            )
        request_type = type_of_text(mapping["request_type"], types)
        data = mapping["data"]
        if not is_instance_of(data, request_type):
            raise TypeError(
                f"data: expected {mapping['request_type']}; found {data.__class__.__name__}"
            )
        return RequestInfoEvent(
            data,
            mapping["request_id"],
            mapping["source_executor_id"],
            type_of_text(mapping["response_type"], types),
            request_type,
        )

    @staticmethod
    def started() -> WorkflowStartedEvent:
        """Tell that a run begins."""
        return WorkflowStartedEvent()

    @staticmethod
    def status(state: WorkflowRunState) -> WorkflowStatusEvent:
        """Tell that the run is in a new state."""
        return WorkflowStatusEvent(state)

    @staticmethod
    def failed(details: WorkflowErrorDetails) -> WorkflowFailedEvent:
        """Tell that the run failed."""
        return WorkflowFailedEvent(details)

    @staticmethod
    def warning(message: str) -> WorkflowWarningEvent:
        """Tell about something that is probably not meant; the run goes on."""
        return WorkflowWarningEvent(message)

    @staticmethod
    def error(exception: BaseException) -> WorkflowErrorEvent:
        """Tell about an error that does not end the run."""
        return WorkflowErrorEvent(exception)

    @staticmethod
    def output(executor_id: str, data: Any) -> WorkflowOutputEvent:
        """Tell that an executor yielded a result of the workflow."""
        return WorkflowOutputEvent(executor_id, data)

    @staticmethod
    def intermediate(executor_id: str, data: Any) -> WorkflowIntermediateEvent:
        """Tell that an executor yielded something on the way to the result."""
        return WorkflowIntermediateEvent(executor_id, data)

    @staticmethod
    def request_info(
        request_id: str,
        source_executor_id: str,
        data: Any,
        response_type: Any,
    ) -> RequestInfoEvent:
        """Tell that an executor asks the outside world."""
        return RequestInfoEvent(data, request_id, source_executor_id, response_type)

    @staticmethod
    def executor_invoked(executor_id: str, data: Any = None) -> ExecutorInvokedEvent:
        """Tell that a handler is about to be called. data: the message."""
        return ExecutorInvokedEvent(executor_id, data)

    @staticmethod
    def executor_completed(executor_id: str, data: Any = None) -> ExecutorCompletedEvent:
        """Tell that a handler ended. data: what it sent and yielded, or None."""
        return ExecutorCompletedEvent(executor_id, data)

    @staticmethod
    def executor_failed(executor_id: str, details: WorkflowErrorDetails) -> ExecutorFailedEvent:
        """Tell that a handler raised."""
        return ExecutorFailedEvent(executor_id, details)

    @staticmethod
    def executor_retry(executor_id: str, data: str, failures: int = 1) -> ExecutorRetryEvent:
        """Tell that a handler raised and is called again. data: what it raised, as text."""
        return ExecutorRetryEvent(executor_id, data, failures)

    @staticmethod
    def executor_bypassed(executor_id: str, data: Any = None) -> ExecutorBypassedEvent:
        """Tell that an executor gave what it had given before. data: that value."""
        return ExecutorBypassedEvent(executor_id, data)

    @staticmethod
    def superstep_started(iteration: int, info: StartInfo | None = None) -> SuperStepStartedEvent:
        """Tell that superstep *iteration*, counted from 1, begins."""
        return SuperStepStartedEvent(iteration, info)

    @staticmethod
    def superstep_completed(
        iteration: int, info: CompletionInfo | None = None
    ) -> SuperStepCompletedEvent:
        """Tell that superstep *iteration*, counted from 1, has ended and is saved."""
        return SuperStepCompletedEvent(iteration, info)


class _Kind(WorkflowEvent):
    """A kind of ours: `fields` are the arguments of `__new__`, which fills them."""

    __slots__ = ()
    origin = FRAMEWORK

    if not TYPE_CHECKING:
        # Everything was done in __new__, and a second Python call for each event would cost as
        # much as the first.
        __init__ = object.__init__

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.__class__, {name: getattr(self, name) for name in self.fields})


def _rebuild(kind: type[_Kind], values: dict[str, Any]) -> _Kind:
    return kind(**values)


class _WithData(_Kind):
    __slots__ = ("data",)
    fields = ("data",)

    def __new__(cls, data: Any = None) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.data = data
        return self


class _OfExecutor(_Kind):
    __slots__ = ("data", "executor_id")
    fields = ("executor_id", "data")
    executor_id: str

    def __new__(cls, executor_id: str, data: Any = None) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.executor_id = executor_id
        self.data = data
        return self


class WorkflowStartedEvent(_WithData):
    """A run begins: the first event of every run call."""

    __slots__ = ()
    type = "started"


class WorkflowWarningEvent(_WithData):
    """Something is probably not meant; the run goes on. data: the text."""

    __slots__ = ()
    type = "warning"


class WorkflowErrorEvent(_WithData):
    """An error that does not end the run. data: the exception."""

    __slots__ = ()
    type = "error"


class WorkflowStatusEvent(_Kind):
    """The run is in another state."""

    __slots__ = ("state",)
    type = "status"
    fields = ("state",)
    state: WorkflowRunState

    def __new__(cls, state: WorkflowRunState) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.state = state
        return self


class WorkflowFailedEvent(_Kind):
    """The run failed; the exception follows."""

    __slots__ = ("details",)
    type = "failed"
    fields = ("details",)
    details: WorkflowErrorDetails

    def __new__(cls, details: WorkflowErrorDetails) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.details = details
        return self


class WorkflowOutputEvent(_OfExecutor):
    """An executor yielded a result of the workflow."""

    __slots__ = ()
    type = "output"
    origin = EXECUTOR


#: The name that the result of a finished workflow had first.
WorkflowCompletedEvent = WorkflowOutputEvent


class WorkflowIntermediateEvent(_OfExecutor):
    """An executor yielded something on the way to the result."""

    __slots__ = ()
    type = "intermediate"
    origin = EXECUTOR


class ExecutorInvokedEvent(_OfExecutor):
    """A handler is about to be called. data: the message itself, not a copy."""

    __slots__ = ()
    type = "executor_invoked"


class ExecutorCompletedEvent(_OfExecutor):
    """A handler ended. data: the values it sent and yielded, None if neither."""

    __slots__ = ()
    type = "executor_completed"


class ExecutorBypassedEvent(_OfExecutor):
    """An executor did not do its work anew, but gave what it had given before. data: that.

    For executors that remember results, through `add_event`: the engine itself never says so.
    """

    __slots__ = ()
    type = "executor_bypassed"
    origin = EXECUTOR


class RequestInfoEvent(_Kind):
    """An executor asks the outside world. request_type: of the data, unless given."""

    __slots__ = ("data", "request_id", "request_type", "response_type", "source_executor_id")
    type = "request_info"
    fields = ("data", "request_id", "source_executor_id", "response_type", "request_type")
    origin = EXECUTOR
    request_id: str
    source_executor_id: str
    request_type: Any
    response_type: Any

    def __new__(
        cls,
        data: Any,
        request_id: str,
        source_executor_id: str,
        response_type: Any,
        request_type: Any = None,
    ) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.data = data
        self.request_id = request_id
        self.source_executor_id = source_executor_id
        self.response_type = response_type
        self.request_type = data.__class__ if request_type is None else request_type
        return self

    def to_dict(self) -> dict[str, Any]:
        """Describe the question for another process: its data as it is, its types as text.

        Raises: TypeError for a type that has no name, such as a class defined in a function.
        """
        return {
            "type": self.type,
            "data": self.data,
            "request_id": self.request_id,
            "source_executor_id": self.source_executor_id,
            "request_type": type_text(self.request_type),
            "response_type": type_text(self.response_type),
        }


class ExecutorFailedEvent(_Kind):
    """A handler raised. The details are its data too."""

    __slots__ = ("data", "details", "executor_id")
    type = "executor_failed"
    fields = ("executor_id", "details")
    executor_id: str
    details: WorkflowErrorDetails

    def __new__(cls, executor_id: str, details: WorkflowErrorDetails) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.executor_id = executor_id
        self.details = details
        self.data = details
        return self


class ExecutorRetryEvent(_Kind):
    """A handler raised and is called again. data: the type and the text of what it raised.

    failures: how many of its calls have failed. runs_again_at: the wall-clock time before which it
    is not called; None for at once.
    """

    __slots__ = ("data", "executor_id", "failures", "runs_again_at")
    type = "executor_retry"
    fields = ("executor_id", "data", "failures", "runs_again_at")
    executor_id: str
    data: str
    failures: int
    runs_again_at: float | None

    def __new__(
        cls, executor_id: str, data: str, failures: int = 1, runs_again_at: float | None = None
    ) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.executor_id = executor_id
        self.data = data
        self.failures = failures
        self.runs_again_at = runs_again_at
        return self


class SuperStepStartedEvent(_Kind):
    """A superstep begins; its number counts from 1."""

    __slots__ = ("iteration", "start_info")
    type = "superstep_started"
    fields = ("iteration", "start_info")
    iteration: int
    start_info: StartInfo | None

    def __new__(cls, iteration: int, start_info: StartInfo | None = None) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.iteration = iteration
        self.start_info = start_info
        return self


class SuperStepCompletedEvent(_Kind):
    """A superstep has ended and is saved; `completion_info.checkpoint` names the checkpoint."""

    __slots__ = ("completion_info", "iteration")
    type = "superstep_completed"
    fields = ("iteration", "completion_info")
    iteration: int
    completion_info: CompletionInfo | None

    def __new__(cls, iteration: int, completion_info: CompletionInfo | None = None) -> Self:
        """Fill the fields."""
        self = object.__new__(cls)
        self.iteration = iteration
        self.completion_info = completion_info
        return self


class CustomEvent(WorkflowEvent):
    """An event of a type that is not one of ours; what `WorkflowEvent("my_kind")` makes."""


_KINDS: Final[dict[str, type[_Kind]]] = {
    kind.type: kind
    for kind in (
        WorkflowStartedEvent,
        WorkflowStatusEvent,
        WorkflowFailedEvent,
        WorkflowWarningEvent,
        WorkflowErrorEvent,
        WorkflowOutputEvent,
        WorkflowIntermediateEvent,
        RequestInfoEvent,
        ExecutorInvokedEvent,
        ExecutorCompletedEvent,
        ExecutorFailedEvent,
        ExecutorRetryEvent,
        ExecutorBypassedEvent,
        SuperStepStartedEvent,
        SuperStepCompletedEvent,
    )
}

#: The types that the engine alone may publish; an executor that tries gets a warning instead.
RESERVED_TYPES: Final = frozenset({"started", "status", "failed", "output", "intermediate"})


def _of_type(name: str, data: Any = None, **named: Any) -> WorkflowEvent:
    kind = _KINDS.get(name)
    if kind is None:
        return object.__new__(CustomEvent)
    if data is not None:
        named["data"] = data
    return kind(**named)
