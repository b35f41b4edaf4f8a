"""A plant that behaves: process physics, Modbus and OPC UA servers, faults, truth log."""
