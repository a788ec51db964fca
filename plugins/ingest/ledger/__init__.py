"""The tables of jobs, files and events: their models, migrations and every write to them."""
