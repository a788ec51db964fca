"""What may be the name of a user.

A name goes to Policy as a header, into log lines, the ledger and Airflow's UI, so it must not be able to forge any of them.
Used by the settings, the command `token` and `api.access.auth`.
"""

LONGEST = 255


def invalid_reason(name: str) -> str | None:
    """Say in a few words why a text cannot be the name of a user; None when it can."""
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    # No control character, no line or paragraph separator, nothing that turns the direction of writing.
    if not name.isprintable():
        return "holds a character that cannot be printed"
    if name != name.strip():
        return "begins or ends with a space"
    return None
