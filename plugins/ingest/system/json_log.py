"""Format records of logging as JSON: one object in each line, also for a traceback.

Used by `api.serving.logs`. Airflow formats the logs of stages itself (`dags/stage_tasks.py`).
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ingest.system.tracing import current_trace_id

NO_FIELDS: Mapping[str, object] = {}


class JsonFormatter(logging.Formatter):
    """Formats each record as an object: time, level, logger, process and message, and what is known about its cause."""

    def __init__(self, context: Callable[[], Mapping[str, object]] = lambda: NO_FIELDS) -> None:
        """`context` returns fields about the cause of the current record; the `extra` field `job` takes precedence."""
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **self._context(),
            **({"job": record.job} if hasattr(record, "job") else {}),
            "trace_id": current_trace_id(),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
            "stack": record.stack_info,
        }
        known = {name: value for name, value in fields.items() if value is not None}
        # ASCII, because other characters could end a line or change a terminal; so could DEL, which JSON does not escape.
        return json.dumps(known, ensure_ascii=True).replace("\x7f", "\\u007f")
