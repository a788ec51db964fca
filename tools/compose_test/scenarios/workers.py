"""A second worker, added as docs/how-to/install.md describes."""

from collections.abc import Iterable

from tools.compose_test.deployment import WORKER
from tools.compose_test.scene import Scene


def workers(scene: Scene) -> None:
    """Add a worker while everything runs; both run stages."""
    deployment, check = scene.deployment, scene.report.check
    with check("`--scale` adds a worker and restarts nothing"):
        before = deployment.ids()
        deployment.compose("up", "--detach", "--wait", "--scale", f"{WORKER}=2")
        after = deployment.ids()
        assert after.keys() - before.keys() == {f"{WORKER}-2"}
        assert before.items() <= after.items()
    with check("20 bundles sent simultaneously are cataloged, and both workers ran their stages"):
        ursula = scene.user("ursula")
        jobs = ursula.upload_many(20)
        ursula.wait(jobs)
        assert hosts_of(scene, jobs) == {deployment.ids()[f"{WORKER}-{number}"][:12] for number in (1, 2)}


def hosts_of(scene: Scene, jobs: Iterable[int]) -> set[str]:
    """Return the host names of the workers that ran stages of these jobs; a host name is the start of the container's ID."""
    runs = ", ".join(f"'job-{job}'" for job in jobs)
    return set(
        scene.deployment.query(f"SELECT hostname FROM task_instance WHERE hostname <> '' AND run_id IN ({runs})")
    )
