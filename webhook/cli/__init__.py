"""The command line: arguments in, text and an exit code out.

Each command has a module of its own; `main` lists the commands and imports only the one that runs. It may import
everything. A new command goes here, and its calculations go into `core`.
"""
