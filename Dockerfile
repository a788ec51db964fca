# The image of the facility's deployment (docker-compose.yaml): the API, and Airflow with its DAGs and plugins.
FROM python:3.12.12-slim-bookworm

WORKDIR /opt/pacifica-ingest

# Dependencies first, because they change rarely. Packages that requirements.txt also pins have the same, tested versions.
COPY requirements-facility.txt ./
# 40 MB that no program here reads are removed: Babel's data of other languages, source maps, the bytecode of two packages.
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement requirements-facility.txt \
 && cd /usr/local/lib/python3.12/site-packages \
 && find babel/locale-data -name '*.dat' ! -name root.dat ! -name 'en*.dat' -delete \
 && find . -name '*.map' -delete \
 && find libcst wcwidth -name '*.pyc' -delete

# A fixed number, because a bind mount knows its owner by number only. Docker copies owner and mode of the folder in the image
# to an empty volume that is mounted on it, so the folders are created here.
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
COPY facility facility
COPY dags dags
COPY plugins plugins
COPY api api
# plugins/ingest/receipts links to it.
COPY client/pacifica_ingest_client/receipt client/pacifica_ingest_client/receipt
# The user below cannot read a checkout that was made under umask 077.
RUN chmod -R a+rX .
# Editable, as on one machine: Airflow's plugins folder and the package are the same copy of the code.
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable .

ENV AIRFLOW_HOME=/var/lib/pacifica-ingest/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/pacifica-ingest/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/pacifica-ingest/plugins \
    PYTHONPATH=/opt/pacifica-ingest/config:/opt/pacifica-ingest/facility \
    PYTHONUNBUFFERED=1

# The code belongs to root, so the running processes cannot change it.
USER 10001:10001
EXPOSE 8066 8090
CMD ["pacifica-ingest", "-a", "0.0.0.0", "-p", "8066"]
