"""Modbus: request plan, decode, link."""
