# SPDX-License-Identifier: Apache-2.0
"""Watch a run while it works: words as they come, and a question answered by its reader.

Run it as `python -m examples.streams`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow, TriggerFlowRuntimeData

Data = TriggerFlowRuntimeData[Any, Any, Any]
Flow = TriggerFlow[str, str, None]


async def draft(data: Data) -> str:
    """Give the words out one by one, as a model would."""
    words = ["Dear", "reader,", "about", data.input]
    for word in words:
        await data.async_put_into_stream(word)
    return " ".join(words)


async def approve(data: Data) -> Any:
    """Ask whoever watches."""
    return await data.async_pause_for(type="approval", payload=data.input, interrupt_id="send")


async def send(data: Data) -> None:
    """Keep what was decided."""
    await data.async_set_state("sent", data.input)


def make_flow() -> Flow:
    """A draft, an approval, and the sending."""
    flow: Flow = TriggerFlow(name="mail")
    flow.to(draft).to(approve).to(send)
    return flow


async def main() -> None:
    """Read to the end, answering on the way; then read it all again."""
    execution = make_flow().create_execution(auto_close=False)
    words = 0
    async for item in execution.get_async_runtime_stream("streams"):
        if isinstance(item, str):
            words += 1
            print("word:", item)
        elif item["type"] == "interrupt" and item["action"] == "pause":
            print("asked:", item["interrupt"]["payload"])
            await execution.async_continue_with(item["interrupt"]["id"], "yes")
            await execution.async_close()
    print("sent:", (await execution.async_close())["sent"])

    late = [item async for item in execution.get_async_runtime_stream()]
    print("a late reader sees all:", len(late) - words, "items beside the words")

    only_draft: Flow = TriggerFlow(name="draft")
    only_draft.to(draft)
    blocking = await asyncio.to_thread(lambda: list(only_draft.get_runtime_stream("threads")))
    print("without a loop:", blocking[-1])


if __name__ == "__main__":
    asyncio.run(main())
