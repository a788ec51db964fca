"""The tables of jobs, files, uploads and events: models, migrations, and all reads and writes of them."""
