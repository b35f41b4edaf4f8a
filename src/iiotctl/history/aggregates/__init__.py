"""Aggregates of OPC UA (OPC 10000-13 v1.05): a pure engine over arrays, and what brings samples to it."""
