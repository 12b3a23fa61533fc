# SPDX-License-Identifier: Apache-2.0
"""Every error holdfast raises: one base, then whose fault it is.

`DefinitionError` is about what you declared, `RunError` about one run, `StoreError` about the
store, `DocumentError` about a value or a document, `InternalError` about holdfast itself.
Each class has a stable `code`, a `hint` that says what to do, and its facts as attributes; each
also derives from the built-in exception that a caller would expect.
"""

from __future__ import annotations

from holdfast.errors.base import HoldfastError as HoldfastError
from holdfast.errors.keeping import (
    CheckpointNotFound as CheckpointNotFound,
    Damaged as Damaged,
    DocumentError as DocumentError,
    InvalidId as InvalidId,
    MigrationFailed as MigrationFailed,
    NotASave as NotASave,
    OwnershipLost as OwnershipLost,
    RunOwned as RunOwned,
    StaleWrite as StaleWrite,
    StoreClosed as StoreClosed,
    StoreDamaged as StoreDamaged,
    StoreError as StoreError,
    StoreFull as StoreFull,
    StoreLocked as StoreLocked,
    StoreNewer as StoreNewer,
    StoreReadOnly as StoreReadOnly,
    StoreUnavailable as StoreUnavailable,
    StoreUrlUnknown as StoreUrlUnknown,
    TooLarge as TooLarge,
    TypeNotAllowed as TypeNotAllowed,
    UnknownVersion as UnknownVersion,
    ValueRefused as ValueRefused,
    WrongDefinition as WrongDefinition,
)


# --- the definition's fault -------------------------------------------------------------------


class DefinitionError(HoldfastError, ValueError):
    """What was declared cannot be run as it stands."""

    code = "definition.invalid"
    hint = "Correct the declaration that the message names."


class BuilderMisuse(DefinitionError, NotImplementedError):
    """A builder call stands where it has no meaning."""

    code = "definition.misuse"
    hint = "Call the method that opens the block first."


class HandlersMissing(DefinitionError, LookupError):
    """A document names handlers that are not registered here. Fact: names."""

    code = "definition.handlers-missing"
    hint = "Register every name listed, then load again."
    names: tuple[str, ...]


class DefinitionNotFound(DefinitionError, LookupError):
    """No definition of this name was given to the engine. Facts: name, known."""

    code = "definition.not-found"
    hint = "Pass the definition to Engine(...), or correct the name."
    name: str
    known: tuple[str, ...]


# --- one run's fault --------------------------------------------------------------------------


class RunError(HoldfastError, RuntimeError):
    """A run cannot do what was asked of it."""

    code = "run.error"
    hint = "Look at the run: `holdfast show RUN`."
    run_id: str


class RunNotFound(RunError, LookupError):
    """No run of this id is in the store."""

    code = "run.not-found"
    hint = "List the runs there are: `holdfast runs`."


class RunExists(RunError, ValueError):
    """The run id is in use with another definition or another input."""

    code = "run.exists"
    hint = "Choose another run_id, or start with the same definition and input to get that run."


class RunClosed(RunError):
    """The run has ended and takes nothing more."""

    code = "run.closed"
    hint = "Start a new run."


class RunRewound(RunError):
    """The run went back to an earlier commit while somebody waited for it. Fact: seq."""

    code = "run.rewound"
    hint = "Open the run again: it goes on from there."
    seq: int


class RunBusy(RunError):
    """The run, or the one instance it runs on, is already being driven."""

    code = "run.busy"
    hint = "Wait for the other call to end, or give executors as factories."


class RunFailed(RunError):
    """The run ended, or stands, with a failed delivery. The cause is chained."""

    code = "run.failed"
    hint = "Mend the cause, then resume the run: what had finished is kept."


class OwnersDied(RunError):
    """Whoever carried the run died, again and again, and nothing of it got done. Fact: deaths.

    It stands on parked deliveries: the run may be what kills its process.
    """

    code = "run.owners-died"
    hint = "Find out what kills the process; then retry, skip or cancel what is parked."
    deaths: int


class NotParked(RunError, ValueError):
    """Nothing waits for this decision. Facts: run_id, and delivery where one was named."""

    code = "run.not-parked"
    hint = "Look at what is parked: `holdfast show RUN`, or engine.parked(run_id)."
    delivery: int


class DeliveryNotFound(RunError, KeyError):
    """The run holds no delivery of this number. Facts: run_id, delivery."""

    code = "run.delivery-not-found"
    hint = "Look at what is parked: `holdfast show RUN`, or engine.parked(run_id)."
    delivery: int


class WrongFront(RunError, TypeError):
    """Runs of this kind cannot be asked that. Facts: run_id, front."""

    code = "run.wrong-front"
    hint = "Signals and closes are for flows; answers, cancel, retry and skip are for every run."
    front: str


class SkippedFailure(RunError):
    """What a handler raised in a run that goes on without what fails; never raised itself.

    It stands for the exception among the results of an emit of a kept run. Fact: node.
    """

    code = "run.skipped-failure"
    hint = "Look at the message: it has the type and the text of what was raised."
    node: str


