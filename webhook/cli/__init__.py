"""The command line: arguments in, text and an exit code out.

`main` lists the commands and imports only the one that is run; each command has a module of its own. It may import
everything. A new command goes here, and what it works out goes into `core`.
"""
