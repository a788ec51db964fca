"""Run a notifier with the settings of the environment until it is killed: a process of its own for the tests."""

import threading

from ingest.operations.notify.notifier import Notifier
from ingest.settings.loading import load_settings

if __name__ == "__main__":
    Notifier(load_settings()).start()
    threading.Event().wait()
