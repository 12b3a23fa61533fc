# SPDX-License-Identifier: Apache-2.0
"""`AgentExecutor`: an agent as a node. An agent is anything with `run`, and an id or a name."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

from holdfast.definition.retry import Retry
from holdfast.errors import DefinitionError, RunError, WorkflowCheckpointException
from holdfast.workflow.agent import name_of
from holdfast.workflow.agent_messages import (
    AgentExecutorRequest,
    AgentExecutorResponse,
    AgentResponse,
    messages_of,
)
from holdfast.workflow.context import WorkflowContext
from holdfast.workflow.executor import Executor
from holdfast.workflow.handler_table import HandlerTable
from holdfast.workflow.handlers import HandlerSpec

ContextMode = Literal["full", "last_agent", "custom"]
#: Picks what an agent hears of a conversation.
ContextFilter = Callable[[list[Any]], Iterable[Any] | Awaitable[Iterable[Any]]]
Context = WorkflowContext[AgentExecutorResponse, Any]


class AgentExecutor(Executor):
    """An agent in a graph: it hears messages, answers, and sends its turn on.

    Takes text, lists of messages, `AgentExecutorRequest`, and the `AgentExecutorResponse` of
    another agent. Yields the response, or each update where the run is streamed and the agent can
    stream; sends an `AgentExecutorResponse`.
    session: handed to each run of the agent; made by its `create_session()` when not given.
    id: else the agent's name, else its id. context_mode: what it hears of the conversation of
    another agent: all of it, the last turn, or what context_filter picks. retry, timeout_s: of each
    turn; see `handler`.
    Raises: DefinitionError without an id, for an unknown mode, or "custom" without a filter.
    """

    def __init__(
        self,
        agent: Any,
        *,
        session: Any = None,
        id: str | None = None,
        context_mode: ContextMode = "full",
        context_filter: ContextFilter | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> None:
        # Many parameters because: they are the documented keywords of an agent's node.
        if not callable(getattr(agent, "run", None)):
            raise TypeError(f"An agent has a method run; {type(agent).__name__} has none")
        name = name_of(agent) if id is None else id
        if name is None:
            raise DefinitionError("The agent has no name and no id", hint="Pass id=.")
        if context_mode not in get_args(ContextMode):
            raise DefinitionError(
                f"context_mode is {context_mode!r}",
                hint=f"Pass one of {', '.join(get_args(ContextMode))}.",
            )
        if context_mode == "custom" and context_filter is None:
            raise DefinitionError(
                'context_mode="custom" needs a context_filter',
                hint="Pass a function from messages to messages.",
            )
        self.agent = agent
        self.session = session
        self._mode = context_mode
        self._filter = context_filter
        self._takes = _keywords(agent.run)
        self._reset()
        super().__init__(name, retry=retry, timeout_s=timeout_s)

    def _reset(self) -> None:
        self._cache: list[Any] = []
        self._conversation: list[Any] = []
        self._asked: dict[str, Any] = {}
        self._answered: dict[str, Any] = {}
        self._order: list[str] = []

    def _handlers(self) -> HandlerTable:
        yields = (Any, AgentResponse, *_returned(self.agent.run))

        def spec(form: Any, function: Any, response: Any = None) -> HandlerSpec:
            return HandlerSpec(
                kind="message" if response is None else "response",
                name=function.__name__,
                message_type=form,
                response_type=response,
                output_types=(AgentExecutorResponse,),
                workflow_output_types=yields,
                function=function,
            )

        return HandlerTable(
            [
                spec(AgentExecutorRequest, AgentExecutor._requested),
                spec(AgentExecutorResponse, AgentExecutor._chained),
                spec(str, AgentExecutor._told),
                spec(list, AgentExecutor._listed),
                spec(Any, AgentExecutor._heard, Any),
            ]
        )

    @property
    def has_hooks(self) -> bool:
        """An agent's node always holds something: what it has heard."""
        return True

    async def _requested(self, request: AgentExecutorRequest, ctx: Context) -> None:
        with self._or_as_before():
            self._hear(request.messages)
            if request.should_respond:
                await self._respond(ctx)

    async def _chained(self, turn: AgentExecutorResponse, ctx: Context) -> None:
        await self._listed([turn], ctx)

    async def _told(self, text: str, ctx: Context) -> None:
        await self._listed([text], ctx)

    async def _listed(self, messages: list[Any], ctx: Context) -> None:
        with self._or_as_before():
            for message in messages:
                if isinstance(message, AgentExecutorResponse):
                    await self._follow(message)
                else:
                    self._hear([message])
            await self._respond(ctx)

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """A handler that does not end leaves the node as it was: it will hear its message again."""
        before = list(self._cache), list(self._conversation)
        asked = dict(self._asked), dict(self._answered), list(self._order)
        try:
            yield
        except BaseException:
            self._cache, self._conversation = before
            self._asked, self._answered, self._order = asked
            raise

    def _hear(self, messages: Iterable[Any]) -> None:
        listed = list(messages)
        self._cache += listed
        self._conversation += listed

    async def _follow(self, turn: AgentExecutorResponse) -> None:
        """Hear the turn of another agent, as much of its conversation as the mode says."""
        last = messages_of(turn.agent_response)
        said = list(turn.full_conversation) or last
        if self._mode == "full":
            self._cache += said
        elif self._mode == "last_agent":
            self._cache += last
        else:
            assert self._filter is not None
            picked: Any = self._filter(list(said))
            self._cache += list(await picked if inspect.isawaitable(picked) else picked)
        self._conversation += said

    async def _respond(self, ctx: Context) -> None:
        """Let the agent answer what it has heard; questions of its own come first."""
        response = await self._run(ctx)
        questions = list(getattr(response, "user_input_requests", None) or ())
        if questions:
            await self._ask(questions, ctx)
            return
        self._conversation += messages_of(response)
        turn = AgentExecutorResponse(self.id, response, list(self._conversation))
        await ctx.send_message(turn)

    async def _run(self, ctx: Context) -> Any:
        messages, self._cache = self._cache, []
        named: dict[str, Any] = {}
        session = await self._present_session()
        if session is not None:
            named["session"] = session
        if ctx.is_streaming() and "stream" in self._takes:
            return await _streamed(self.agent.run(messages, stream=True, **named), ctx)
        response = _wrapped(await _awaited(self.agent.run(messages, **named)))
        await ctx.yield_output(response)
        return response

    async def _present_session(self) -> Any:
        make = getattr(self.agent, "create_session", None)
        if self.session is None and callable(make) and "session" in self._takes:
            self.session = await _awaited(make())
        return self.session

    async def _ask(self, questions: list[Any], ctx: Context) -> None:
        """Ask what the agent wants to know; it goes on when all of it is answered."""
        for question in questions:
            name = getattr(question, "id", None)
            if not isinstance(name, str) or not name:
                raise RunError(
                    f"agent {self.id!r} asks for input without an id",
                    hint="Give each of user_input_requests an id: it is answered under it.",
                )
            self._asked[name] = question
            self._order.append(name)
            await ctx.request_info(question, object, request_id=name)

    async def _heard(self, question: Any, answer: Any, ctx: Context) -> None:
        """An answer came; the last one of its batch lets the agent go on, in order of asking."""
        del question
        assert ctx.request_id is not None
        with self._or_as_before():
            self._answered[ctx.request_id] = answer
            if len(self._answered) < len(self._order):
                return
            self._cache = [self._answered[name] for name in self._order] + self._cache
            self._asked, self._answered, self._order = {}, {}, []
            await self._respond(ctx)

    async def on_checkpoint_save(self) -> dict[str, Any]:
        """Give what the node has heard and asked, and the session."""
        to_dict = getattr(self.session, "to_dict", None)
        return {
            "cache": self._cache,
            "full_conversation": self._conversation,
            "agent_session": to_dict() if callable(to_dict) else self.session,
            "pending_agent_requests": self._asked,
            "pending_responses_to_agent": self._answered,
            "pending_request_order": self._order,
        }

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        """Take it back; what is not there is empty. Raises: WorkflowCheckpointException."""
        cache, conversation = _part(state, "cache", list), _part(state, "full_conversation", list)
        asked = _part(state, "pending_agent_requests", dict)
        answered = _part(state, "pending_responses_to_agent", dict)
        order = _part(state, "pending_request_order", list)
        await self._restore_session(state.get("agent_session"))
        self._cache, self._conversation = cache, conversation
        self._asked, self._answered, self._order = asked, answered, order

    async def _restore_session(self, kept: Any) -> None:
        if kept is None:
            return
        present = await self._present_session()
        make = getattr(type(present), "from_dict", None)
        self.session = make(kept) if callable(make) and isinstance(kept, dict) else kept


