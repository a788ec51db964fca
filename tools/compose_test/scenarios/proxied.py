"""The deployment stops, and starts with two workers behind nginx, as docs/how-to/control-access.md describes."""

import requests

from tools.bundles import make_bundle
from tools.compose_test import documented
from tools.compose_test.deployment import WORKER
from tools.compose_test.proxy import Proxy
from tools.compose_test.scenarios.start import unhealthy
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import API, REQUEST_SECONDS

SECRET_FILE = "/var/lib/pacifica-ingest/access/proxy-secret"
PASSWORDS = {name: f"of-{name}" for name in ("ursula", "ugo", "olga", "adam")}


def proxied(scene: Scene) -> None:
    """Stop, start behind a proxy with two workers, and check each role."""
    deployment, check = scene.deployment, scene.report.check
    nginx = Proxy(scene.engine, scene.folder / "proxy", PASSWORDS)
    with check("after `down` and `up` with two workers behind nginx, every service is healthy"):
        deployment.compose("down")
        deployment.set(INGEST_AUTHENTICATION="proxy", INGEST_PROXY_SECRET_FILE=SECRET_FILE)
        deployment.set(AIRFLOW_WORKERS="2", AIRFLOW_PARALLELISM="16")
        deployment.run_shell(documented.STORE_PROXY_SECRET)
        deployment.compose("up", "--detach", "--wait")
        assert unhealthy(deployment) == []
        nginx.start(deployment.compose("exec", "-T", "api", "cat", SECRET_FILE).strip())
    with check("behind nginx, a bundle is cataloged, and only its user and operators see the job"):
        ursula = nginx.user("ursula")
        (job,) = ursula.upload_many(1)
        ursula.wait([job])
        statuses = {name: nginx.user(name).get("/get_state", job_id=job).status_code for name in PASSWORDS}
        assert statuses == {"ursula": 200, "ugo": 404, "olga": 200, "adam": 200}
        assert nginx.user("olga").upload(make_bundle()).status_code == 403
    with check("nginx passes probes without a user, and nobody else"):
        options = {"verify": ursula.options["verify"], "timeout": REQUEST_SECONDS}
        assert requests.get(f"{ursula.url}/readyz", **options).status_code == 200
        assert requests.get(f"{ursula.url}/get_state?job_id={job}", **options).status_code == 401
    with check("an account of the host that claims to be an admin is refused"):
        claimed = {"X-Http-Authed-User": "adam"}
        answer = requests.get(f"{API}/get_state?job_id={job}", headers=claimed, timeout=REQUEST_SECONDS)
        assert (answer.status_code, answer.json()["code"]) == (403, "caller_not_trusted")
    with check("behind nginx, ledger, archive and catalog agree"):
        deployment.command(WORKER, "reconcile")
    nginx.stop()
