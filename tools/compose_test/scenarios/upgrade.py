"""An upgrade from version 0.1.0 with jobs in flight, as the change log describes it."""

from tools.compose_test.deployment import WORKER, Deployment, check_out, has_commit
from tools.compose_test.scenarios.start import unhealthy
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import Uploader
from tools.waiting import wait_until

# The last commit of the day that the change log names for 0.1.0.
FIRST_VERSION = "a55ac49"
START_SECONDS = 300
FILES = 20_000


def upgrade(scene: Scene) -> None:
    """Start 0.1.0, upload, and replace it by this version while the jobs run."""
    check = scene.report.check
    if not has_commit(FIRST_VERSION):
        scene.report.skip("the upgrade from 0.1.0", f"this checkout does not have the commit {FIRST_VERSION}")
        return
    scene.deployment.compose("down", "--volumes")
    with check("version 0.1.0 is built, starts, and sends the files of a job"):
        old = _start_old(scene)
        ursula = Uploader({"headers": {"X-Http-Authed-User": "ursula"}})
        ursula.wait_for_api(START_SECONDS)
        jobs = [ursula.upload_large(FILES), *ursula.upload_many(8)]
        sending = "SELECT 1 FROM task_instance WHERE task_id = 'ingest_files' AND state = 'running'"
        wait_until(lambda: bool(old.query(sending)), START_SECONDS, lambda: f"no files are sent: {unhealthy(old)}")
        assert not ursula.state(jobs[0]).get("complete"), "the job was complete before the upgrade"
    with check("this version replaces it in the middle of the job"):
        old.compose("down")
        _start_new(scene, old)
        assert unhealthy(scene.deployment) == []
    with check("the jobs of 0.1.0 are cataloged, and new ones"):
        now = scene.user("ursula")
        now.wait([*jobs, *now.upload_many(4)])
    with check("after the upgrade, ledger, archive and catalog agree"):
        scene.deployment.command(WORKER, "reconcile")


def _start_old(scene: Scene) -> Deployment:
    """Start 0.1.0 with the variables of its time."""
    old = check_out(scene.engine, scene.folder / "first-version", FIRST_VERSION)
    variables = old.variables.read_text().splitlines(keepends=True)
    old.variables.write_text("".join(line for line in variables if "_DATABASE_PASSWORD" not in line))
    old.compose("build")
    old.compose("up", "--detach")
    return old


def _start_new(scene: Scene, old: Deployment) -> None:
    """Start this version on the volumes and with the passwords of 0.1.0."""
    scene.deployment.variables.write_text(old.variables.read_text())
    scene.deployment.set(INGEST_AUTHENTICATION="token")
    scene.deployment.compose("up", "--build", "--detach", "--wait")
