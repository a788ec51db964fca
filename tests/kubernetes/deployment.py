"""The files in deploy/kubernetes, as its tests read them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "deploy" / "kubernetes"
Document = dict[str, Any]


def read(name: str) -> list[Document]:
    """Return the documents in a file."""
    return list(yaml.load_all((FOLDER / name).read_text(encoding="utf-8"), yaml.CSafeLoader))


@cache
def values() -> Document:
    """Return the values of Airflow's chart."""
    return read("airflow-values.yaml")[0]


@cache
def kustomization() -> Document:
    return read("kustomization.yaml")[0]


def manifests() -> Iterator[Document]:
    """Yield the objects that kustomization.yaml lists."""
    for name in kustomization()["resources"]:
        yield from read(name)


def found(kind: str, name: str) -> Document:
    """Return the object of a kind with a name."""
    return next(item for item in manifests() if (item["kind"], item["metadata"]["name"]) == (kind, name))


def containers() -> Iterator[tuple[Document, Document]]:
    """Yield each container of our manifests with the specification of its pod."""
    for item in manifests():
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
        elif item["kind"] == "CronJob":
            pod = item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        else:
            continue
        for container in pod["containers"]:
            yield pod, container


def airflow_variables() -> dict[str, str]:
    """Return the variables that the values give to all of Airflow."""
    return {entry["name"]: entry["value"] for entry in values()["env"]}
