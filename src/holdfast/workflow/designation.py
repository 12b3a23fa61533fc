# SPDX-License-Identifier: Apache-2.0
"""Whose yields are results, and whose are progress: reading the choice and checking it.

Nothing chosen: every yield is a result. Anything chosen: what is not named stays hidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from holdfast.definition.graph import Graph
from holdfast.errors import DefinitionError, WorkflowValidationError
from holdfast.workflow.agent import Agent, is_agent, name_of
from holdfast.workflow.executor import Executor

Entry = Executor | Agent | str
OutputChoice = Literal["all"] | Sequence[Entry] | None
IntermediateChoice = Literal["all", "all_other"] | Sequence[Entry] | None

Ids = tuple[str, ...] | None
#: A choice as it is kept until the graph is known: a word, or executors and ids.
Kept = str | tuple[Executor | str, ...] | None


def kept(given: Any, keyword: str, words: tuple[str, ...]) -> Kept:
    """Give a choice in the form to keep.

    Raises: DefinitionError for a word that is not offered, TypeError for an entry that is neither
    an executor nor an id.
    """
    if given is None or given in words:
        word: str | None = given
        return word
    if isinstance(given, str | Executor) or is_agent(given) or not isinstance(given, Sequence):
        offered = " or ".join(repr(word) for word in words)
        raise DefinitionError(f"{keyword} is {given!r}; expected {offered}, or a list of executors")
    entries = [entry if isinstance(entry, Executor) else _name_of(entry) for entry in given]
    for entry in entries:
        if not isinstance(entry, Executor | str):
            raise TypeError(
                f"{keyword} takes executors and their ids, not {type(entry).__name__}: {entry!r}"
            )
    return tuple(entries)


def _name_of(entry: Any) -> Any:
    """The id under which an agent stands in the graph; anything else as it is."""
    return name_of(entry) if is_agent(entry) else entry


def resolved(
    outputs: Kept, intermediates: Kept, executors: Mapping[str, Executor]
) -> tuple[Ids, Ids]:
    """Give the ids of both choices. "all" are those that declare what they yield."""
    yielding = tuple(name for name, one in executors.items() if one.workflow_output_types)
    results = _ids(outputs, yielding)
    others = tuple(name for name in yielding if name not in (results or ()))
    return results, _ids(intermediates, others if intermediates == "all_other" else yielding)


def _ids(choice: Kept, everyone: tuple[str, ...]) -> Ids:
    if choice is None:
        return None
    if isinstance(choice, str):
        return everyone
    return tuple(entry.id if isinstance(entry, Executor) else entry for entry in choice)


def check_designation(
    graph: Graph, executors: Mapping[str, Executor]
) -> Iterator[WorkflowValidationError]:
    """Give what is wrong with the designated outputs of a graph."""
    if graph.outputs is None and graph.intermediates is None:
        return
    named = [*(graph.outputs or ()), *(graph.intermediates or ())]
    if not named:
        yield _problem("Outputs are designated, and no executor is named")
    for name, times in Counter(named).items():
        if name not in executors:
            yield _problem(f"{name!r} is designated for output and is not in the graph")
        elif not executors[name].workflow_output_types:
            yield _problem(f"{name!r} is designated for output and declares none")
        if times > 1:
            yield _problem(f"{name!r} is designated for output {times} times")


def _problem(text: str) -> WorkflowValidationError:
    return WorkflowValidationError(
        text,
        hint="Name each executor once, among those annotated WorkflowContext[Sends, Yields].",
        validation_type="OUTPUT_VALIDATION",
    )
