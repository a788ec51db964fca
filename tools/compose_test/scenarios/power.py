"""All lose power under load."""

from tools.compose_test.scene import Scene
from tools.waiting import wait_until

RESTART_SECONDS = 300


def power(scene: Scene) -> None:
    """Kill everything, start only the engine, and wait until the deployment works again."""
    ursula = scene.user("ursula")
    with scene.report.check("all lose power under load, and everything starts by itself"):
        # The scenario `end` waits for those whose stages were running.
        ursula.upload_many(8)
        before = scene.deployment.ids()
        scene.engine.lose_power()
        scene.engine.start()
        wait_until(lambda: scene.deployment.ids() == before, RESTART_SECONDS, lambda: str(scene.deployment.ids()))
        ursula.wait(ursula.upload_many(4))
