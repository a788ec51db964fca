"""Roles by token: what an uploader, another uploader, an operator, an admin and an unknown caller may do."""

import requests

from tools.bundles import make_bundle
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import API, REQUEST_SECONDS


def roles(scene: Scene) -> None:
    """Upload and read with the token of each role."""
    check = scene.report.check
    with check("a bundle of an uploader is cataloged"):
        ursula = scene.user("ursula")
        (job,) = ursula.upload_many(1)
        ursula.wait([job])
    with check("without a token, nothing is answered"):
        assert requests.get(f"{API}/get_state?job_id={job}", timeout=REQUEST_SECONDS).status_code == 401
    with check("another uploader does not see the job"):
        assert scene.user("ugo").get("/get_state", job_id=job).status_code == 404
    with check("an operator sees the job and cannot upload"):
        olga = scene.user("olga")
        assert olga.get("/get_state", job_id=job).status_code == 200
        assert olga.upload(make_bundle()).status_code == 403
    with check("an admin sees the job and uploads"):
        adam = scene.user("adam")
        assert adam.get("/get_state", job_id=job).status_code == 200
        adam.wait(adam.upload_many(1))
