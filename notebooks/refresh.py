"""Executes the notebooks in place, and keeps nothing of the machine and the moment in them."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> None:
    """Execute each notebook beside this file."""
    for path in sorted(Path(__file__).parent.glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        NotebookClient(notebook, timeout=120, record_timing=False, coalesce_streams=True).execute()
        notebook.metadata = nbformat.from_dict(METADATA)
        for cell in notebook.cells:
            cell.metadata = nbformat.from_dict({})
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
