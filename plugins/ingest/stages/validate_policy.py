"""### Policy Validation

Compares the uploader with the submitter in the metadata, if `submitter_check` requires it. Then sends the metadata to the
policy service, which decides whether the submitter may upload for this project and instrument.

**Fails here**: the uploader may not upload as this submitter, or the policy service does not accept the metadata; the error
says why. The uploader fixes the metadata and sends a new bundle, or somebody grants the missing rights.

**An admin** grants missing rights, then clears this task, and the job continues. When the policy service or the metadata
service is unavailable, or the `submitter_file` cannot be read, the job waits and tries again.
"""

from ingest.archiving.transaction_document import transaction_document
from ingest.bundles.bundle_metadata import submitters
from ingest.context import StageContext
from ingest.services.submitters import Uploader, check_submitters
from ingest.settings.submitters import UNCHECKED


def validate_policy(context: StageContext) -> None:
    """Check the submitter, then query the policy service.

    Raises SubmitterMismatch, PolicyRejected, ServiceUnavailable, SubmittersUnavailable.
    """
    _check_submitter(context)
    policy = context.services.policy
    with transaction_document(context, for_catalog=False, with_files=policy.needs_files) as (document, size):
        policy.check(document, size, context.lease.job.received.user)


def _check_submitter(context: StageContext) -> None:
    if context.settings.submitter_check == UNCHECKED:
        # The document is not read either: with a million files that takes long.
        return
    received = context.lease.job.received
    with context.open_metadata() as document:
        named = submitters(document)  # type: ignore[arg-type]
    uploader = Uploader(received.user, received.submitter_claim)
    check_submitters(context.settings, context.services.metadata, uploader, named)
