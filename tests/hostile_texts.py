"""Texts that would forge a log line, control a terminal, or look like another text."""

FORGED = "2026-11-25 12:00:00,000 INFO [1] api.receiving.create_job: job 7 received"
HOSTILE = (
    f"name\n{FORGED}",
    f"name\r\n{FORGED}",
    f"name\u2028{FORGED}",
    "\x1b[2J\x1b]0;title\x07",
    "\u009b31m",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "\x08\x08\x7f",
)
ALL_HOSTILE = " ".join(HOSTILE)
