"""Log-in to Airflow by the proxy that the API trusts."""

from tests.accounts.airflow_server import AirflowServer, Browser
from tests.accounts.conftest import SECRET


def proxied(server: AirflowServer, user: str, groups: str = "", **more: str) -> Browser:
    return server.browser(
        **({"X_Http_Authed_User": user, "X_Http_Authed_Groups": groups, "X_Ingest_Proxy_Secret": SECRET} | more)
    )


def test_log_in(behind_proxy: AirflowServer):
    browser = proxied(behind_proxy, "vera", "staff")
    answer = browser.log_in_by_proxy()
    print(answer.status_code, answer.headers, answer.text[:300], browser.session.cookies)
    for path in ("/api/v2/dags", "/api/v2/plugins", "/ingest-view/jobs", "/ui/auth/me"):
        answer = browser.get(path)
        print(path, answer.status_code, answer.text[:300])
    assert 0
