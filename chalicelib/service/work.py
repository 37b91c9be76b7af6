"""What a message of the work queue asks for."""

from chalicelib.core.messages import Drain, Message, Sweep, Wakeup
from chalicelib.service.advance import advance
from chalicelib.service.world import World


def handle(world: World, message: Message) -> None:
    """Safe to repeat, to reorder and to lose. Raises what was not handled: the message comes again."""
    match message:
        case Wakeup():
            advance(world, message)
        case Drain():
            from chalicelib.service.tick import drain  # rarely needed, and a twentieth of a cold start

            drain(world, message)
        case Sweep():
            from chalicelib.service.sweeping import sweep

            sweep(world, message)
