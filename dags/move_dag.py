"""### Move: files of the facility's storage on their way into the archive

One run is one job (`job-<id>`): a document that names files which already lie where the archive can take them. Each task is
a stage; what a stage does, what fails there and what an admin does about it stands in the task's own documentation.

- **A task that is up for retry** waits for a service that is away, and goes on by itself.
- **A task that failed** needs somebody: its log, and `exception` of `GET /get_state?job_id=N`, say what to mend. Then clear
  the task with its downstream tasks, or call `pacifica-ingest-cmd retry --job_id N`.
- Never mark a task as success: the job would not be catalogued, and is shown as failed.
- **To end a job**, mark its run as failed. Within a minute the job is FAILED with the code `run_marked_failed`, until
  somebody clears the run or calls `retry`. `pacifica-ingest-cmd job --job-id N --state FAILED` ends it immediately, and with
  a text of your own.
- **Deleting a run or a task instance ends nothing**: housekeeping starts the job again in a new run.
"""

from airflow.sdk import dag, task
from stage_defaults import JOB_DAG, documentation, run

from ingest.orchestrator.pools import ARCHIVE_POOL
from ingest.stages.load_metadata import Summary
from ingest.states.stages import Stage


@dag(dag_id="move", doc_md=__doc__, tags=["pacifica", "move"], **JOB_DAG)
def move() -> None:
    """Wire the stages of a move."""

    @task(doc_md=documentation(Stage.LOAD_METADATA))
    def load_metadata() -> Summary | None:
        return run(Stage.LOAD_METADATA)

    @task(doc_md=documentation(Stage.VALIDATE_POLICY))
    def validate_policy() -> None:
        run(Stage.VALIDATE_POLICY)

    @task(doc_md=documentation(Stage.MOVE_FILES), pool=ARCHIVE_POOL)
    def move_files() -> None:
        run(Stage.MOVE_FILES)

    @task(doc_md=documentation(Stage.INGEST_METADATA))
    def ingest_metadata() -> None:
        run(Stage.INGEST_METADATA)

    load_metadata() >> validate_policy() >> move_files() >> ingest_metadata()


move()
