"""Runs the scenarios inside the sandbox, in their order, and removes what they made. Called by `__main__`."""

from pathlib import Path

from ingest.local.reporting import say
from tools.compose_test import base_images, sandbox
from tools.compose_test.deployment import check_out
from tools.compose_test.engine import Engine
from tools.compose_test.report import Report
from tools.compose_test.scenarios import SCENARIOS
from tools.compose_test.scene import Scene


def run(folder: Path, only: list[str]) -> int:
    """Run all scenarios, or those that are named; return the exit status."""
    sandbox.wait_for_network()
    engine, report = Engine(folder), Report()
    try:
        with report.check("an engine with Compose starts"):
            engine.install_compose()
            engine.start()
        with report.check("the base images are made"):
            base_images.build(engine, folder)
        if not report.faults:
            scene = Scene(engine, folder, check_out(engine, folder / "project"), report)
            _run_scenarios(scene, only)
    finally:
        engine.stop()
    return 1 if report.faults else 0


def _run_scenarios(scene: Scene, only: list[str]) -> None:
    for name, scenario in SCENARIOS.items():
        if only and name not in only:
            continue
        faults = scene.report.faults
        scenario(scene)
        if scene.report.faults > faults:
            # Everything is removed at the end.
            say(scene.deployment.describe())
