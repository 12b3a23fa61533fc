# SPDX-License-Identifier: Apache-2.0
"""A switch: each message goes to the first case that holds, or to the default.

Run it as `python -m examples.edges.switch_case`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from holdfast import Case, Default, Workflow, WorkflowBuilder, WorkflowContext, executor


@dataclass(frozen=True)
class Mail:
    """A message to the house."""

    sender: str
    text: str


@executor
async def receive(mail: Mail, ctx: WorkflowContext[Mail]) -> None:
    """Let the switch decide."""
    await ctx.send_message(mail)


@executor
async def discard(mail: Mail, ctx: WorkflowContext[None, str]) -> None:
    """Say what was thrown away."""
    await ctx.yield_output(f"discarded mail of {mail.sender}")


@executor
async def alert(mail: Mail, ctx: WorkflowContext[None, str]) -> None:
    """Wake somebody."""
    await ctx.yield_output(f"alert: {mail.text}")


@executor
async def answer(mail: Mail, ctx: WorkflowContext[None, str]) -> None:
    """Write back."""
    await ctx.yield_output(f"answered {mail.sender}")


def is_spam(mail: Mail) -> bool:
    """The first case that is asked."""
    return mail.sender == "spammer"


def is_urgent(mail: Mail) -> bool:
    """Asked only about what is no spam."""
    return mail.text.startswith("urgent")


def make_desk() -> Workflow:
    """Urgent mail goes to two executors; what is neither is only answered."""
    return (
        WorkflowBuilder(name="desk", start_executor=receive)
        .add_switch_case_edge_group(
            receive,
            [Case(is_spam, discard), Case(is_urgent, [alert, answer]), Default(answer)],
        )
        .build()
    )


async def main() -> list[str]:
    """Three letters."""
    desk = make_desk()
    outputs: list[str] = []
    for mail in (Mail("spammer", "urgent!"), Mail("ann", "urgent: fire"), Mail("bob", "hello")):
        outputs += (await desk.run(mail)).get_outputs()
    print(*outputs, sep="\n")
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
