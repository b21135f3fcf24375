#!/bin/sh
# Installs Debian's packages of the system programs that tests start; says what is not run without them.
# One program per line: program, package, what its absence costs.
programs() {
    cat <<'TABLE'
chromium chromium the n8n templates are not shown in the real editor, nor the emulator's page in a browser
curl curl the documents' curl samples are sent by httpx instead
g++ g++ n8n cannot be installed, since its database driver is compiled, and the templates are not run in it
psql postgresql the keys and budgets of LiteLLM's proxy are not tried in PostgreSQL
redis-server redis-server the rate limit and budgets are not tested on Redis
valgrind valgrind instructions of a streamed chunk are not counted
TABLE
}

missing() {
    programs | while read -r program package cost; do
        command -v "$program" >/dev/null 2>&1 || echo "$program $package $cost"
    done
}

packages=$(missing | cut -d ' ' -f 2)
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # one word per package
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages || true
fi
missing | while read -r program package cost; do
    echo "system-deps: $program (package $package) is missing: $cost"
done
