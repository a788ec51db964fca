"""All lose power under load."""

from tools.compose_test.deployment import WORKER
from tools.compose_test.scene import Scene


def power(scene: Scene) -> None:
    """Kill everything, start only the engine, and wait for the jobs."""
    check, ursula = scene.report.check, scene.user("ursula")
    with check("all lose power under load, and everything starts by itself"):
        jobs = ursula.upload_many(8)
        scene.engine.lose_power()
        scene.engine.start()
        ursula.wait(jobs)
    with check("after the loss of power, ledger, archive and catalog agree"):
        scene.deployment.command(WORKER, "reconcile")
