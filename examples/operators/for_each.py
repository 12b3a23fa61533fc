# SPDX-License-Identifier: Apache-2.0
"""A loop: each chapter is translated, two at a time, and the book comes back in order.

Run it as `python -m examples.operators.for_each`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


async def chapters(data: Data) -> list[list[str]]:
    """A book is a list of chapters, a chapter a list of sentences."""
    return [chapter.split(". ") for chapter in data.input.split("\n")]


async def translate(data: Data) -> str:
    """One sentence."""
    return str(data.input).upper()


async def bind(data: Data) -> None:
    """Nested loops give nested lists."""
    await data.async_set_state("book", data.input)


def make_flow() -> TriggerFlow[str, None, None]:
    """A loop over sentences in a loop over chapters."""
    flow: TriggerFlow[str, None, None] = TriggerFlow(name="book")
    sentences = flow.to(chapters).for_each(concurrency=2).for_each().to(translate)
    sentences.end_for_each().end_for_each().to(bind)
    return flow


async def main() -> dict[str, Any]:
    """Translate a short book."""
    snapshot = await make_flow().async_start("it rained. it stopped\nthe end")
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