def _part(state: dict[str, Any], name: str, kind: type) -> Any:
    found = state.get(name)
    if found is None:
        return kind()
    if not isinstance(found, kind):
        raise WorkflowCheckpointException(
            f"agent state {name!r}: expected a {kind.__name__}, found {type(found).__name__}"
        )
    return found


async def _awaited(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given


async def _streamed(stream: Any, ctx: Context) -> Any:
    """Yield the updates of a streaming run; returns the response that they make."""
    updates = await _awaited(stream) if not hasattr(stream, "__aiter__") else stream
    seen: list[Any] = []
    async for update in updates:
        seen.append(update)
        await ctx.yield_output(update)
    final = getattr(updates, "get_final_response", None)
    return _wrapped(await _awaited(final())) if callable(final) else AgentResponse(seen)


def _wrapped(response: Any) -> Any:
    return AgentResponse([response]) if isinstance(response, str) else response


def _keywords(function: Any) -> frozenset[str]:
    """Which of the keywords that we could pass a run takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return frozenset({"stream", "session"})
    return frozenset({one.name for one in parameters})


def _returned(function: Any) -> tuple[Any, ...]:
    """The class that a run says it returns, so that it can be kept."""
    try:
        form = inspect.signature(function, eval_str=True).return_annotation
    except (TypeError, ValueError, NameError):
        return ()
    return (form,) if isinstance(form, type) and form is not inspect.Signature.empty else ()
