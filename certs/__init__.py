"""Certificate authority tooling: values in, values out; time is an argument everywhere but in the command line."""
