# SPDX-License-Identifier: Apache-2.0
"""Running a flow in one call: to its end, as a stream, or until its start has settled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from holdfast.errors import DefinitionError
from holdfast.runtime.home import Home
from holdfast.runtime.portal import apart
from holdfast.triggerflow.compat.waiting import ignore_wait
from holdfast.triggerflow.execution import Execution
from holdfast.triggerflow.flow_starts_twins import FlowStartsTwins
from holdfast.triggerflow.reading import Reader, blocking_items
from holdfast.triggerflow.unset import UNSET


class FlowStarts(FlowStartsTwins):
    """The ways to run a flow without making an execution first."""

    def _created(self, options: dict[str, Any]) -> Execution:
        """An execution made with options of `create_execution`."""
        raise NotImplementedError

    def execution_in(
        self, home: Home | None, run_id: str | None, resources: Mapping[str, Any] | None = None
    ) -> Execution:
        """A run kept in a home; in none, for memory."""
        raise NotImplementedError

    async def async_start(
        self,
        value: Any = None,
        *,
        timeout: float | None = None,
        auto_close: bool = True,
        auto_close_timeout: float | None = 0.0,
        runtime_resources: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
        wait_for_result: Any = UNSET,
    ) -> dict[str, Any]:
        """Run the flow once in an execution nobody else holds; returns its close snapshot.

        auto_close_timeout: seconds of idleness before it closes; timeout is another name of it.
        concurrency: how many handlers may work at once.
        A pause raises, since nobody could answer. wait_for_result: ignored, with a warning.
        Raises: what a handler raised, PauseNotAllowed, ContractRefused, DefinitionError.
        """
        # Many parameters because: they are the documented options of a start.
        ignore_wait("flow.start", wait_for_result)
        delay = auto_close_timeout if timeout is None else timeout
        if not auto_close or delay is None:
            raise DefinitionError(
                "flow.start waits for the close: it takes no auto_close=False and no "
                "auto_close_timeout=None",
                hint="Use create_execution(auto_close=False) to hold the execution yourself.",
            )
        execution = self._hidden(runtime_resources, concurrency)
        try:
            snapshot: dict[str, Any] = await execution.async_start(value, timeout=delay)
        except BaseException:
            # Nobody holds the execution: what it still does would never end.
            execution.live.stop(tuple(execution.live.running))
            raise
        return snapshot

    def start(
        self,
        value: Any = None,
        *,
        timeout: float | None = None,
        auto_close: bool = True,
        auto_close_timeout: float | None = 0.0,
        runtime_resources: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
        wait_for_result: Any = UNSET,
    ) -> dict[str, Any]:
        """The blocking form of `async_start`. On a running loop too: it runs beside that loop."""
        # Many parameters because: they are the documented options of a start.
        return apart(
            self.async_start(
                value,
                timeout=timeout,
                auto_close=auto_close,
                auto_close_timeout=auto_close_timeout,
                runtime_resources=runtime_resources,
                concurrency=concurrency,
                wait_for_result=wait_for_result,
            )
        )

    def get_async_runtime_stream(
        self,
        value: Any = None,
        *,
        timeout: float | None = 10.0,
        runtime_resources: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
    ) -> AsyncIterator[Any]:
        """Run the flow once in an execution nobody else holds, and read its stream.

        The execution ends with the iteration: by itself, or because its reader leaves it.
        timeout: seconds to wait for the next item; then it ends with a UserWarning. concurrency:
        how many handlers may work at once.
        Raises: what a handler raised, PauseNotAllowed, ContractRefused.
        """
        return self._reader(value, timeout, runtime_resources, concurrency).items()

    def get_runtime_stream(
        self,
        value: Any = None,
        *,
        timeout: float | None = 10.0,
        runtime_resources: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
    ) -> Iterator[Any]:
        """The items for code without a loop; the run is started at the call."""
        return blocking_items(self._reader(value, timeout, runtime_resources, concurrency))

    def _reader(
        self,
        value: Any,
        timeout: float | None,
        resources: Mapping[str, Any] | None,
        concurrency: int | None,
    ) -> Reader:
        execution = self._hidden(resources, concurrency)
        return Reader(execution, value, timeout, execution.abandon)

    def _hidden(self, resources: Mapping[str, Any] | None, concurrency: int | None) -> Execution:
        """An execution that nobody outside holds."""
        execution = self.execution_in(None, None, resources)
        execution.hide()
        if concurrency is not None:
            execution.set_concurrency(concurrency)
        return execution

    async def async_start_execution(
        self,
        value: Any,
        *,
        timeout: float | None = None,
        wait_for_result: Any = UNSET,
        **options: Any,
    ) -> Execution:
        """Start an execution, and return it once its start has settled or paused.

        timeout: another name of auto_close_timeout. options: those of `create_execution`.
        wait_for_result: ignored, with a warning.
        Raises: what a handler raised, ContractRefused, DefinitionError.
        """
        ignore_wait("flow.start_execution", wait_for_result)
        if timeout is not None:
            options["auto_close_timeout"] = timeout
        execution = self._created(options)
        await execution.launch(value)
        return execution
