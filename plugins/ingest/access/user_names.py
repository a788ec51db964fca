"""The rules for user names.

A name is sent to Policy as a header, and shown in log lines, the ledger and Airflow's UI, so it must not contain characters
that could forge any of them. Used by the settings, the token file, the command `token` and `api.access`.
"""

MAX_LENGTH = 255


def invalid_reason(name: str) -> str | None:
    """Return in a few words why a text is not a valid user name; None if it is valid."""
    if not name:
        return "is empty"
    if len(name) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    # Control characters, line and paragraph separators, and marks of the direction of text are not printable.
    if not name.isprintable():
        return "contains a character that cannot be printed"
    if name != name.strip():
        return "begins or ends with a space"
    return None
