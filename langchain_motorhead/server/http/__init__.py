"""HTTP requests and answers, their errors, and their description as OpenAPI."""
