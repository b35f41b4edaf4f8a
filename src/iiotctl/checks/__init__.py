"""What is wrong, with evidence: the judgement of sensors and networks. Arrays or facts in, verdicts out; no I/O."""
