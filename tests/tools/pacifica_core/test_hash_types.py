"""The hash types that the real metadata service and the stock uploader accept are those that we accept."""

import json
import subprocess

from ingest.bundles.metadata_entries import HASH_LENGTHS
from tools.pacifica_core.environment import core_binaries

# Calls their own checks with the hash of nothing in each of `hashlib.algorithms_available`. `shake_128` and the like have no
# length of their own, and names of OpenSSL alone (`ripemd160`) are no attributes of `hashlib`: both checks raise there.
PROGRAM = """
import hashlib, json
from pacifica.metadata.rest.ingest import IngestAPI
from pacifica.uploader.bundler import Bundler
from pacifica.uploader.metadata import MetaData, MetaObj

def takes(name):
    try:
        Bundler(MetaData([MetaObj(value=1)]), [], hashfunc=name)._hashfunc().hexdigest()
        return IngestAPI.validate_hash_data(name, hashlib.new(name).hexdigest())
    except (AttributeError, TypeError, ValueError):
        return False

print(json.dumps([name for name in hashlib.algorithms_available if takes(name)]))
"""


def test_hash_types_of_the_real_service_and_of_the_stock_uploader_are_all_accepted():
    python = core_binaries() / "python"
    found = subprocess.run([python, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=120)
    assert set(json.loads(found.stdout)) == set(HASH_LENGTHS)
