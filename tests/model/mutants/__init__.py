"""Mutants: the protocol with one rule broken. The tests must catch each of them, or else they prove nothing."""

from tests.model.mutants import booking, credit, granting, naming, restoring, settling, sharing
from tests.model.mutants.registry import MUTANTS, Mutant, applied

__all__ = [
    "MUTANTS",
    "Mutant",
    "applied",
    "booking",
    "credit",
    "granting",
    "naming",
    "restoring",
    "settling",
    "sharing",
]
