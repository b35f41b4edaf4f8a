"""Typer commands: parse, call one op, render, exit code; nothing else."""
