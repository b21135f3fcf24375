#!/bin/sh
# Prints the first Python that is 3.11 or newer and can make an environment; PYTHON overrides the search.
for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    # A version manager's shim may exist and still not run, so each candidate is tried.
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$python"
        exit 0
    fi
done
echo "No Python 3.11 or newer that can make a virtual environment (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3})." >&2
echo "Install one (on Debian: python3 and python3-venv) or name it: make setup PYTHON=/path/to/python" >&2
exit 1
