# The one image of the facility's deployment (docker-compose.yaml): the API, and Airflow with its DAGs and plugins.
FROM python:3.12.12-slim-bookworm

WORKDIR /opt/pacifica-ingest

# First what changes seldom. Where requirements.txt pins the same packages, the versions are the same ones, and tested.
COPY requirements-facility.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement requirements-facility.txt

# A number, because a bind mount knows the owner by number only. Docker gives an empty volume, and an empty folder of the host
# that is mounted as one, the owner and the mode of the folder that it is mounted on, so the folders are made here.
RUN groupadd --gid 10001 pacifica \
 && useradd --uid 10001 --gid pacifica --no-create-home --home-dir /var/lib/pacifica-ingest pacifica \
 && install --directory --owner=pacifica --group=pacifica --mode=0700 \
      /var/lib/pacifica-ingest \
      /var/lib/pacifica-ingest/spool \
      /var/lib/pacifica-ingest/archive \
      /var/lib/pacifica-ingest/access \
      /var/lib/pacifica-ingest/airflow \
      /var/lib/pacifica-ingest/airflow/logs

COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY dags dags
COPY plugins plugins
COPY api api
# A checkout made under umask 077 is closed to the user that runs here.
RUN chmod -R a+rX .
# Editable, as on one machine: Airflow's plugins folder and the package are one copy of the code, not two.
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable .

ENV AIRFLOW_HOME=/var/lib/pacifica-ingest/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/pacifica-ingest/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/pacifica-ingest/plugins \
    PYTHONPATH=/opt/pacifica-ingest/config \
    PYTHONUNBUFFERED=1

# The code belongs to root: what runs cannot change it.
USER 10001:10001
EXPOSE 8066 8090
CMD ["pacifica-ingest", "-a", "0.0.0.0", "-p", "8066"]
