"""The configuration that a platform team writes: its types, checks, errors, schema and documentation."""
