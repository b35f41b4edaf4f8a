"""Aggregates of OPC UA (OPC 10000-13): a pure engine over arrays, and what brings samples to it."""
