#!/bin/bash
# Starts the server as the user redis, as the official image does.
set -euo pipefail
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"
