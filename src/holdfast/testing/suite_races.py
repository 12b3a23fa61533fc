# SPDX-License-Identifier: Apache-2.0
"""Cases about races: many threads, each with an event loop of its own, on one store."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

import pytest

from holdfast.errors import AlreadyAnswered, OwnershipLost, RunExists, RunOwned, StaleWrite
from holdfast.persistence.store import Claim, Store
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    answer,
    begin,
    commit,
    first,
    head,
    picture,
    signal,
    wait,
)

Attempt = Callable[[Store, int], Awaitable[object]]


class RaceCases(SuiteHooks):
    """Whoever comes first wins; the others are told; nobody wins twice."""

    racers: ClassVar[int] = 8

    async def race(self, store: Store, attempt: Attempt) -> list[object]:
        """Let every racer try at once; what each got, or the error that each was told."""
        told: list[object] = [None] * self.racers
        line = threading.Barrier(self.racers)

        def run(number: int) -> None:
            async def once() -> None:
                line.wait()
                try:
                    told[number] = await attempt(store, number)
                except Exception as error:  # noqa: BLE001 - the case judges it
                    told[number] = error

            asyncio.run(once())

        threads = [threading.Thread(target=run, args=(number,)) for number in range(self.racers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        return told

    async def test_one_answer_of_many_wins(self, tmp_path: Path) -> None:
        """All losers are told that it was answered, and by whom."""
        async with self.opened(tmp_path) as store:
            await begin(store, waits=tuple(wait(f"w{turn}") for turn in range(5)))
            for turn in range(5):
                name = f"w{turn}"

                async def attempt(store: Store, number: int, name: str = name) -> object:
                    value = answer(b"%d" % number, f"{name}-{number}", actor=f"a{number}")
                    return await store.settle("run-1", name, value)

                told = await self.race(store, attempt)
                losers = [one for one in told if isinstance(one, AlreadyAnswered)]
                assert len(losers) == self.racers - 1
                row = (await store.waits(run_id="run-1")).items[turn]
                assert row in told
                assert {loser.facts["actor"] for loser in losers} == {row.actor}
            assert len(await store.inbox("run-1")) == 5

    async def test_one_append_of_many_follows_the_head(self, tmp_path: Path) -> None:
        """The commit of the winner is there, and of nobody else."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            for after in range(1, 6):

                async def attempt(store: Store, number: int, after: int = after) -> object:
                    return await store.append(claim, commit(f"c{after}-{number}"), after=after)

                told = await self.race(store, attempt)
                kinds = Counter(type(one) for one in told)
                assert kinds == {int: 1, StaleWrite: self.racers - 1}
                winner = next(place for place, one in enumerate(told) if isinstance(one, int))
                stored = await store.read("run-1")
                assert (stored.seq, stored.commit_id) == (after + 1, f"c{after}-{winner}")

    async def test_one_claim_of_many_stands(self, tmp_path: Path) -> None:
        """Opening, claiming and writing: one owner at each moment."""
        async with self.opened(tmp_path) as store:

            async def start(store: Store, number: int) -> object:
                return await store.open_run(head(), first(f"c-{number}"), f"owner-{number}")

            told = await self.race(store, start)
            assert Counter(type(one) for one in told) == {Claim: 1, RunExists: self.racers - 1}
            owner = (await store.row("run-1")).owner

            async def take(store: Store, number: int) -> object:
                return await store.claim("run-1", f"next-{number}", over=owner)

            taken = await self.race(store, take)
            assert Counter(type(one) for one in taken) == {Claim: 1, RunOwned: self.racers - 1}
            old = next(one for one in told if isinstance(one, Claim))
            with pytest.raises(OwnershipLost):
                await store.append(old, commit("late"), after=1)

    async def test_one_post_of_one_request_is_made(self, tmp_path: Path) -> None:
        """Every sender of the same request gets the same item."""
        async with self.opened(tmp_path) as store:
            await begin(store)

            async def attempt(store: Store, _number: int) -> object:
                return await store.post("run-1", signal(b"1", "r1"))

            told = await self.race(store, attempt)
            assert told == list(await store.inbox("run-1")) * self.racers

    async def test_commits_of_many_runs_all_land(self, tmp_path: Path) -> None:
        """Among them refused ones: each member of a group has its own verdict."""
        async with self.opened(tmp_path) as store:
            claims = [await begin(store, f"r{number}") for number in range(40)]

            async def one(place: int, claim: Claim) -> object:
                after = 1 if place % 4 else 7
                return await store.append(claim, commit(f"c{place}"), after=after)

            told = await asyncio.gather(
                *(one(place, claim) for place, claim in enumerate(claims)), return_exceptions=True
            )
            for place, found in enumerate(told):
                stored = await store.read(f"r{place}")
                if place % 4:
                    assert (found, stored.commit_id) == (2, f"c{place}")
                else:
                    assert isinstance(found, StaleWrite)
                    assert stored.seq == 1

    async def test_a_cancelled_caller_leaves_the_store_usable(self, tmp_path: Path) -> None:
        """What it asked for happened, or did not; the next call sees which."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            task = asyncio.ensure_future(store.append(claim, commit("c2"), after=1))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await store.append(claim, commit("c2"), after=1) == 2

    async def test_two_stores_of_one_folder_see_the_same_runs(self, tmp_path: Path) -> None:
        """What one acknowledged, the other reads at once."""
        if not self.shared:
            pytest.skip("this store is of one process only")
        async with self.opened(tmp_path) as one, self.opened(tmp_path) as other:
            claim = await begin(one, waits=(wait(),))
            assert await picture(other) == await picture(one)
            await other.settle("run-1", "w1", answer(b"1", "r1"))
            assert len(await one.inbox("run-1")) == 1
            taken = await other.claim("run-1", "bob", over="ann")
            with pytest.raises(OwnershipLost):
                await one.append(claim, commit("c2"), after=1)
            assert await other.append(taken, commit("c2"), after=1) == 2
            await one.enrol("ann")
            assert [row.locked for row in await other.owners()] == [True]
