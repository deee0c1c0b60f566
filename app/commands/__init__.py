"""The command line: `python -m app COMMAND ...`, without Qt. What a command prints, a window could show, too."""
