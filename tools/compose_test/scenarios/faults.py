"""Parts of the deployment are killed, or unavailable for some seconds, while jobs run."""

import time
from concurrent.futures import ThreadPoolExecutor

from tools.compose_test.deployment import PROJECT_NAME
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import Uploader
from tools.waiting import wait_until

OUTAGE_SECONDS = 8
STAGE_SECONDS = 120
FILES = 20_000


def faults(scene: Scene) -> None:
    """Kill or stop one part after the other."""
    check, ursula = scene.report.check, scene.user("ursula")
    with check("a worker is killed in the middle of a stage"):
        # The job continues on a worker later; the scenario `end` waits for it.
        _kill_worker_of(scene, ursula, ursula.upload_large(FILES))
    with check("the scheduler is killed under load"):
        jobs = ursula.upload_many(8)
        scene.deployment.kill("airflow-scheduler-1")
        ursula.wait(jobs)
    with check("Redis is lost under load and comes back"):
        _lose(scene, "redis", ursula)
    with check("PostgreSQL is lost under load and comes back"):
        _lose(scene, "postgres", ursula)


def _kill_worker_of(scene: Scene, user: Uploader, job: int) -> None:
    """Kill the worker that sends the files of a job to the archive."""
    hosts: list[str] = []

    def started() -> bool:
        hosts.extend(scene.deployment.hosts_that_send(job))
        return bool(hosts)

    wait_until(started, STAGE_SECONDS, lambda: f"job {job} sends no files: {user.state(job)}")
    (worker,) = [name for name, found in scene.deployment.ids().items() if found.startswith(hosts[0])]
    scene.deployment.kill(worker)
    assert not user.state(job).get("complete"), "the job was complete before the kill"


def _lose(scene: Scene, service: str, user: Uploader) -> None:
    """Kill a service, upload while it is unavailable, and start it again."""
    container = f"{PROJECT_NAME}-{service}-1"
    jobs = user.upload_many(8)
    scene.engine.run("kill", container)
    with ThreadPoolExecutor(1) as pool:
        uploaded = pool.submit(user.upload_many, 4)
        # How long the outage lasts, not how long something takes.
        time.sleep(OUTAGE_SECONDS)
        scene.engine.run("start", container)
        user.wait([*jobs, *uploaded.result()])
