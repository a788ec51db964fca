"""Commands of docs/how-to/install.md for admins, as that page writes them."""

from tools.bundles import file_entry, make_bundle, transaction
from tools.compose_test import documented
from tools.compose_test.scene import Scene
from tools.compose_test.uploads import JOB_SECONDS
from tools.waiting import wait_until

CONTENTS = {"data/replaced.txt": b"right\n"}


def admin(scene: Scene) -> None:
    """Replace the bundle of a rejected job, list the pools, reconcile, and dump the databases."""
    deployment, check, ursula = scene.deployment, scene.report.check, scene.user("ursula")
    with check("a rejected job is cataloged with another bundle from the spool"):
        wrong = [*transaction(), file_entry("data/replaced.txt", b"wrong\n")]
        job = ursula.upload_until_accepted(make_bundle(CONTENTS, wrong))
        wait_until(lambda: ursula.state(job).get("state") == "FAILED", JOB_SECONDS, lambda: str(ursula.state(job)))
        make_bundle(CONTENTS, path=deployment.folder / "mybundle.tar")
        deployment.run_shell(documented.REPLACE_BUNDLE.replace("17", str(job)).replace("alice", "ursula"))
        ursula.wait([job])
    with check("the pools are listed, a job is retried, and ledger, archive and catalog agree"):
        deployment.run_shell(documented.ADMIN_COMMANDS.replace("17", str(job)))
    with check("both databases are dumped"):
        dump = deployment.run_shell(documented.DUMP)
        assert "CREATE DATABASE ingest" in dump
        assert "CREATE DATABASE airflow" in dump
