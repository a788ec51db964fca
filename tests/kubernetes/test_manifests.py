"""deploy/kubernetes: the manifests fit Kubernetes' schemas, and say the same as docker-compose.yaml and the Dockerfile."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.kubernetes.deployment import (
    FOLDER,
    PROJECT,
    airflow_variables,
    containers,
    found,
    kustomization,
    manifests,
    read,
    values,
)
from tests.test_compose import INGEST_VARIABLES, SERVICES, filled_environment, image_environment, pins
from tools.pacifica_core.environment import binaries_of

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# The archive of the chart, to check the values with its schema: docs/how-to/kubernetes.md.
CHART = os.environ.get("AIRFLOW_CHART")
# Of airflow-1.22.0.tgz in the index of airflow.apache.org. Other projects publish changed copies under the same version.
CHART_SHA256 = "1f7d1dfe3d58e2c54899950aba907a43625a18c8b6fb3c54760c21592129a5b6"
VALIDATE_SECONDS = 60
# The chart sets these itself, from its own values and from secrets; it leaves the port as Airflow has it.
SET_BY_CHART = {
    "AIRFLOW__API__PORT",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
}
SECRET_USERS = ("airflow-values", "api", "airflow-cleanup")
# Two workers instead of one, and the port of the chart.
DIFFERENT = {"AIRFLOW__CORE__PARALLELISM", "AIRFLOW__API__BASE_URL"}


@pytest.fixture(scope="module")
def validator() -> Path:
    """Return the program that checks manifests."""
    return binaries_of("kubernetes", REQUIREMENTS) / "kubernetes-validate"


def validate(validator: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Check all objects in a file; unknown keys are errors."""
    command = [str(validator), "--strict", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=VALIDATE_SECONDS, check=False)


@pytest.mark.parametrize("name", kustomization()["resources"])
def test_manifests_fit_the_schemas_of_kubernetes(validator: Path, name: str):
    done = validate(validator, FOLDER / name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_schemas_refuse_an_unknown_key(validator: Path, tmp_path: Path):
    broken = found("Deployment", "ingest-api")
    broken["spec"]["replica"] = 2
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(broken))
    assert validate(validator, tmp_path / "broken.yaml").returncode != 0


@pytest.mark.skipif(CHART is None, reason="needs the chart: AIRFLOW_CHART=airflow-1.22.0.tgz")
def test_values_fit_the_schema_of_the_chart():
    assert CHART
    assert hashlib.sha256(Path(CHART).read_bytes()).hexdigest() == CHART_SHA256
    with tarfile.open(CHART) as archive:
        file = archive.extractfile("airflow/values.schema.json")
        assert file
        schema = json.load(file)
    jsonschema.validate(values(), schema)
    assert not list(unknown_keys(values(), schema, ""))


def unknown_keys(value: object, schema: dict[str, object], path: str) -> list[str]:
    """Return the keys that the chart does not know; its schema permits them, and the chart ignores them."""
    known = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(known, dict):
        return []
    unknown = [f"{path}.{key}" for key in value if key not in known]
    return unknown + [
        name for key in value if key in known for name in unknown_keys(value[key], known[key], f"{path}.{key}")
    ]


def test_variables_of_airflow_are_those_of_compose():
    compose = {
        name: value
        for name, value in filled_environment("airflow-scheduler").items()
        if name.startswith("AIRFLOW__") and name not in SET_BY_CHART
    }
    ours = airflow_variables()
    assert ours.keys() == compose.keys()
    assert {name for name in ours if ours[name] != compose[name]} == DIFFERENT


def test_chart_gets_the_executor_and_the_image_of_compose():
    assert values()["executor"] == filled_environment("airflow-scheduler")["AIRFLOW__CORE__EXECUTOR"]
    assert values()["airflowVersion"] == pins("requirements-facility.txt")["apache-airflow"]
    assert values()["airflowHome"] == image_environment()["AIRFLOW_HOME"]


def test_all_workers_together_run_as_many_stages_as_the_scheduler_sends():
    variables = airflow_variables()
    capacity = int(variables["AIRFLOW__CELERY__WORKER_CONCURRENCY"]) * values()["workers"]["celery"]["replicas"]
    assert capacity == int(variables["AIRFLOW__CORE__PARALLELISM"])


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("init", values()["migrateDatabaseJob"]["args"]),
        ("airflow-apiserver", values()["apiServer"]["args"]),
        ("api", found("Deployment", "ingest-api")["spec"]["template"]["spec"]["containers"][0]["command"]),
    ],
)
def test_commands_are_those_of_compose(service: str, words: list[str]):
    # In Compose, `$$` is a dollar sign.
    assert words == [word.replace("$$", "$") for word in SERVICES[service]["command"]]


@pytest.mark.parametrize("program", ["scheduler", "worker"])
def test_probes_of_airflow_are_those_of_compose(program: str):
    chart = values()["scheduler"] if program == "scheduler" else values()["workers"]["celery"]
    code = chart["livenessProbe"]["command"][2]
    compose = SERVICES[f"airflow-{program}"]["healthcheck"]["test"]
    placed = compose[3].replace("int(sys.argv[1])", "8974").replace("sys.argv[2]", '"/health"')
    assert code == placed


def test_every_setting_exists():
    settings = set(found("ConfigMap", "ingest-settings")["data"])
    assert settings <= INGEST_VARIABLES
    compose = filled_environment("airflow-worker")
    for name in ("INGEST_TOKEN_FILE", "VOLUME_PATH", "ARCHIVEINTERFACE_URL", "INGEST_AIRFLOW_USERNAME"):
        assert found("ConfigMap", "ingest-settings")["data"][name] == compose[name]


def test_every_container_has_our_image_and_may_change_nothing():
    tag = kustomization()["images"][0]
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{tag["newTag"]}"' in project
    for pod, container in containers():
        assert container["image"] == f"{tag['name']}:{tag['newTag']}"
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == values()["securityContexts"]["pod"]["runAsUser"]
    assert values()["images"]["airflow"] == {"repository": tag["newName"], "tag": tag["newTag"]}


def test_pods_of_the_chart_run_without_root_and_may_not_call_kubernetes():
    # The chart's defaults are the opposite.
    assert values()["rbac"] == {"create": False}
    for pod in (values()["securityContexts"]["pod"], values()["redis"]["securityContexts"]["pod"]):
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 0


def test_start_of_a_pod_changes_the_group_of_no_file():
    pods = [values()["securityContexts"]["pod"], *(pod["securityContext"] for pod, _ in containers())]
    assert all(pod["fsGroupChangePolicy"] == "OnRootMismatch" for pod in pods if "fsGroup" in pod)


def test_claims_exist_and_are_shared():
    claims = {item["metadata"]["name"] for item in manifests() if item["kind"] == "PersistentVolumeClaim"}
    used = set(re.findall(r"(?:claimName|existingClaim): ([a-z-]+)", "".join(map(text_of, ("airflow-values", "api")))))
    assert used == claims
    for item in read("storage.yaml"):
        assert item["spec"]["accessModes"] == ["ReadWriteMany"]


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def test_every_secret_is_made_by_the_how_to():
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    named = set(re.findall(r"secret(?:KeyRef|Ref): \{name: ([a-z-]+)", "".join(map(text_of, SECRET_USERS))))
    named |= set(re.findall(r"\w+SecretName: ([a-z-]+)", text_of("airflow-values")))
    assert named == set(re.findall(r"create secret generic ([a-z-]+)", page))