class HandlerTimeout(RunError, TimeoutError):
    """A handler took longer than its timeout_s. Facts: node, timeout_s.

    It counts as the handler's failure; what the handler does after it reaches nothing.
    """

    code = "run.handler-timeout"
    hint = "Give it a longer timeout_s, a retry=, or find what it waits for."
    node: str
    timeout_s: float


class RunCancelled(RunError):
    """The run was cancelled."""

    code = "run.cancelled"
    hint = "Start a new run."


class RunOpen(RunError):
    """The run cannot end yet. Fact: waits."""

    code = "run.waits-open"
    hint = 'Answer the waits first, or pass pending_interrupts="cancel".'
    waits: tuple[str, ...]


class PauseNotAllowed(RunError):
    """Nobody outside could answer this pause."""

    code = "run.pause-hidden"
    hint = "Start with create_execution(...) so that somebody holds the execution."


class SelfResumeLimit(RunError):
    """A pause with resume_to="self" was asked again more often than max_resumes allows."""

    code = "run.self-resume-limit"
    hint = "Look at data.is_resume before pausing again, or raise max_resumes."


class ResourceMissing(RunError, KeyError):
    """A handler needs a live resource that nobody gave. Facts: key, available."""

    code = "run.resource-missing"
    hint = "Pass runtime_resources={...} when the run is created or loaded."


class SubFlowSourceMissing(RunError, KeyError):
    """A path that is to be captured or written back is not there. Facts: source, target."""

    code = "run.sub-flow-source-missing"
    hint = "Let the flow set it before, or take the line out of capture or write_back."
    source: str
    target: str


class SubFlowNotFound(RunError, KeyError):
    """No sub-flow of the run has this frame, or it ended too long ago. Fact: frame."""

    code = "run.sub-flow-not-found"
    hint = "List them: execution.get_sub_flow_frames()."
    frame: str


class SubFlowNotActive(RunError):
    """The sub-flow of this frame does not run: it waits, failed, or has ended. Fact: frame."""

    code = "run.sub-flow-not-active"
    hint = "Answer what it asks, or look at its status in get_sub_flow_frames()."
    frame: str


class RunNotOpen(RunError):
    """The run is sealed or closed: it takes nothing from outside. Fact: state."""

    code = "run.not-open"
    hint = "Unseal the run first; one that is closed takes nothing more."
    state: str


class RunFrozen(RunError):
    """The run is ending: its snapshot is taken, and nothing may change it any more."""

    code = "run.frozen"
    hint = "Wait until the close has returned; what is written then is in no snapshot."


class StepRefused(RunError):
    """A step, or a change of the run, stands where it could not be kept. Fact: step.

    That is inside the function of a step, and after the handler has ended.
    """

    code = "run.step-refused"
    hint = "Do it in the handler, before or after the step, while the handler is under way."
    step: str


class StepTimeout(RunError, TimeoutError):
    """The function of a step took longer than its `timeout_s`. Facts: step, timeout_s."""

    code = "run.step-timeout"
    hint = "Give the step more time, or a retry= that calls its function again."
    step: str
    timeout_s: float


class NoStep(RunError, LookupError):
    """`current_step()` was called where no step calls a function."""

    code = "run.no-step"
    hint = "Call it inside the function that a step was given."


class InterventionsOff(RunError):
    """The run takes no interventions."""

    code = "run.interventions-off"
    hint = 'Declare an intervention_point, or pass intervention_mode="auto".'


class InterventionNotFound(RunError, KeyError):
    """No intervention of this id was made in the run."""

    code = "run.intervention-not-found"
    hint = "List them: execution.get_interventions()."


class ResourcesNotReady(RunError):
    """A saved run needs live objects that are not to be had. Facts: missing, diagnostics."""

    code = "run.resources-not-ready"
    hint = "Pass runtime_resources={...} with every key listed, or declare resolvers for them."
    missing: tuple[str, ...]


class BlockedLoop(RunError):
    """A blocking call was made on the event loop that it would wait for."""

    code = "run.blocked-loop"
    hint = "Await the async form of the method here."


class InputRefused(RunError, ValueError):
    """The input does not fit what the definition takes."""

    code = "run.input-refused"
    hint = "Send a value of one of the accepted types."


class ContractRefused(RunError, ValueError):
    """A value does not fit the contract of its flow. Facts: part, problems."""

    code = "run.contract-refused"
    hint = "Send what the contract declares: flow.get_contract_metadata()."
    part: str
    problems: tuple[str, ...]


class CloseTimeout(RunError, TimeoutError):
    """Handlers were still running when the time to close was up. Fact: handlers."""

    code = "run.close-timeout"
    hint = "Give more time, or let the named handlers react to cancellation."
    handlers: tuple[str, ...]


# --- waits: the five ways an answer can be refused, and the answer that does not fit ------------


