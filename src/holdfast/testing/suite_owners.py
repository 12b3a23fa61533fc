# SPDX-License-Identifier: Apache-2.0
"""Cases about ownership: claims, epochs, and who is alive."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import OwnershipLost, RunOwned
from holdfast.persistence.rows import Settlement
from holdfast.testing.suite_hooks import SuiteHooks, begin, commit, picture, wait


class OwnerCases(SuiteHooks):
    """One owner a run; an older claim writes nothing."""

    async def test_a_writer_with_an_old_claim_writes_nothing(self, tmp_path: Path) -> None:
        """The fence: taken over, thawed, refused."""
        async with self.opened(tmp_path) as store:
            old = await begin(store)
            new = await store.claim("run-1", "bob", over="ann")
            assert new.epoch == old.epoch + 1
            before = await picture(store)
            for late in (commit("c2"), commit("c3", status="completed", waits=(wait(),))):
                with pytest.raises(OwnershipLost):
                    await store.append(old, late, after=1)
            assert await picture(store) == before
            assert await store.append(new, commit("c2"), after=1) == 2
            with pytest.raises(OwnershipLost):
                await store.append(old, commit("c2"), after=1)

    async def test_a_released_claim_writes_nothing(self, tmp_path: Path) -> None:
        """Giving up is giving up, even while nobody else came."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.release(claim)
            with pytest.raises(OwnershipLost):
                await store.append(claim, commit("c2"), after=1)
            assert (await store.row("run-1")).owner is None

    async def test_a_run_with_nothing_due_has_no_owner(self, tmp_path: Path) -> None:
        """Anybody may claim it; until somebody does, its last writer may write on."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", due=False), after=1)
            assert (await store.row("run-1")).owner is None
            await store.append(claim, commit("c3", due=True), after=2)
            assert (await store.row("run-1")).owner == claim.owner
            await store.append(claim, commit("c4", due=False), after=3)
            newer = await store.claim("run-1", "bob")
            with pytest.raises(OwnershipLost):
                await store.append(claim, commit("c5", due=True), after=4)
            assert await store.append(newer, commit("c5", due=True), after=4) == 5

    async def test_an_owned_run_is_not_claimed_by_another(self, tmp_path: Path) -> None:
        """Only over the owner that is named."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            for over in (None, "cid", "bob"):
                with pytest.raises(RunOwned):
                    await store.claim("run-1", "bob", over=over)
            assert (await store.claim("run-1", "bob", over="ann")).owner == "bob"

    async def test_an_owner_claims_its_own_run_anew(self, tmp_path: Path) -> None:
        """As after a failed save: the claim it held before is void."""
        async with self.opened(tmp_path) as store:
            old = await begin(store)
            new = await store.claim("run-1", "ann")
            with pytest.raises(OwnershipLost):
                await store.append(old, commit("c2"), after=1)
            assert await store.append(new, commit("c2"), after=1) == 2

    async def test_takeovers_without_progress_are_counted(self, tmp_path: Path) -> None:
        """An append is progress; a run that was released is not taken over."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            for owner, over in (("bob", "ann"), ("cid", "bob")):
                claim = await store.claim("run-1", owner, over=over)
            assert (await store.row("run-1")).claims == claim.claims == 2
            await store.append(claim, commit("c2"), after=1)
            assert (await store.row("run-1")).claims == 0
            await store.release(claim)
            assert (await store.claim("run-1", "dan")).claims == 0
            assert (await store.row("run-1")).claims == 0

    async def test_an_owner_that_claims_again_has_not_died(self, tmp_path: Path) -> None:
        """Only a claim over another owner counts; giving a run up does not begin the count anew."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            assert (await store.claim("run-1", "ann")).claims == 0
            claim = await store.claim("run-1", "bob", over="ann")
            assert claim.claims == 1
            await store.release(claim)
            assert (await store.claim("run-1", "cid")).claims == 1
            assert (await store.claim("run-1", "dan", over="cid")).claims == 2

    async def test_a_commit_that_is_no_progress_leaves_the_count(self, tmp_path: Path) -> None:
        """A new owner notes that it has begun; whatever else the commit brings along."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            claim = await store.claim("run-1", "bob", over="ann")
            await store.append(claim, commit("c2", progress=False), after=1)
            await store.append(claim, commit("c3", progress=False, waits=(wait(),)), after=2)
            assert (await store.row("run-1")).claims == 1
            settled = Settlement(status="answered", at=3.0, value=b"1")
            await store.settle("run-1", "w1", settled)
            (item,) = await store.inbox("run-1")
            await store.append(claim, commit("c4", consumed=(item.number,)), after=3)
            assert (await store.row("run-1")).claims == 0

    async def test_an_old_claim_does_not_release_a_newer_one(self, tmp_path: Path) -> None:
        """Releasing twice, or late, is fine and does nothing."""
        async with self.opened(tmp_path) as store:
            old = await begin(store)
            await store.claim("run-1", "bob", over="ann")
            await store.release(old)
            assert (await store.row("run-1")).owner == "bob"

    async def test_a_retired_owner_owns_nothing(self, tmp_path: Path) -> None:
        """Its runs are free, and only its."""
        async with self.opened(tmp_path) as store:
            await store.enrol("ann")
            claims = [await begin(store, run_id) for run_id in ("r1", "r2")]
            await begin(store, "r3", owner="bob")
            await store.retire("ann")
            owned = [row.owner for row in (await store.runs()).items]
            assert owned == [None, None, "bob"]
            assert await store.owners() == ()
            with pytest.raises(OwnershipLost):
                await store.append(claims[0], commit("c2"), after=1)

    async def test_a_beat_rises_with_every_renewal(self, tmp_path: Path) -> None:
        """And an owner that was forgotten while it slept is known again."""
        async with self.opened(tmp_path) as store:
            await store.enrol("ann")
            await store.enrol("\u00fcber \u2603/..")
            for _ in range(3):
                await store.renew("ann")
            beats = {row.owner: (row.beat, row.locked) for row in await store.owners()}
            assert beats == {"ann": (3, True), "\u00fcber \u2603/..": (0, True)}
            await store.retire("ann")
            await store.renew("ann")
            assert {row.owner for row in await store.owners()} == {"ann", "\u00fcber \u2603/.."}

    async def test_an_ended_run_can_be_claimed(self, tmp_path: Path) -> None:
        """Somebody may go back to a checkpoint of it."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", status="completed", due=False), after=1)
            await store.release(claim)
            again = await store.claim("run-1", "bob")
            assert await store.append(again, commit("c3", status="running"), after=2) == 3
            assert [row.run_id for row in await store.claimable(now=0.0)] == ["run-1"]
