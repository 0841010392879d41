"""Pydantic models of requests and answers. The OpenAPI document is generated from them.

They describe the API; they do not parse it. `server/http/request.py` parses by hand, because that is faster and keeps
the original's error messages and codes.
"""
