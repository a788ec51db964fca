"""Tells a service that refuses one document with an error of its own from a service that is unavailable.

Called by the wrapper of the stages. Policy, for instance, answers 500 for a submitter that is no number. Such a job would
wait for days, although the service works. The answer itself does not say whose fault it is, so other jobs are compared.
"""

from ingest.context import StageContext
from ingest.errors.types import DocumentRefused, ServiceUnavailable
from ingest.ledger.refusals import count_refusals
from ingest.states.stages import Stage
from ingest.system.sanitize import to_one_line

# The stages that send the document of the job to a service, which answers without regard to other jobs.
CHECKED_STAGES = frozenset({Stage.VALIDATE_POLICY, Stage.INGEST_METADATA})
# How many attempts must fail in the same way, each followed by the success of another job. With the default delays they take
# a quarter of an hour.
REFUSALS = 8


def find_refusal(context: StageContext, error: ServiceUnavailable) -> DocumentRefused | None:
    """Return the rejection of a job whose document the service refuses; None if the service may be unavailable."""
    lease = context.lease
    if not error.refuses_document or lease.stage not in CHECKED_STAGES:
        return None
    with lease.transaction() as session:
        refusals = count_refusals(session, lease.job_id, lease.stage, to_one_line(error.text))
    return DocumentRefused(error, refusals) if refusals >= REFUSALS else None
