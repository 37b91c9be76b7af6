"""Planted bugs: each must be caught by a written example, not only by luck. `make mutants` plants one at a time."""
