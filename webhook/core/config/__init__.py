"""The configuration: what a platform team writes, typed, checked and explained."""
