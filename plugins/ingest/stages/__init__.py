"""The stages of a job, one module each, and the wrapper that runs them.

Their order is `ingest.states.stages.STAGES`. A stage is a function that takes a `StageContext`; its name, the name of its
module and its task id in Airflow are the same, and its module's docstring is the task's page in Airflow's UI.
"""
