"""Commands and configurations that the run takes from the documentation, so that what it tests is what admins read."""

import re

from ingest.local.layout import PROJECT

HOW_TO = PROJECT / "docs" / "how-to"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(page: str, language: str, words: str) -> str:
    """Return the only fenced block of a how-to page in a language that contains some words."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    (found,) = [content for name, content in BLOCK.findall(text) if name == language and words in content]
    return str(found)


MAKE_PASSWORDS = block("install.md", "sh", "AIRFLOW_FERNET_KEY=")
STORE_PROXY_SECRET = block("install.md", "sh", "access/proxy-secret")
NGINX = block("control-access.md", "nginx", "auth_basic_user_file")
NGINX_FOR_AIRFLOW = block("personal-accounts.md", "nginx", "auth_basic_user_file")
START_PERSONAL_ACCOUNTS = block("personal-accounts.md", "sh", "COMPOSE_FILE=")
ADMIN_COMMANDS = block("install.md", "sh", "airflow pools list")
REPLACE_BUNDLE = block("install.md", "sh", "mybundle.tar")
DUMP = block("install.md", "sh", "pg_dumpall")
