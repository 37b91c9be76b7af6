"""What can stand in the way of the local servers."""


class CannotStart(Exception):
    """Nothing was started (or it ended at once). The message says what is wrong and what to do; show it as it is."""


class UnknownVersion(CannotStart):
    """Asked for a server that artifacts.lock does not hold."""
