"""A certificate authority as a tool: values in, values out. Except in the command line, time is an argument."""
