"""Reports: what people and programs are shown of the account (rows, report), and of past decisions (trial)."""
