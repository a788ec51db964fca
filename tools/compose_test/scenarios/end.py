"""All jobs are complete, and the deployment is removed."""

from tools.compose_test.base_images import NGINX
from tools.compose_test.deployment import WORKER
from tools.compose_test.scene import Scene

# Airflow notices after three minutes that a stage has no worker any more.
INTERRUPTED_STAGE_SECONDS = 400


def end(scene: Scene) -> None:
    """Wait for every job, compare ledger, archive and catalog, and remove everything."""
    check = scene.report.check
    with check("every job is cataloged, also those whose stages were interrupted"):
        for user in scene.users:
            user.wait(user.jobs, INTERRUPTED_STAGE_SECONDS)
    with check("ledger, archive and catalog agree"):
        scene.deployment.command(WORKER, "reconcile")
    with check("`down --volumes` removes the containers, the volumes and the network"):
        scene.engine.run("rm", "--force", NGINX)
        scene.deployment.compose("down", "--volumes")
        assert scene.deployment.containers() == {}
        volumes = scene.engine.run("volume", "ls", "--quiet")
        assert not volumes, volumes
        assert "pacifica" not in scene.engine.run("network", "ls")
