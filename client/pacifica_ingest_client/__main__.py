"""`python -m pacifica_ingest_client` is `pacifica-ingest-upload`."""

import sys

from pacifica_ingest_client.command.main import main

sys.exit(main())