class WaitError(RunError):
    """An answer was refused. Fact: wait_id."""

    code = "wait.error"
    hint = "List the open waits: `holdfast waits`."
    wait_id: str


class WaitNotFound(WaitError, KeyError):
    """No wait of this id was ever opened by the run."""

    code = "wait.not-found"


class AnswerConflict(WaitError, ValueError):
    """The request id was used before with another value."""

    code = "wait.conflict"
    hint = "Use a new request id for a new answer; repeat a request with the same value only."


class AlreadyAnswered(WaitError, ValueError):
    """Another request answered the wait first. Facts: actor, settled_at."""

    code = "wait.answered"
    hint = "Nothing to do: the first answer stands."


class WaitExpired(WaitError, ValueError):
    """The deadline of the wait passed before the answer came."""

    code = "wait.expired"
    hint = "Nothing to do: the default, or the timeout, stands."


class WaitClosed(WaitError, ValueError):
    """The wait was cancelled or withdrawn, or its run has ended."""

    code = "wait.closed"
    hint = "Look at the run: it no longer asks this."


class AnswerRefused(WaitError, ValueError):
    """The answer does not fit the schema of the wait, which stays open. Fact: problems."""

    code = "wait.answer-refused"
    hint = "Send a value that fits the schema; the wait is still open."
    problems: tuple[str, ...]


class WaitExists(WaitError, ValueError):
    """A second wait was opened under an id that is still open."""

    code = "wait.exists"
    hint = "Give every open wait an id of its own."


# --- the engine's ---------------------------------------------------------------------------------


class EngineStopped(HoldfastError, RuntimeError):
    """The engine drains, or is closed: it takes nothing new and carries nothing more."""

    code = "engine.stopped"
    hint = "Make another engine; what was kept goes on there, or in another process."


class SignalsUnavailable(HoldfastError, RuntimeError):
    """Signals of the operating system cannot be heard here."""

    code = "engine.no-signals"
    hint = "Call it in the main thread of a system that has such signals, or call drain() yourself."


# --- the installation's fault -------------------------------------------------------------------


class ExtraMissing(HoldfastError, ImportError):
    """What was asked for needs a library that is not installed. Fact: extra."""

    code = "extra.missing"
    hint = 'Install the extra that the message names: pip install "holdfast[...]".'
    extra: str


class RendererMissing(HoldfastError, ImportError):
    """A picture was asked for in a format that holdfast does not make. Fact: format."""

    code = "picture.not-rendered"
    hint = "Run the command that the message names, on a file of text."
    format: str


# --- workflow exceptions, under the names their users know ---------------------------------------


class WorkflowException(HoldfastError):
    """The base of the errors that the workflow front raises under its own names."""

    code = "workflow.error"


class WorkflowRunnerException(WorkflowException, RunError):
    """A workflow run cannot go on."""

    code = "workflow.runner"


class WorkflowBusy(WorkflowRunnerException, RunBusy):
    """The workflow object, or an executor instance that it needs, is at work in another run."""

    code = "workflow.busy"
    hint = "Wait for the other call to end, or give executors as factories."


class WorkflowConvergenceException(WorkflowRunnerException):
    """max_iterations supersteps went by and messages are still waiting."""

    code = "workflow.not-converged"
    hint = "Raise max_iterations, or end the loop; the run can be continued."


class WorkflowStrictException(WorkflowRunnerException):
    """A strict workflow came to what would be a warning in another."""

    code = "workflow.strict"
    hint = "Mend what the message names; run(resume=True) goes on as far as it can."


class WorkflowCheckpointException(WorkflowRunnerException):
    """A checkpoint could not be saved, loaded or restored."""

    code = "workflow.checkpoint"
    hint = "Look at the cause; the last good checkpoint is whole."


class WorkflowGraphChanged(WorkflowCheckpointException, WrongDefinition):
    """A checkpoint needs what the graph has no more. Facts: missing, unnamed, saved, today."""

    code = "workflow.graph-changed"
    hint = "Restore it with the graph that wrote it, or one that still has what it names."


class WorkflowValidationError(WorkflowException, DefinitionError):
    """The graph is not one that can run. Fact: validation_type."""

    code = "workflow.invalid"
    hint = "Correct the part of the graph that the message names."
    validation_type: str

    def __str__(self) -> str:
        return f"[{self.facts.get('validation_type', 'VALIDATION')}] {self.message}"


class EdgeDuplicationError(WorkflowValidationError):
    """Two edges join the same pair of executors. Fact: edge_id."""

    code = "workflow.edge-duplicated"


class TypeCompatibilityError(WorkflowValidationError):
    """No message the source sends can be handled by the target."""

    code = "workflow.types-do-not-fit"


class GraphConnectivityError(WorkflowValidationError):
    """An executor cannot be reached from the start."""

    code = "workflow.not-connected"


# --- ours --------------------------------------------------------------------------------------


class InternalError(HoldfastError, RuntimeError):
    """A rule of holdfast's own was broken. This is our bug."""

    code = "internal.error"
    hint = "Please report this with the traceback."
