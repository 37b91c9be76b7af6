"""Small stand-ins for the world. Each passes the contract suite of the real thing (tests/contract)."""
