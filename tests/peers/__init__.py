"""Clients that nobody here wrote drive the simulated venues unchanged, each in an environment and a process of its own.

    python3 -m venv .venv-peers && .venv-peers/bin/python -m pip install --require-hashes -r requirements-peers.lock

`requirements-peers.lock` is made of the one name `ccxt`:

    echo ccxt | uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --output-file requirements-peers.lock -
"""
