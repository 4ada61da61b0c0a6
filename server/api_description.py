"""Prints the description of the API, for what is built from it: `python -m server.api_description`."""

import sys

import msgspec

from server.app import API
from server.openapi import describe
from server.rest import health

if __name__ == "__main__":
    operations = [operation for module in (health, *API) for operation in module.routes.operations]
    sys.stdout.buffer.write(msgspec.json.encode(describe(operations, "http://127.0.0.1:8000")))
