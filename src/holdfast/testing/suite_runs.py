# SPDX-License-Identifier: Apache-2.0
"""Cases about runs: opening, appending, reading, pruning, deleting."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import (
    CheckpointNotFound,
    InvalidId,
    RunClosed,
    RunExists,
    RunNotFound,
    RunOwned,
    StaleWrite,
    StoreClosed,
    StoreError,
    WaitExists,
)
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    begin,
    commit,
    first,
    head,
    mark,
    picture,
    signal,
    wait,
)

#: Ids that would hurt a store which uses them as they are.
HOSTILE = (
    "..",
    ".",
    "../up",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "%2e%2e%2f",
    "nul\x00byte",
    "CON",
    "NUL.txt",
    "a" * 10_240,
    "",
    " ",
    "new\nline",
    "tab\tbed",
    "'; DROP TABLE runs; --",
    '"quoted"',
    "*?[x]",
    "\u0430dmin",
    "e\u0301",
    "\u202egnol",
    "\ud800lone",
    "$(touch x)",
    "-rf",
    "a@b",
    "~root",
)


class RunCases(SuiteHooks):
    """A run is a row of commits; each follows the one before."""

    async def test_an_opened_run_is_read_with_its_anchor_joined(self, tmp_path: Path) -> None:
        """The pieces of an anchor are one body; the row says what the commit said."""
        async with self.opened(tmp_path) as store:
            claim = await store.open_run(head(parent="p@3", version="2"), first(), "ann")
            stored = await store.read("run-1")
            assert (stored.seq, stored.commit_id, stored.anchor_seq) == (1, "c1", 1)
            assert (stored.anchor, stored.deltas) == (b'{"last":"first"}', ())
            assert stored.row.head == head(parent="p@3", version="2")
            assert claim is not None
            assert (stored.row.owner, stored.row.epoch) == ("ann", claim.epoch)

    async def test_a_run_may_begin_without_an_owner(self, tmp_path: Path) -> None:
        """Then nobody holds a claim, and the first claim is the first epoch."""
        async with self.opened(tmp_path) as store:
            assert await store.open_run(head(), first(), None) is None
            assert (await store.row("run-1")).owner is None
            assert (await store.claim("run-1", "bob")).epoch == 1

    async def test_deltas_follow_the_newest_anchor_in_order(self, tmp_path: Path) -> None:
        """A read needs one anchor and what came after it."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            assert await store.append(claim, commit("c2"), after=1) == 2
            assert await store.append(claim, commit("c3", anchor=(b"{}",)), after=2) == 3
            for seq in (4, 5):
                await store.append(claim, commit(f"c{seq}"), after=seq - 1)
            stored = await store.read("run-1")
            assert (stored.anchor_seq, stored.anchor) == (3, b"{}")
            assert stored.deltas == (commit("c4").delta, commit("c5").delta)

    async def test_a_run_is_read_as_of_any_commit(self, tmp_path: Path) -> None:
        """Reading back in time sees what a read then saw."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", checkpoint=mark(iteration=4)), after=1)
            await store.append(claim, commit("c3", anchor=(b"{}",)), after=2)
            stored = await store.read("run-1", at=2)
            assert (stored.anchor_seq, stored.deltas) == (1, (commit("c2").delta,))
            assert (stored.commit_id, stored.checkpoint) == ("c2", mark(iteration=4))
            for missing in (0, 4, -1, 2**40):
                with pytest.raises(CheckpointNotFound):
                    await store.read("run-1", at=missing)

    async def test_an_unknown_run_is_told(self, tmp_path: Path) -> None:
        """Every call about a run says so when there is none."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            with pytest.raises(RunNotFound):
                await store.read("other")
            with pytest.raises(RunNotFound):
                await store.row("other")
            with pytest.raises(RunNotFound):
                await store.inbox("other")
            with pytest.raises(RunNotFound):
                await store.post("other", signal())
            with pytest.raises(RunNotFound):
                await store.claim("other", "bob")
            with pytest.raises(RunNotFound):
                await store.delete_run("other")
            other = type(claim)(run_id="other", owner="ann", epoch=1, seq=1)
            with pytest.raises(RunNotFound):
                await store.append(other, commit("c2"), after=1)

    async def test_the_same_commit_again_is_success_and_changes_nothing(
        self, tmp_path: Path
    ) -> None:
        """After an unclear error a writer may simply write again."""
        async with self.opened(tmp_path) as store:
            opened = await store.open_run(head(), first(), "ann")
            assert await store.open_run(head(), first(), "ann") == opened
            assert opened is not None
            for _ in range(2):
                assert await store.append(opened, commit("c2", waits=(wait(),)), after=1) == 2
            assert len((await store.waits()).items) == 1
            await store.append(opened, commit("c3"), after=2)
            with pytest.raises(StaleWrite):
                await store.append(opened, commit("c2"), after=1)

    async def test_a_write_that_does_not_follow_the_head_changes_nothing(
        self, tmp_path: Path
    ) -> None:
        """Neither behind nor ahead of the head."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2"), after=1)
            before = await picture(store)
            for after in (0, 1, 3):
                with pytest.raises(StaleWrite) as told:
                    await store.append(claim, commit("cx"), after=after)
                assert told.value.facts["found"] == 2
            assert await picture(store) == before

    async def test_a_used_run_id_is_refused(self, tmp_path: Path) -> None:
        """Another commit id is another start, even of the same run by the same owner."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            for again, owner in ((first("other"), "ann"), (first("run-1:1"), "bob")):
                with pytest.raises(RunExists):
                    await store.open_run(head(), again, owner)

    async def test_an_append_is_all_or_nothing(self, tmp_path: Path) -> None:
        """A wait that is refused takes commit, consumed posts and other waits with it."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait("w1"),))
            item = await store.post("run-1", signal())
            before = await picture(store)
            with pytest.raises(WaitExists):
                await store.append(
                    claim,
                    commit(
                        "c2",
                        anchor=(b"{}",),
                        status="completed",
                        consumed=(item.number,),
                        waits=(wait("w2"), wait("w1", generation=2)),
                    ),
                    after=1,
                )
            assert await picture(store) == before

    async def test_a_commit_says_which_structure_the_run_follows_from_then_on(
        self, tmp_path: Path
    ) -> None:
        """The head still tells what it began with; a commit that says nothing leaves it so."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            assert (await store.row("run-1")).fingerprint == "f1"
            await store.append(claim, commit("c2", moved_to="f2"), after=1)
            await store.append(claim, commit("c3"), after=2)
            row = await store.row("run-1")
            assert (row.moved_to, row.fingerprint, row.head) == ("f2", "f2", head())
            assert (await store.runs(limit=1)).items[0].moved_to == "f2"

    async def test_order_is_never_that_of_clocks(self, tmp_path: Path) -> None:
        """A clock that jumps back reorders nothing."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark(), at=1e9)
            for seq, at in ((2, 5.0), (3, -5.0)):
                await store.append(
                    claim, commit(f"c{seq}", at=at, checkpoint=mark()), after=seq - 1
                )
            assert [row.seq for row in (await store.checkpoints()).items] == [1, 2, 3]
            latest = await store.get_latest("order")
            assert latest is not None
            assert latest.checkpoint_id == "run-1@3"

    async def test_any_bytes_come_back_as_they_went(self, tmp_path: Path) -> None:
        """Bodies are opaque: zero bytes, megabytes, and nothing at all."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, anchor=(b"\x00\xff" * 700_000, b"", b"'\"\n"))
            await store.append(claim, commit("c2", delta=b""), after=1)
            await store.append(claim, commit("c3", delta=bytes(range(256))), after=2)
            stored = await store.read("run-1")
            assert stored.anchor == b"\x00\xff" * 700_000 + b"'\"\n"
            assert stored.deltas == (b"", bytes(range(256)))

    async def test_an_error_text_of_any_shape_is_kept_readable(self, tmp_path: Path) -> None:
        """The error of a run comes from anywhere, and never stops the commit that reports it."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", error="file \udcff \u00e9"), after=1)
            assert "\u00e9" in ((await store.row("run-1")).error or "")

    async def test_pruning_keeps_head_and_kept_checkpoints_readable(self, tmp_path: Path) -> None:
        """What only older checkpoints need goes; a second prune finds nothing."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark("entry"))
            for seq in range(2, 13):
                anchor = (b'{"at":%d}' % seq,) if seq % 4 == 0 else None
                kind = mark() if seq % 3 == 0 else None
                last = commit(f"c{seq}", anchor=anchor, checkpoint=kind)
                await store.append(claim, last, after=seq - 1)
            seen = {at: await store.read("run-1", at=at) for at in (9, 12)}
            assert await store.prune("run-1", keep_last=2) > 0
            assert await store.prune("run-1", keep_last=2) == 0
            kept = (await store.checkpoints(run_id="run-1")).items
            assert [row.seq for row in kept] == [9, 12]
            for at, before in seen.items():
                after = await store.read("run-1", at=at)
                assert (after.anchor, after.deltas) == (before.anchor, before.deltas)
            with pytest.raises(CheckpointNotFound):
                await store.read("run-1", at=3)
            assert await store.append(claim, commit("c13"), after=12) == 13

    async def test_pruning_to_nothing_keeps_the_head(self, tmp_path: Path) -> None:
        """With keep=0 only what the head needs is left."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark())
            await store.append(claim, commit("c2", anchor=(b"{}",), checkpoint=mark()), after=1)
            await store.append(claim, commit("c3"), after=2)
            assert await store.prune("run-1", keep_last=0) == 1
            assert (await store.read("run-1")).deltas == (commit("c3").delta,)
            assert (await store.checkpoints()).items == ()

    async def test_a_deleted_run_leaves_a_tombstone(self, tmp_path: Path) -> None:
        """Record, waits and posts go; the id stays taken, the row stays listed."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),), checkpoint=mark())
            await store.post("run-1", signal())
            with pytest.raises(RunOwned):
                await store.delete_run("run-1")
            await store.release(claim)
            for _ in range(2):
                await store.delete_run("run-1")
            row = await store.row("run-1")
            assert (row.pruned, row.status, row.open_waits, row.inbox) == (True, "cancelled", 0, 0)
            assert (await store.waits()).items == ()
            assert (await store.checkpoints()).items == ()
            assert [run.run_id for run in (await store.runs()).items] == ["run-1"]
            assert await store.claimable(now=9e9) == ()
            with pytest.raises(RunNotFound):
                await store.read("run-1")
            with pytest.raises(RunClosed):
                await store.claim("run-1", "bob")
            with pytest.raises(RunClosed):
                await store.post("run-1", signal())
            with pytest.raises(RunExists):
                await store.open_run(head(), first("run-1:1"), None)

    async def test_a_tombstone_takes_no_write(self, tmp_path: Path) -> None:
        """Not even of the claim that was the newest when the run was deleted."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", due=False), after=1)
            await store.delete_run("run-1")
            with pytest.raises(StoreError):
                await store.append(claim, commit("c3"), after=2)
            row = await store.row("run-1")
            assert (row.seq, row.pruned, row.due) == (2, True, False)

    @pytest.mark.parametrize("hostile", HOSTILE)
    async def test_hostile_ids_are_refused_or_kept_safely(
        self, tmp_path: Path, hostile: str
    ) -> None:
        """No id leaves the store, breaks it, or stands for another id."""
        folder = tmp_path / "store"
        folder.mkdir()
        async with self.opened(folder) as store:
            claim = await begin(store)
            refused = 0
            try:
                await store.open_run(head(hostile), first("h1"), "ann")
            except InvalidId:
                refused += 1
            else:
                assert (await store.read(hostile)).row.run_id == hostile
            for call in (
                lambda: store.append(claim, commit("c2", waits=(wait(hostile),)), after=1),
                lambda: store.post("run-1", signal(request_id=hostile)),
                lambda: store.enrol(hostile),
                lambda: store.waits(run_id=hostile),
                lambda: store.runs(definition=hostile, status=hostile),
                lambda: store.checkpoints(run_id=hostile),
                lambda: store.unmark(hostile, 1),
            ):
                try:
                    await call()
                except StoreError:
                    refused += 1
            if (await store.waits(run_id="run-1")).items:
                assert (await store.waits()).items[0].wait_id == hostile
            assert (await store.row("run-1")).seq in (1, 2)
        assert _names_in(tmp_path) == ["store"]

    async def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        """Closing twice is fine; a call afterwards is an error."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.close()
            await store.close()
            with pytest.raises(StoreClosed):
                await store.read("run-1")
            with pytest.raises(StoreClosed):
                await store.append(claim, commit("c2"), after=1)

    async def test_a_reopened_store_holds_everything(self, tmp_path: Path) -> None:
        """Runs, waits, posts, checkpoints and request ids outlive the store that wrote them."""
        if not self.reopen:
            pytest.skip("this store keeps nothing after close()")
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),), checkpoint=mark())
            await store.append(claim, commit("c2"), after=1)
            item = await store.post("run-1", signal(request_id="r1"))
            before = await picture(store)
        async with self.opened(tmp_path) as store:
            assert await picture(store) == before
            assert await store.post("run-1", signal(request_id="r1")) == item
            assert await store.append(claim, commit("c3"), after=2) == 3


def _names_in(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]
