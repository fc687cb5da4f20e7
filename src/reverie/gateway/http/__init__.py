"""Requests and answers as HTTP: the protocol's bounds, headers, responses, problems, the OpenAPI document."""
