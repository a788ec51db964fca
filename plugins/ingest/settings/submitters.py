"""The settings that determine as which submitter a user may upload.

Part of `ingest.settings.fields.Settings`; used by `ingest.services.submitters` and by the API, which stores the claim.
"""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from ingest.settings.access import NONE, PROXY, TOKEN, AccessSettings, UserNames, contradiction
from ingest.settings.types import option

UNCHECKED = NONE
CLAIM = "claim"
NETWORK_ID = "network_id"
FILE = "file"


class SubmitterSettings(AccessSettings):
    """The comparison of the authenticated user with the submitter that the metadata names."""

    submitter_check: str = option(
        UNCHECKED, "access", "submitter_check", "INGEST_SUBMITTER_CHECK",
        description="Where the submitter ID of the authenticated user is found, which `Transactions.submitter` must equal: "
        "`claim` (of the JSON Web Token), `network_id` (of the metadata service's users), `file`; `none`: not checked.",
        form="none, claim, network_id or file", pattern=r"^(none|claim|network_id|file)$",
    )  # fmt: skip
    jwt_submitter_claim: str = option(
        "", "access", "jwt_submitter_claim", "INGEST_JWT_SUBMITTER_CLAIM",
        description="With `claim`: the claim of the token that contains the submitter ID.", form="a claim's name",
    )  # fmt: skip
    submitter_file: Path | None = option(
        None, "access", "submitter_file", "INGEST_SUBMITTER_FILE",
        description="With `file`: a JSON object that maps user names to a submitter ID or a list of IDs. The file is read "
        "for each job.",
        form="a file",
    )  # fmt: skip
    submit_for_others: UserNames = option(
        (), "access", "submit_for_others", "INGEST_SUBMIT_FOR_OTHERS",
        description="Users who may name any submitter, such as the accounts of instruments and people who upload for "
        "others.",
        form="names, separated by commas",
    )  # fmt: skip

    @model_validator(mode="after")
    def check_submitters(self) -> Self:
        """Refuse a check without a source of submitter ids."""
        if self.submitter_check == UNCHECKED:
            return self
        if self.authentication not in (PROXY, TOKEN):
            raise contradiction(
                "submitter_check",
                "needs authentication `proxy` or `token`, because the others do not authenticate users",
            )
        if self.submitter_check == CLAIM and not (self.authentication == TOKEN and self.jwt_issuer):
            raise contradiction("submitter_check", "with `claim` needs authentication `token` and a jwt_issuer")
        if self.submitter_check == CLAIM and not self.jwt_submitter_claim:
            raise contradiction("jwt_submitter_claim", "with submitter_check `claim` it must be set")
        if self.submitter_check == FILE and self.submitter_file is None:
            raise contradiction("submitter_file", "with submitter_check `file` it must be set")
        return self
