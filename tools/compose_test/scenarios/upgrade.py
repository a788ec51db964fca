"""An upgrade from version 0.1.0 with jobs in flight, as the change log describes it, to a deployment behind nginx."""

from tools.compose_test import documented
from tools.compose_test.deployment import Deployment, check_out, has_commit
from tools.compose_test.proxy import Proxy
from tools.compose_test.scenarios.start import unhealthy
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import Uploader
from tools.waiting import wait_until

# The last commit of the day that the change log names for 0.1.0.
FIRST_VERSION = "a55ac49"
START_SECONDS = 300
FILES = 20_000
SECRET_FILE = "/var/lib/pacifica-ingest/access/proxy-secret"


def upgrade(scene: Scene) -> None:
    """Start 0.1.0, upload, and replace it by this version behind nginx while the jobs run."""
    check, jobs = scene.report.check, list[int]()
    if has_commit(FIRST_VERSION):
        scene.deployment.compose("down", "--volumes")
        with check("version 0.1.0 is built, starts, and is stopped while it sends the files of a job"):
            jobs = _run_old(scene)
    else:
        scene.report.skip("the upgrade from 0.1.0", f"this checkout does not have the commit {FIRST_VERSION}")
        scene.deployment.compose("down")
    scene.users.clear()
    with check("this version starts on the volumes, behind nginx, and every service is healthy"):
        _start_behind_proxy(scene)
        assert unhealthy(scene.deployment) == []
    # The job of the stage that was interrupted continues later; the scenario `end` waits for it.
    scene.user("ursula").jobs.extend(jobs)


def _run_old(scene: Scene) -> list[int]:
    """Start 0.1.0, upload, and stop it in the middle of a job; return the jobs."""
    old = _start_old(scene)
    ursula = Uploader({"headers": {"X-Http-Authed-User": "ursula"}})
    ursula.wait_for_api(START_SECONDS)
    jobs = [ursula.upload_large(FILES), *ursula.upload_many(8)]
    wait_until(
        lambda: bool(old.hosts_that_send(jobs[0])), START_SECONDS, lambda: f"no files are sent: {unhealthy(old)}"
    )
    assert not ursula.state(jobs[0]).get("complete"), "the job was complete before the upgrade"
    old.compose("down")
    # As the change log says: a container of 0.1.0 had a volume without a name, which is empty.
    scene.engine.run("volume", "prune", "--force")
    scene.deployment.variables.write_text(old.variables.read_text())
    return jobs


def _start_old(scene: Scene) -> Deployment:
    """Start 0.1.0 with the variables of its time."""
    old = check_out(scene.engine, scene.folder / "first-version", FIRST_VERSION)
    variables = old.variables.read_text().splitlines(keepends=True)
    old.variables.write_text("".join(line for line in variables if "_DATABASE_PASSWORD" not in line))
    old.compose("build")
    old.compose("up", "--detach")
    return old


def _start_behind_proxy(scene: Scene) -> None:
    deployment = scene.deployment
    deployment.set(INGEST_AUTHENTICATION="proxy", INGEST_OPERATORS="olga", INGEST_ADMINS="adam")
    deployment.set(INGEST_PROXY_SECRET_FILE=SECRET_FILE)
    deployment.compose("build")
    deployment.run_shell(documented.STORE_PROXY_SECRET)
    deployment.compose("up", "--detach", "--wait")
    nginx = Proxy(scene.engine, scene.folder / "proxy")
    nginx.start(deployment.compose("exec", "-T", "api", "cat", SECRET_FILE).strip())
    scene.proxy = nginx
