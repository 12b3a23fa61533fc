# SPDX-License-Identifier: Apache-2.0
"""Bugs to plant: each one a failure that durable libraries have shown, as an edit to the source.

A bug names the tests that have to go red; the whole suite would, but takes longer. `find` stands
exactly once in its file, so a bug that the source has moved away from is noticed.
"""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """One edit. story: what a user would lose. tests: what is run, as pytest takes it."""

    name: str
    story: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


RUNTIME = "src/holdfast/runtime/"
MACHINE = "src/holdfast/machine/"
PERSISTENCE = "src/holdfast/persistence/"
FLOW = "src/holdfast/triggerflow/"

STORE_FAULTS = ("tests/runtime/test_store_faults.py", "-k", "chain or pause or loop")
SIMULATION = ("tests/simulation",)

BUGS = (
    Bug(
        "acted before saved",
        "the next handler starts although the end of the one before it is not down",
        RUNTIME + "live.py",
        """        following = self.perform(effects, here=here)
        if following is not None:
            now""",
        """        if following is not None:
            now""",
        ("tests/runtime/test_store_faults.py", "-k", "chain"),
    ),
    Bug(
        "step returned before its result is down",
        "a handler acts on a result that a crash takes back, and charges a second time",
        RUNTIME + "steps.py",
        """    ledger.came(run, delivery.id, index, data=data)
    if live.saver is not None:
        await live.advance([], here=False)
""",
        """    ledger.came(run, delivery.id, index, data=data)
""",
        ("tests/triggerflow/test_steps.py",),
    ),
    Bug(
        "steps known by name alone",
        "the second of two steps gets the result of the first",
        MACHINE + "ledger.py",
        "exact = lines.digested.get(digest) if digest is not None else None",
        "exact = next(iter(lines.digested.values()), None)",
        ("tests/machine/test_steps.py", "tests/triggerflow/test_steps.py"),
    ),
    Bug(
        "sleep begun anew by a repeat",
        "a run that is restarted every hour never wakes from a sleep of two",
        RUNTIME + "sleeping.py",
        "await apart(host.held_permits, until(live.clock, entry.outcome))",
        "await apart(host.held_permits, until(live.clock, ends_at))",
        ("tests/runtime/test_sleeping.py",),
    ),
    Bug(
        "answer acknowledged before it is down",
        "a person is told that the answer counts, and a crash or a full disk takes it back",
        PERSISTENCE + "stores/sqlite_writer.py",
        """            db.check_place()
            db.con.execute("COMMIT")
        except BaseException:
            _undo(db)
            raise

    def _member""",
        """            db.check_place()
            tell(batch)
            db.con.execute("COMMIT")
        except BaseException:
            _undo(db)
            raise

    def _member""",
        ("tests/persistence/stores/test_sqlite.py", "tests/persistence/stores/test_lost_files.py"),
    ),
    Bug(
        "older checkpoint given for a damaged one",
        "a run silently goes back a day, and does the day's work again",
        PERSISTENCE + "storages/files.py",
        "if run_id is None or not at or owner == run_id:",
        "if False:",
        ("tests/persistence/test_checkpoint_storages.py",),
    ),
    Bug(
        "question told before it is kept",
        "a watcher answers a question that a crash then takes back",
        FLOW + "pausing.py",
        """    live = flow.live
    if live.saver is not None:
        live.saver.opened.append(wait)""",
        """    live = flow.live
    flow.publish("interrupt", "pause", wait)
    if live.saver is not None:
        live.saver.opened.append(wait)""",
        ("tests/triggerflow/test_streams.py",),
    ),
    Bug(
        "result told before the end is saved",
        "a caller acts on a result that a crash then takes back",
        FLOW + "closing.py",
        "return self._is_closed and self._closing is None and (saver is None or saver.is_down)",
        "return self._is_closed",
        ("tests/runtime/test_slow_commits.py",),
    ),
    Bug(
        "failed take-over goes on",
        "one process runs a handler twice at once",
        RUNTIME + "carrying.py",
        """            with contextlib.suppress(StoreError):
                await driven.stop()
            raise""",
        "            raise",
        ("tests/runtime/test_slow_commits.py",),
    ),
    Bug(
        "store error swallowed",
        "the run goes on, and nothing of it is saved",
        RUNTIME + "saving.py",
        """        elif self.dead is None:
            self.dead = error
        waiting,""",
        """        else:
            self.done = upto
        waiting,""",
        STORE_FAULTS,
    ),
    Bug(
        "write without the epoch, memory",
        "a worker that lost its run overwrites what its successor did",
        PERSISTENCE + "stores/memory_run.py",
        "if claim.epoch != self.epoch or self.owner not in (None, claim.owner):",
        "if self.owner not in (None, claim.owner, None):",
        ("tests/persistence/stores/test_memory.py",),
    ),
    Bug(
        "write without the epoch, SQLite",
        "the same in a file",
        PERSISTENCE + "stores/sqlite_runs.py",
        "if epoch != claim.epoch or owner not in (None, claim.owner):",
        "if owner not in (None, claim.owner):",
        ("tests/persistence/stores/test_sqlite.py",),
    ),
    Bug(
        "lost ownership ignored",
        "a frozen worker wakes, is refused, and goes on calling handlers",
        RUNTIME + "saving.py",
        """        except (OwnershipLost, StaleWrite):
            raise
        except StoreError:""",
        """        except (OwnershipLost, StaleWrite):
            return after + 1
        except StoreError:""",
        ("tests/runtime/test_engine.py", "tests/simulation"),
    ),
    Bug(
        "request id not kept, memory",
        "the same callback twice is two answers",
        PERSISTENCE + "stores/memory_run.py",
        """        if settlement.request_id is not None:
            self.requests[settlement.request_id] = one
""",
        "",
        ("tests/persistence/stores/test_memory.py",),
    ),
    Bug(
        "second answer replaces the first, SQLite",
        "two people decide, and the last one wins",
        PERSISTENCE + "stores/sqlite_waits.py",
        """    if found.status != "open":
        raise rules.settled_refusal(found)
    db.run(
        "settle_wait",""",
        """    db.run(
        "settle_wait",""",
        ("tests/persistence/stores/test_sqlite.py",),
    ),
    Bug(
        "posts not named as consumed",
        "after a crash every signal and answer comes twice",
        RUNTIME + "saving.py",
        "consumed=tuple(self.consumed),",
        "consumed=(),",
        ("tests/runtime", "-k", "engine or crashes and (join or pause)"),
    ),
    Bug(
        "latest is not the last",
        "a resume goes back to an older checkpoint and runs finished work again",
        PERSISTENCE + "six_verbs.py",
        "run_id=run_id, definition=workflow_name, limit=1, newest_first=True",
        "run_id=run_id, definition=workflow_name, limit=1, newest_first=False",
        ("tests/persistence",),
    ),
    Bug(
        "file written in place",
        "a kill in the middle destroys the only good checkpoint",
        PERSISTENCE + "storages/files.py",
        "temporary.replace(self.path / name)",
        "(self.path / name).write_bytes(data); temporary.unlink()",
        ("tests/persistence",),
    ),
    Bug(
        "file without fsync",
        "a power cut leaves an empty checkpoint",
        PERSISTENCE + "storages/files.py",
        "                    os.fsync(file.fileno())",
        "                    file.flush()",
        ("tests/persistence",),
    ),
    Bug(
        "folder without fsync",
        "a power cut leaves no checkpoint under its name",
        PERSISTENCE + "storages/files.py",
        "                os.fsync(handle)",
        "                os.fstat(handle)",
        ("tests/persistence",),
    ),
    Bug(
        "finished before it is saved",
        "a result is told that no restart finds",
        RUNTIME + "live.py",
        """        if self.saver is not None:
            try:
                await self.saver.commit()
            except asyncio.CancelledError:""",
        """        if self.saver is not None and self.run.live:
            try:
                await self.saver.commit()
            except asyncio.CancelledError:""",
        ("tests/runtime", "-k", "faults and (chain or graph) or record"),
    ),
    Bug(
        "outputs not stored",
        "a finished workflow is resumed without its results",
        MACHINE + "superstep.py",
        'run.journal.add("out", layout.output_line(output, run.journal.codec, data))',
        "pass",
        ("tests/runtime/test_record.py", "tests/workflow/test_checkpoints.py"),
    ),
    Bug(
        "second question of one id",
        "the first one is replaced, and its branch never goes on",
        MACHINE + "waits.py",
        "if before is not None and not before.answered:",
        "if before is not None and not before.answered and run.run_id == '':",
        ("tests/machine", "tests/triggerflow/test_pausing.py"),
    ),
    Bug(
        "unknown tag taken as data",
        "what a document says decides what is built from it",
        PERSISTENCE + "reading.py",
        "    raise _not_allowed(tag[1:])\n\n\ndef _read_registered",
        "    return read(types, body)\n\n\ndef _read_registered",
        ("tests/persistence",),
    ),
    Bug(
        "checksum not compared",
        "a changed byte is a changed amount",
        PERSISTENCE + "document.py",
        "    if said != hashlib.sha256(_sorted(rest)).hexdigest():",
        "    if said != said and hashlib.sha256(_sorted(rest)).hexdigest():",
        ("tests/persistence/test_document.py",),
    ),
    Bug(
        "path guessed from text",
        "a document from a client reads a file of the server",
        FLOW + "saves.py",
        "    if isinstance(given, Path):\n        is_yaml",
        "    if isinstance(given, str) and len(given) < 200 and Path(given).exists():\n"
        "        given = Path(given)\n"
        "    if isinstance(given, Path):\n        is_yaml",
        ("tests/triggerflow/test_loading.py", "tests/triggerflow/test_save_and_load.py"),
    ),
    Bug(
        "contents in an error",
        "a secret of the save stands in a log",
        PERSISTENCE + "document.py",
        """            raise Damaged(f"{what} is not whole JSON") from None""",
        """            raise Damaged(f"{what} is not whole JSON: {data!r}") from None""",
        ("tests/persistence",),
    ),
    Bug(
        "history kept for ever",
        "a save grows with every question ever answered",
        MACHINE + "layout.py",
        "KEPT_SETTLED = 32",
        "KEPT_SETTLED = 100_000",
        ("tests/machine", "tests/triggerflow"),
    ),
    Bug(
        "connection left open at close",
        "the store is closed while its thread still writes",
        PERSISTENCE + "stores/sqlite_writer.py",
        "            await asyncio.to_thread(thread.join)",
        "            pass",
        ("tests/persistence/stores/test_sqlite.py",),
    ),
    Bug(
        "commit that landed is an error",
        "a lost answer of the store kills a run that was saved",
        RUNTIME + "saving.py",
        """            if await self._landed(run, after + 1):
                return after + 1
            raise""",
        "            raise",
        STORE_FAULTS,
    ),
    Bug(
        "half-filled join forgotten",
        "after a restart a join waits for ever for what has come",
        MACHINE + "snapshot.py",
        "    run.joins.setdefault((int(scope), node), {})[key] =",
        "    run.joins.setdefault((int(scope), node), {})[key + '?'] =",
        ("tests/triggerflow/test_joins.py", "tests/triggerflow"),
    ),
    Bug(
        "writes of an unfinished handler stand",
        "a list that the handler appended to has the item twice",
        MACHINE + "ledger.py",
        "    left = state.take_back(run, ledger)",
        "    left: list[str] = []",
        ("tests/machine", "tests/triggerflow"),
    ),
    Bug(
        "one store error gives a run up",
        "a short outage, and nobody carries the run ever again",
        RUNTIME + "looking.py",
        "        except (StoreUnavailable, StoreLocked, StoreFull, StoreReadOnly) as error:",
        "        except ZeroDivisionError as error:",
        SIMULATION,
    ),
    Bug(
        "an idle run is nobody's",
        "its worker dies between the last step and the end, and it never ends",
        RUNTIME + "saving.py",
        '        return self.ends_idle and store_status(run) == "idle"',
        "        return False",
        SIMULATION,
    ),
    Bug(
        "answer to a stopped handler applied at once",
        "the handler is retried, asks again, and what follows runs twice",
        MACHINE + "dispatch.py",
        "    return wait.opener in run.deliveries\n",
        "    return wait.opener in run.deliveries and run.deliveries[wait.opener].status == DUE\n",
        ("tests/machine", *SIMULATION),
    ),
    Bug(
        "due work started twice",
        "a retry runs beside what the failure had stopped",
        RUNTIME + "live.py",
        """        if delivery.status != DUE or self.run.deliveries.get(number) is not delivery:
            return False
        task""",
        """        if number:
            return True
        task""",
        ("tests/runtime/test_starting.py",),
    ),
    Bug(
        "what is gone is not looked for",
        "a run that waits in a chunk that was renamed is taken up, and ends in a KeyError",
        RUNTIME + "compatible.py",
        "    gone = tuple(sorted((names | set(lanes)) - set(known)))",
        "    gone = tuple(sorted(set(lanes) - set(known)))",
        ("tests/runtime/test_checking.py",),
    ),
    Bug(
        "a run that cannot be read stays claimed",
        "a worker without a class holds the run that another one could carry",
        FLOW + "kept.py",
        """            # Somebody who has what the run needs may take it.
            await self._home.give_up(claim)
""",
        "",
        ("tests/runtime/test_checking.py", "tests/runtime/test_stored_migrations.py"),
    ),
    Bug(
        "a moved run keeps its old structure",
        "after a crash no new worker takes the run up, and an old one does",
        RUNTIME + "reopening.py",
        "    saver.moved_to = today\n",
        "",
        ("tests/runtime/test_structures.py",),
    ),
    Bug(
        "a migration changes what was asked",
        "somebody answers the question that he read, and it is another one",
        RUNTIME + "reopening.py",
        """        if asked_in_store:
            _check_questions(before, parts)
""",
        "",
        ("tests/runtime/test_stored_migrations.py",),
    ),
    Bug(
        "beginning again taken for progress",
        "a run that kills its process is taken over, and kills the next one, for ever",
        RUNTIME + "saving.py",
        "progress=self.begun is None,",
        "progress=True,",
        ("tests/runtime/test_poison.py", "-k", "three_deaths and workflow"),
    ),
    Bug(
        "drain that goes on beginning",
        "a process that is told to leave begins the next step, which is cut off and repeated",
        RUNTIME + "halting.py",
        "live.holds_back = functools.partial(_is_new, live)",
        "live.holds_back = None",
        ("tests/runtime/test_draining.py", "-k", "next_process_begins_after_it"),
    ),
    Bug(
        "close consumed before it is done",
        "a process dies while a run that was told to close still works; nobody closes it any more",
        RUNTIME + "inbox.py",
        """            if made is None:
                live.seen.add(item.number)
                continue
            effects.extend(made)""",
        """            effects.extend(made or [])""",
        ("tests/runtime/test_deciding.py", "-k", "next_process_by_one_that_goes"),
    ),
    Bug(
        "going back leaves later questions open",
        "somebody answers a question that the run has never asked on the way it took",
        RUNTIME + "branching.py",
        "    return Met(settled, generations, frozenset(reopened), tuple(still))\n",
        "    return Met(settled, generations, frozenset(reopened), ())\n",
        ("tests/runtime/test_going_back.py",),
    ),
    Bug(
        "going back asks under a used generation",
        "the answer of before the rewind is taken for the one of after it, or none is taken",
        RUNTIME + "branching.py",
        """    while settled < used:
        settled += layout.KEPT_SETTLED
""",
        "",
        ("tests/runtime/test_going_back.py",),
    ),
    Bug(
        "pruned too much",
        "a checkpoint that was to stay cannot be read any more",
        PERSISTENCE + "stores/rules.py",
        "    for seq in (*kept, head):\n",
        "    for seq in (head,):\n",
        ("tests/persistence/stores/test_memory.py",),
    ),
    Bug(
        "forked processes share ids",
        "two workers of one server count as one owner, and their commits as each other's",
        RUNTIME + "clock.py",
        "    os.register_at_fork(after_in_child=IDS.begin)",
        "    pass",
        ("tests/runtime/test_ids.py",),
    ),
    Bug(
        "removed database written on",
        "commits are acknowledged in a file that nobody can find any more",
        PERSISTENCE + "stores/sqlite_writer.py",
        """            db.check_place()
            db.con.execute("COMMIT")""",
        """            db.con.execute("COMMIT")""",
        ("tests/persistence/stores/test_lost_files.py",),
    ),
    Bug(
        "failures forgotten by a restart",
        "a worker that is deployed often calls a service that is down for ever",
        MACHINE + "layout.py",
        """        delivery.failures,
        delivery.again_at or None,
    )""",
        """        0,
        delivery.again_at or None,
    )""",
        ("tests/runtime/test_retries.py", "-k", "outlive"),
    ),
    Bug(
        "a late handler forgotten",
        "a handler that ignored its timeout and its next call charge a card at the same time",
        RUNTIME + "timeouts.py",
        "            live.leave_behind(",
        "            print(",
        ("tests/runtime/test_timeouts.py", "-k", "stays_is_told"),
    ),
    Bug(
        "a waiting call taken for a repeat",
        "after a restart a handler is told that it may have begun, although it had not",
        MACHINE + "ledger.py",
        """    if delivery.again_at:
        return []
    delivery""",
        """    delivery""",
        (
            "tests/machine/test_retries.py",
            "tests/runtime/test_retries.py",
            "-k",
            "begun or outlive",
        ),
    ),
    Bug(
        "an adopted run forgets what it had sent",
        "killed after it was moved, a handler sends everything a second time",
        MACHINE + "snapshot.py",
        """    for lines in run.ledgers.values():
        # Their lines are written before each commit, from here on.
        lines.saved = lines.undo_saved = 0
""",
        "",
        ("tests/runtime/test_engine.py", "-k", "adopted"),
    ),
    Bug(
        "finished work of a graph stays due",
        "after a crash a superstep runs again what had ended in it",
        MACHINE + "superstep.py",
        """        run.journal.drop(f"due/{number}")
        layout.mark_head(run)
    _ended""",
        """        layout.mark_head(run)
    _ended""",
        ("tests/workflow/test_crashes.py",),
    ),
    Bug(
        "facts of a record are not looked at",
        "whoever can write to the store makes every worker raise what nobody expects",
        FLOW + "kept.py",
        """        if flaw is not None:
            raise Damaged(""",
        """        if flaw is None and not found:
            raise Damaged(""",
        ("tests/persistence/test_made_up.py",),
    ),
)
