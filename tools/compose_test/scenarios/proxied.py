"""Roles behind nginx with TLS, as docs/how-to/control-access.md describes it. Works on what `upgrade` has left."""

import requests

from tools.bundles import make_bundle
from tools.compose_test.proxy import PASSWORDS
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import API, REQUEST_SECONDS


def proxied(scene: Scene) -> None:
    """Upload and read as each user of nginx, as nobody, and without nginx."""
    check = scene.report.check
    with check("behind nginx, a bundle is cataloged, and only its user and operators see the job"):
        ursula = scene.user("ursula")
        (job,) = ursula.upload_many(1)
        ursula.wait([job])
        statuses = {name: scene.user(name).get("/get_state", job_id=job).status_code for name in PASSWORDS}
        assert statuses == {"ursula": 200, "ugo": 404, "olga": 200, "adam": 200}
        assert scene.user("olga").upload(make_bundle()).status_code == 403
    with check("nginx passes on probes without a user, and no other request"):
        nobody = {"verify": ursula.options["verify"], "timeout": REQUEST_SECONDS}
        assert requests.get(f"{ursula.url}/readyz", **nobody).status_code == 200
        assert requests.get(f"{ursula.url}/get_state?job_id={job}", **nobody).status_code == 401
    with check("an account of the host that claims to be an admin is refused"):
        claimed = {"X-Http-Authed-User": "adam"}
        answer = requests.get(f"{API}/get_state?job_id={job}", headers=claimed, timeout=REQUEST_SECONDS)
        assert (answer.status_code, answer.json()["code"]) == (403, "caller_not_trusted")
