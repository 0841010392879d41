"""The routes of the REST server."""
