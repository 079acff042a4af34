"""Whatever happens in whatever order, the ledger's figures are what its plain reference counts from the definitions."""

from hypothesis import settings

from tests.support.examples import examples
from tests.support.ledger_and_reference import LedgerAndReference

LedgerAndReference.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40)
TestLedgerAgainstReference = LedgerAndReference.TestCase
