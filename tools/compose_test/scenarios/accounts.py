"""Personal accounts in Airflow behind nginx, by docs/how-to/personal-accounts.md. Works on what `upgrade` has left."""

import requests

from tools.compose_test import documented
from tools.compose_test.proxy import AIRFLOW, PASSWORDS, URL, Proxy
from tools.compose_test.scenarios.start import unhealthy
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import REQUEST_SECONDS


def accounts(scene: Scene) -> None:
    """Log in to Airflow as each user of nginx, and without nginx."""
    check, deployment, proxy = scene.report.check, scene.deployment, scene.proxy
    assert proxy
    with check("with personal accounts, every service is healthy"):
        deployment.set(AIRFLOW_BASE_URL=f"https://{AIRFLOW}")
        deployment.run_shell(documented.START_PERSONAL_ACCOUNTS)
        assert unhealthy(deployment) == []
    with check("operators and admins see the DAGs, uploaders do not"):
        statuses = {name: _status_of_dags(proxy, name) for name in PASSWORDS}
        assert statuses == {"ursula": 403, "ugo": 403, "olga": 200, "adam": 200}
    with check("an account of the host that claims to be an admin is refused"):
        claimed = {"X-Http-Authed-User": "adam"}
        answer = requests.get("http://127.0.0.1:8090/auth/login/", headers=claimed, timeout=REQUEST_SECONDS)
        assert answer.status_code == 403, answer.text
    with check("a bundle is cataloged: the API uses its own account"):
        ursula = scene.user("ursula")
        ursula.wait(ursula.upload_many(1))


def _status_of_dags(proxy: Proxy, name: str) -> int:
    """Return the status with which Airflow answers a user's request for the list of DAGs."""
    with proxy.visitor_of_airflow(name) as session:
        answer = session.get(f"{URL}/auth/login/", allow_redirects=False, timeout=REQUEST_SECONDS)
        assert answer.status_code == 302, answer.text
        assert all(cookie.secure for cookie in session.cookies)
        return session.get(f"{URL}/api/v2/dags", timeout=REQUEST_SECONDS).status_code
