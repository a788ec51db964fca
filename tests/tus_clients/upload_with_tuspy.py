"""A user's program on tuspy: it uploads a bundle and resumes after errors. Run by `tests.tus_clients.clients`.

Its argument is JSON: `endpoint`, `file` and any of `headers` (of every request), `chunk_size`, `metadata`, `upload_checksum`
and `storage` (a file that keeps the URL of the upload for the next start). It prints the URL of the upload and the `Link` of
the last answer, as JSON.
"""

import json
import sys
from typing import Any

from tusclient.client import TusClient  # type: ignore[import-not-found]
from tusclient.storage.filestorage import FileStorage  # type: ignore[import-not-found]

RETRIES = 300
RETRY_SECONDS = 0.2


def main(options: dict[str, Any]) -> None:
    """Upload, and print the result."""
    settings: dict[str, Any] = {
        name: options[name] for name in ("chunk_size", "metadata", "upload_checksum") if name in options
    }
    if "storage" in options:
        settings |= {"store_url": True, "url_storage": FileStorage(options["storage"])}
    client = TusClient(options["endpoint"], headers=options.get("headers"))
    uploader = client.uploader(options["file"], retries=RETRIES, retry_delay=RETRY_SECONDS, **settings)
    uploader.upload()
    answer = uploader.request.response_headers if uploader.request else {}
    json.dump({"url": uploader.url, "link": answer.get("link")}, sys.stdout)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
