# SPDX-License-Identifier: Apache-2.0
"""The licence audit as an event flow: a chain of chunks, two loops, one pause per question.

Every chunk that ends is saved: kill the process anywhere, and what had ended does not run again.
``workflow_style`` is the same audit as a graph of executors. Try either from a shell::

    holdfast run examples.licence_audit.flow_style:flow
    holdfast waits
    holdfast answer RUN WAIT '{"accept": true, "note": "a tool, not shipped", "by": "ann"}'
    holdfast resume RUN --app examples.licence_audit.flow_style:flow
"""

from pathlib import Path
from typing import Any

from holdfast import TriggerFlow, TriggerFlowEventData

from .audit import audit, question_of
from .collect import find_distributions
from .given import answer_of, job_of
from .records import Answer, Found, Question, Row
from .report import write_report

AUDITS_AT_ONCE = 4

Data = TriggerFlowEventData[Any, Any, Any]

flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="licence-audit-flow")
for kept in (Found, Row, Question, Answer):
    flow.register_type(kept)


def find(data: Data) -> list[Found]:
    """List what is installed. A plain function runs in a thread and blocks nobody."""
    job = job_of(data.value)
    data.set_state("report", job.report)
    return find_distributions(job.folders())


def judge(data: Data) -> Row:
    """Audit one distribution; whoever starts the run may put something around ``audit``."""
    row: Row = data.get_resource("audit", audit)(data.value)
    return row


async def ask(data: Data) -> tuple[Row, Answer | None]:
    """Ask about a doubtful row and run again with the answer; a clear one just goes on."""
    row: Row = data.value
    question = question_of(row)
    answer = answer_of(data.resume.value)
    if question is not None and answer is None:
        await data.async_pause_for(
            type="licence",
            payload=question,
            interrupt_id=row.key,
            resume_to="self",
            max_resumes=None,
        )
    return row, answer


def write(data: Data) -> None:
    """Write the report from the pairs that the loop has gathered."""
    rows = [row for row, _ in data.value]
    answers = {row.key: answer for row, answer in data.value if answer is not None}
    written = write_report(Path(data.get_state("report")), rows, answers)
    data.set_state("written", [str(path) for path in written])


(
    flow.to(find)
    .for_each(name="audits", concurrency=AUDITS_AT_ONCE)
    .to(judge)
    .end_for_each()
    .for_each(name="questions")
    .to(ask)
    .end_for_each()
    .to(write)
)
