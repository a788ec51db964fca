"""### Policy Validation

Sends the metadata to the policy service, which says whether the submitter may upload this for this project and
instrument.

**Fails here**: what policy does not accept; its reason is in the text. The uploader mends the metadata and sends a new
bundle, or somebody gives the submitter what they lack.

**An admin**, when rights were missing: grant them, then clear this task and the job goes on. When policy is away the task
waits and tries again; clear it when all tries were used up.
"""

from ingest.context import StageContext
from ingest.documents import transaction_document


def validate_policy(context: StageContext) -> None:
    """Ask policy; raises PolicyRejected with its reason, ServiceUnavailable when it is away."""
    with transaction_document(context, for_catalogue=False) as (document, size):
        context.services.policy.check(document, size, context.ledger.job.received.user)
