"""Whatever happens in whatever order, the ledger's figures are what its plain twin counts from the definitions."""

from hypothesis import settings

from tests.support.examples import examples
from tests.support.ledger_and_reference import LedgerAndTwin

LedgerAndTwin.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40)
TestLedgerAgainstTwin = LedgerAndTwin.TestCase
