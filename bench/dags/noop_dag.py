"""The limit of a job's latency: five no-op tasks in sequence, as the stages of the DAG `ingest` are."""

from airflow.sdk import dag, task


@dag(dag_id="noop", schedule=None, catchup=False, is_paused_upon_creation=False, max_active_runs=64)
def noop() -> None:
    """Run five no-op tasks in sequence."""

    @task
    def one() -> None:
        pass

    @task
    def two() -> None:
        pass

    @task
    def three() -> None:
        pass

    @task
    def four() -> None:
        pass

    @task
    def five() -> None:
        pass

    one() >> two() >> three() >> four() >> five()


noop()
