"""The place that serves a page: its addresses, and what the viewer may do there."""

from dataclasses import dataclass
from typing import NamedTuple

from ingest.pages.static_files import versioned_name
from ingest.states.stages import Kind


class NavigationLink(NamedTuple):
    """An entry of the navigation; `address` is relative to the root of the pages."""

    label: str
    address: str


@dataclass(frozen=True)
class Site:
    """A place that serves the pages, as one request sees it.

    All addresses are relative, because a proxy may publish a place below any path.

    - `root`: the way from the page's address to the root of the pages, such as `../` (`relative_root`).
    - `airflow_root`: the way to the root of Airflow's UI; None where there is none.
    - `viewer`: the name of the account.
    - `is_framed`: the page is shown in a frame of Airflow's UI, which has a navigation and a theme of its own.
    - `csrf_token`: the token that every form sends (`ingest.pages.csrf`).
    """

    root: str
    viewer: str
    airflow_root: str | None = None
    may_retry: bool = False
    may_cancel: bool = False
    may_replace: bool = False
    is_framed: bool = False
    csrf_token: str = ""
    navigation: tuple[NavigationLink, ...] = (NavigationLink("Jobs", "jobs"),)

    def address(self, path: str) -> str:
        """Return the address of a page, such as `upload`."""
        return f"{self.root}{path}"

    def jobs(self, query: str = "") -> str:
        """Return the address of the list of jobs, with a query string."""
        return self.address(f"jobs?{query}" if query else "jobs")

    def job(self, job_id: int, part: str = "") -> str:
        """Return the address of a job, or of a part of it: `files`, `events`, `metadata`, `retry`, `cancel`, `bundle`."""
        return self.address(f"jobs/{job_id}/{part}" if part else f"jobs/{job_id}")

    def run(self, kind: Kind, job_id: int) -> str | None:
        """Return the address of a job's run in Airflow; None where there is none."""
        return None if self.airflow_root is None else f"{self.airflow_root}dags/{kind}/runs/job-{job_id}"

    def receipt(self, job_id: int) -> str | None:
        """Return the address of a job's receipt, which only the API signs; None in Airflow."""
        return self.job(job_id, "receipt") if self.airflow_root is None else None

    def static(self, name: str) -> str:
        """Return the address of a static file, which changes with the file."""
        return self.address(f"static/{versioned_name(name)}")


def relative_root(path: str) -> str:
    """Return the way to the root of the pages from a path below it: `../` from `/jobs/17`."""
    return "../" * (path.count("/") - 1)
