"""### Policy Validation

Compares the uploader with the submitter in the metadata, where `submitter_check` says so. Then sends the metadata to the
policy service, which says whether the submitter may upload this for this project and instrument.

**Fails here**: a submitter that the uploader may not be; what policy does not accept; the reason is in the text. The
uploader fixes the metadata and sends a new bundle, or somebody grants the rights that are missing.

**An admin**, when rights were missing: grant them, then clear this task and the job goes on. When policy or the metadata
service is unavailable, or the `submitter_file` cannot be read, the task waits and tries again; clear it when all tries were
used up.
"""

from ingest.archiving.transaction_document import transaction_document
from ingest.bundles.bundle_metadata import submitters
from ingest.context import StageContext
from ingest.services.submitters import Uploader, check_submitters
from ingest.settings.submitters import UNCHECKED


def validate_policy(context: StageContext) -> None:
    """Check the submitter, then query policy.

    Raises SubmitterMismatch, PolicyRejected with its reason, ServiceUnavailable, SubmittersUnavailable.
    """
    _check_submitter(context)
    with transaction_document(context, for_catalog=False) as (document, size):
        context.services.policy.check(document, size, context.lease.job.received.user)


def _check_submitter(context: StageContext) -> None:
    if context.settings.submitter_check == UNCHECKED:
        # Not even read: the document of a million files takes its time.
        return
    received = context.lease.job.received
    with context.open_metadata() as document:
        named = submitters(document)  # type: ignore[arg-type]
    uploader = Uploader(received.user, received.submitter_claim)
    check_submitters(context.settings, context.services.metadata, uploader, named)
