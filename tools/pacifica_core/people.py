"""The smallest set of users, projects and instruments that policy and metadata need."""

from typing import Any

import requests

TIMEOUT_SECONDS = 30
SUBMITTER = 10
PROJECT = "1234a"
INSTRUMENT = 54


def add_people(metadata_url: str) -> None:
    """Add submitter 10, project 1234a and instrument 54 to metadata, as members of each other."""
    put(metadata_url, "users", _user(SUBMITTER))
    put(metadata_url, "instruments", _instrument(INSTRUMENT))
    add_project(metadata_url, PROJECT)


def add_project(metadata_url: str, project: str) -> None:
    """Add a project with the submitter and the instrument as members."""
    put(metadata_url, "projects", {"_id": project, "title": f"Project {project}", "abstract": "", "science_theme": ""})
    answer = requests.get(f"{metadata_url}/relationships", params={"name": "member_of"}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    member = answer.json()[0]["uuid"]
    put(metadata_url, "project_user", {"project": project, "user": SUBMITTER, "relationship": member})
    put(metadata_url, "project_instrument", {"project": project, "instrument": INSTRUMENT, "relationship": member})


def put(metadata_url: str, table: str, row: dict[str, Any]) -> None:
    """Insert one row into a table of metadata."""
    answer = requests.put(f"{metadata_url}/{table}", json=[row], timeout=TIMEOUT_SECONDS)
    # `make core` keeps its data, so the row may be there from the start before.
    assert answer.ok or "duplicate" in answer.text, f"{table}: {answer.text[-500:]}"


def _user(number: int) -> dict[str, Any]:
    names = {"first_name": "Ada", "middle_initial": "B", "last_name": "Byron", "network_id": f"user{number}"}
    return {"_id": number, "email_address": "ada@example.org", **names}


def _instrument(number: int) -> dict[str, Any]:
    names = {"name": f"Microscope {number}", "display_name": f"Microscope {number}", "name_short": f"M{number}"}
    return {"_id": number, "active": True, **names}
