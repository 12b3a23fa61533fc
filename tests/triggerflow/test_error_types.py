# SPDX-License-Identifier: Apache-2.0
"""Callers catch built-in exceptions: each of our errors is also the one that they expect."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import HoldfastError
from tests.triggerflow.handlers import ask, double, keep, same

Flow = TriggerFlow[Any, Any, Any]


def asking() -> Flow:
    """A flow that pauses."""
    flow: Flow = TriggerFlow(name="asking")
    flow.to(ask).to(keep)
    return flow


async def waiting() -> Any:
    """An execution that waits."""
    execution = asking().create_execution(auto_close=False, runtime_resources={"db": 1})
    await execution.async_start(1)
    return execution


async def _close_over_waits() -> None:
    await (await waiting()).async_close()


async def _pause_in_a_hidden_run() -> None:
    await asking().async_start(1)


async def _pause_itself_forever() -> None:
    async def stubborn(data: Any) -> Any:
        return await data.async_pause_for(resume_to="self", interrupt_id="q")

    flow: Flow = TriggerFlow()
    flow.to(stubborn)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    for _ in range(3):
        await execution.async_continue_with("q", 1)


async def _repeat_a_request_with_another_value() -> None:
    execution = await waiting()
    await execution.async_continue_with("q-1", 1, resume_request_id="r")
    await execution.async_continue_with("q-1", 2, resume_request_id="r")


async def _answer_twice() -> None:
    execution = await waiting()
    await execution.async_continue_with("q-1", 1)
    await execution.async_continue_with("q-1", 2)


async def _answer_what_was_not_asked() -> None:
    await (await waiting()).async_continue_with("nothing", 1)


async def _a_resource_nobody_gave() -> None:
    flow: Flow = TriggerFlow()
    flow.to(("use", lambda data: data.require_resource("db")))
    await flow.async_start()


async def _a_load_without_resources() -> None:
    saved = (await waiting()).save()
    asking().create_execution().load(saved, validate_resources=True)


async def _a_resolver_that_fails() -> None:
    def fail(context: dict[str, Any]) -> Any:
        raise LookupError

    flow = asking().declare_resource_requirement("db", resolver=fail)
    await flow.create_execution().async_load((await waiting()).save())


async def _a_load_into_another_flow() -> None:
    TriggerFlow().create_execution().load((await waiting()).save())


async def _a_load_of_a_changed_document() -> None:
    asking().create_execution().load({**(await waiting()).save(), "sha256": "0"})


async def _a_load_of_another_kind() -> None:
    asking().create_execution().load({**(await waiting()).save(), "kind": "else"})


async def _a_load_of_another_format() -> None:
    asking().create_execution().load({**(await waiting()).save(), "format": 99})


async def _a_load_of_nothing() -> None:
    asking().create_execution().load(None)


async def _a_load_of_a_list() -> None:
    asking().create_execution().load("[1]")


async def _a_load_of_broken_json() -> None:
    asking().create_execution().load(json.dumps((await waiting()).save())[:-9])


async def _a_load_of_a_file_that_is_not_there() -> None:
    asking().create_execution().load(Path("nowhere.json"))


async def _a_save_while_work_is_under_way() -> None:
    async def save(data: Any) -> None:
        data.execution.save(require_idle=True)

    flow: Flow = TriggerFlow()
    flow.to(save)
    await flow.async_start()


async def _a_save_of_a_live_object() -> None:
    execution = TriggerFlow().create_execution()
    execution.set_state("k", object())
    execution.save()


async def _one_name_for_two_functions() -> None:
    flow: Flow = TriggerFlow()
    flow.to(same, name="x")
    flow.when("y").to(double, name="x")


async def _export_a_lambda() -> None:
    flow: Flow = TriggerFlow()
    flow.to(lambda data: None)
    flow.save_blueprint()


async def _export_a_lambda_condition() -> None:
    flow: Flow = TriggerFlow()
    flow.match().case(lambda data: True).to(same).end_match()
    flow.save_blueprint()


async def _load_a_blueprint_without_its_handlers() -> None:
    TriggerFlow().load_blueprint(asking().save_blueprint())


async def _load_a_blueprint_of_another_version() -> None:
    TriggerFlow().load_blueprint({**asking().save_blueprint(), "version": "x"})


async def _load_a_blueprint_that_is_a_list() -> None:
    TriggerFlow().load_json_flow("[]")


async def _set_a_result_against_the_contract() -> None:
    flow: Flow = TriggerFlow()
    flow.set_contract(result=int)
    flow.create_execution().set_result("text")


async def _start_against_the_contract() -> None:
    await asking().set_contract(initial_input=int).async_start("text")


CASES: list[tuple[Callable[[], Awaitable[None]], tuple[type[Exception], ...], str]] = [
    (_close_over_waits, (RuntimeError,), "pending interrupts are waiting"),
    (_pause_in_a_hidden_run, (RuntimeError,), ""),
    (_pause_itself_forever, (RuntimeError,), ""),
    (_repeat_a_request_with_another_value, (ValueError,), ""),
    (_answer_twice, (ValueError,), ""),
    (_answer_what_was_not_asked, (KeyError,), "nothing"),
    (_a_resource_nobody_gave, (KeyError,), "missing required runtime resource"),
    (_a_load_without_resources, (RuntimeError,), r"missing resources: \['db'\]"),
    (_a_resolver_that_fails, (RuntimeError,), "resource resolver failed"),
    (_a_load_into_another_flow, (ValueError,), "flow definition fingerprint mismatch"),
    (_a_load_of_a_changed_document, (ValueError,), "checksum"),
    (_a_load_of_another_kind, (ValueError, TypeError), "kind"),
    (_a_load_of_another_format, (ValueError,), "format 99"),
    (_a_load_of_nothing, (TypeError,), "NoneType"),
    (_a_load_of_a_list, (TypeError,), ""),
    (_a_load_of_broken_json, (ValueError,), ""),
    (_a_load_of_a_file_that_is_not_there, (TypeError,), "nowhere.json"),
    (_a_save_while_work_is_under_way, (RuntimeError,), "require_idle"),
    (_a_save_of_a_live_object, (TypeError, ValueError), r"state\.k"),
    (_one_name_for_two_functions, (ValueError,), "already registered to another callable"),
    (_export_a_lambda, (ValueError,), "non-serializable handler"),
    (_export_a_lambda_condition, (ValueError,), "non-serializable condition"),
    (_load_a_blueprint_without_its_handlers, (ValueError, LookupError), "not registered"),
    (_load_a_blueprint_of_another_version, (ValueError,), "version"),
    (_load_a_blueprint_that_is_a_list, (TypeError,), "mapping"),
    (_set_a_result_against_the_contract, (ValueError,), "result"),
    (_start_against_the_contract, (ValueError,), "initial_input"),
]


@pytest.mark.filterwarnings("ignore:set_result is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("situation", "kinds", "text"), CASES, ids=[case[0].__name__.strip("_") for case in CASES]
)
async def test_an_error_is_also_the_built_in_that_callers_catch(
    situation: Callable[[], Awaitable[None]], kinds: tuple[type[Exception], ...], text: str
):
    """With a text that says what it is about, and a hint."""
    with pytest.raises(kinds[0], match=text or None) as caught:
        await situation()
    assert all(isinstance(caught.value, kind) for kind in kinds)
    if not isinstance(caught.value, HoldfastError):
        assert type(caught.value) is TypeError  # a wrong argument, as Python itself says it
    else:
        assert caught.value.hint
