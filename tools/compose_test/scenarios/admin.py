"""Commands of docs/how-to/install.md for admins, as that page writes them."""

from tools.bundles import file_entry, make_bundle, transaction
from tools.compose_test import documented
from tools.compose_test.scene import Scene

CONTENTS = {"data/replaced.txt": b"right\n"}


def admin(scene: Scene) -> None:
    """List the pools, retry a rejected job, reconcile, replace the bundle of the job, and dump the databases."""
    deployment, check, ursula = scene.deployment, scene.report.check, scene.user("ursula")
    with check("a job is rejected"):
        wrong = [*transaction(), file_entry("data/replaced.txt", b"wrong\n")]
        job = ursula.upload_until_accepted(make_bundle(CONTENTS, wrong))
        ursula.wait_until_failed(job)
    with check("the pools are listed, the job is retried, and ledger, archive and catalog agree"):
        deployment.run_shell(documented.ADMIN_COMMANDS.replace("17", str(job)))
        ursula.wait_until_failed(job)
    with check("it is cataloged with another bundle from the spool"):
        make_bundle(CONTENTS, path=deployment.folder / "mybundle.tar")
        deployment.run_shell(documented.REPLACE_BUNDLE.replace("17", str(job)).replace("alice", "ursula"))
        ursula.wait([job])
    with check("both databases are dumped"):
        dump = deployment.run_shell(documented.DUMP)
        assert "CREATE DATABASE ingest" in dump
        assert "CREATE DATABASE airflow" in dump
