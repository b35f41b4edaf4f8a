"""What is said on a connection, pure: Modbus TCP (`mbap`) and serial frames (`rtu`) side by side; see `dialogue`."""
