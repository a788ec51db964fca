"""Builds the image and starts everything, as docs/how-to/install.md describes."""

import requests

from tools.compose_test.base_images import tags
from tools.compose_test.deployment import IMAGE, Deployment
from tools.compose_test.scene import Scene

MEGABYTE = 10**6
LARGEST_IMAGE = 300 * MEGABYTE
REQUEST_SECONDS = 30


def start(scene: Scene) -> None:
    """Build, start, and start again."""
    deployment, check = scene.deployment, scene.report.check
    deployment.set(INGEST_AUTHENTICATION="token", INGEST_OPERATORS="olga", INGEST_ADMINS="adam")
    with check("the image is built"):
        deployment.compose("build")
    with check("the image has at most 300 MB more than its base, and no other image is left"):
        added = size(scene, IMAGE) - size(scene, tags()[0])
        assert added <= LARGEST_IMAGE, f"{added / MEGABYTE:.0f} MB"
        assert scene.engine.run("images", "--quiet", "--filter", "dangling=true") == ""
    with check("`up --wait` succeeds"):
        deployment.compose("up", "--detach", "--wait")
    with check("every service is healthy, and the others have ended with 0"):
        assert unhealthy(deployment) == []
    with check("the API is ready, and Airflow shows its page"):
        for url in ("http://127.0.0.1:8066/readyz", "http://127.0.0.1:8090/auth/login"):
            answer = requests.get(url, timeout=REQUEST_SECONDS)
            assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text}"
    with check("a second `up --build` recreates nothing"):
        before = deployment.ids()
        deployment.compose("up", "--build", "--detach", "--wait")
        assert deployment.ids() == before


def size(scene: Scene, image: str) -> int:
    """Return the size of an image in bytes, with its base."""
    return int(scene.engine.run("image", "inspect", "--format", "{{.Size}}", image))


def unhealthy(deployment: Deployment) -> list[str]:
    """Return the containers that are not as they should be."""
    return [
        f"{name}: {container['State']}"
        for name, container in deployment.containers().items()
        if container["State"].get("Health", {"Status": "healthy"})["Status"] != "healthy"
        or container["State"]["ExitCode"] != 0
    ]
