"""Run the command line with `python -m langchain_motorhead.cli`."""

from langchain_motorhead.cli.main import main

if __name__ == "__main__":
    main()
