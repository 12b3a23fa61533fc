# SPDX-License-Identifier: Apache-2.0
"""A flow that asks a person, is saved to a file, and goes on in another process.

python examples/triggerflow_approval.py ask saved.json
python examples/triggerflow_approval.py answer saved.json yes
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from holdfast import TriggerFlow


async def draft(data: Any) -> str:
    """Write a first version."""
    text = f"Dear {data.input}, we are glad to tell you that it works."
    await data.async_set_state("draft", text)
    return text


async def review(data: Any) -> Any:
    """Ask a person; the answer becomes this chunk's output."""
    return await data.async_pause_for(
        type="review", payload={"text": data.input}, interrupt_id="review"
    )


async def send(data: Any) -> None:
    """Act on the answer."""
    await data.async_set_state("sent", data.input == "yes")


def build() -> TriggerFlow[Any, Any, Any]:
    """The flow; the process that answers builds the same one."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="letter")
    flow.to(draft).to(review).to(send)
    return flow


async def ask(path: Path) -> str:
    """Run up to the question, and leave the run in a file."""
    execution = build().create_execution(auto_close=False)
    await execution.async_start("reader")
    execution.save(path)
    question = execution.get_pending_interrupts()["review"]
    return f"asked: {question['payload']['text']}"


async def answer(path: Path, value: str) -> str:
    """Take the run from the file, answer, and let it end."""
    execution = build().create_execution(auto_close=False).load(path)
    await execution.async_continue_with("review", value, actor="editor")
    snapshot = await execution.async_close()
    return f"sent: {snapshot['sent']}"


def main(arguments: list[str]) -> None:
    """One step of the story, told on the terminal."""
    path = Path(arguments[1])
    story = ask(path) if arguments[0] == "ask" else answer(path, arguments[2])
    print(asyncio.run(story))


if __name__ == "__main__":
    main(sys.argv[1:])
