"""The floor of a job's latency: five tasks that do nothing, in a row, wired as the stages of `ingest` are."""

from airflow.sdk import dag, task


@dag(dag_id="floor", schedule=None, catchup=False, is_paused_upon_creation=False, max_active_runs=64)
def floor() -> None:
    """Wire five tasks that do nothing."""

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


floor()
