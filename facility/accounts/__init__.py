"""Personal accounts in Airflow for a facility: the FAB auth manager behind a proxy, OpenID Connect or LDAP.

Loaded by the api-server of a facility, which has apache-airflow-providers-fab (requirements-facility.txt), and by no other
program: `make run` uses config/ingest_auth_manager.py.
"""
