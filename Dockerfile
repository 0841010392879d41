# The server alone: no compiler in it, not root, and health-checked.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY langchain_motorhead ./langchain_motorhead
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[server,mcp]"

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home motorhead
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PORT=8000
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=3)"]
# Of the container: what reaches it from outside is what is published of it.
CMD ["motorhead", "serve", "--host", "0.0.0.0"]
