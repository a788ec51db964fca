"""Retry and cancel selected jobs of the list, after a page to confirm. Jobs that the caller may not see are left out."""

from collections.abc import Sequence
from functools import partial

from flask import Response, request

from api.access.access_errors import NotAllowed
from api.access.auth import caller
from api.access.roles import ADMINS, UPLOADERS, Role
from api.request_errors import NotFound
from api.resources import get_resources
from api.routes.job_actions import cancel_visible
from api.routes.pages.answers import answer_html, current_site, routes
from api.routes.pages.form_token import check_form
from ingest.operations.job_actions import retry_job
from ingest.pages.selection import Action, SelectedJob, act, read_selection, render_confirmation, render_results
from ingest.states.stages import Kind

KINDS = frozenset(Kind)
# In digits; Python refuses to read numbers of thousands of digits.
LONGEST_ID = 20


@routes.undocumented("/jobs/confirm", UPLOADERS)
def confirm_selection() -> Response:
    """Answer the page on which a person confirms an action on the selected jobs."""
    action = request.args.get("action", "")
    if action not in list(Action):
        raise NotFound("there is no such action")
    if action == Action.RETRY and caller().role is not Role.ADMIN:
        raise NotAllowed("only admins retry jobs")
    selected = _visible(Action(action), request.args.getlist("job"))
    return answer_html(render_confirmation(current_site(), Action(action), selected))


@routes.undocumented("/jobs/cancel", UPLOADERS, methods=("POST",))
def cancel_selection() -> Response:
    """Cancel the selected jobs."""
    return _act(Action.CANCEL)


@routes.undocumented("/jobs/retry", ADMINS, methods=("POST",))
def retry_selection() -> Response:
    """Retry the selected jobs."""
    return _act(Action.RETRY)


def _act(action: Action) -> Response:
    check_form()
    resources = get_resources()
    do = cancel_visible if action is Action.CANCEL else partial(retry_job, resources.engine, resources.airflow)
    results = act(do, _visible(action, request.form.getlist("job")))
    return answer_html(render_results(current_site(), action, results))


def _visible(action: Action, texts: Sequence[str]) -> list[SelectedJob]:
    job_ids = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID]
    selected = read_selection(get_resources().engine, action, job_ids, KINDS)
    return [each for each in selected if caller().may_see(each.row.job.snapshot.received.user)]
