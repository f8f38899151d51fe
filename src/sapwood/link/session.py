"""Who talks to whom: HELLOs, nonces, signs of life (docs/LINK.md, "Session"). Times are in seconds."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from sapwood.link.frames import Hello
from sapwood.link.framing import seed_of
from sapwood.link.settings import Settings

__all__ = ["Session", "Turn"]

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_KEEP_ALIVES_LOST: Final = 4
_TICK: Final = 0.01
"""The unit of the keep-alive in a HELLO."""


class Turn(Enum):
    """What a HELLO changed."""

    NOTHING = auto()
    BEGAN = auto()
    """The session stands now: sequences begin at 0."""
    ENDED = auto()
    """The peer was started anew: what was on the way is void."""


class Session:
    """One end's view of the pair of nonces.

    Args:
        settings: What this end chose.
        new_nonce: Draws 32 bits that nobody can foresee.

    Attributes:
        stands: Whether the peer is known to know this end.
        is_lost: Whether a session that stands has been silent for too long.
        echoes: How often this end heard itself.
        sending_seed: What the CRC of a frame to the peer goes on from.
        receiving_seed: What the CRC of a frame from the peer goes on from.
    """

    def __init__(self, settings: Settings, new_nonce: Callable[[], int]) -> None:
        self.stands = False
        self.is_lost = False
        self.echoes = 0
        self._settings = settings
        self._draw = new_nonce
        self._nonce = self._new_nonce()
        self._peer: Hello | None = None
        self._keep_alive = settings.keep_alive
        self.sending_seed = 0
        self.receiving_seed = 0
        self._pause = _FIRST_PAUSE
        self._hello_due: float | None = 0.0
        self._answer_due = False
        self._asked_at: float | None = None
        self._heard_at = 0.0
        self._spoke_at = 0.0

    @property
    def peer(self) -> Hello | None:
        """What the other end said of itself."""
        return self._peer

    @property
    def can_send(self) -> bool:
        """Whether anything but a HELLO makes sense."""
        return self.stands and not self.is_lost

    @property
    def mtu(self) -> int:
        """Most bytes of a body and its CRC that both ends take."""
        return min(self._settings.mtu, self._peer.mtu) if self._peer else self._settings.mtu

    def hear_hello(self, hello: Hello, now: float) -> tuple[Turn, float | None]:
        """Take a HELLO: what it changed, and the round trip if it tells one."""
        if hello.nonce == self._nonce:
            self.echoes += 1
            return Turn.NOTHING, None
        turn = Turn.NOTHING
        if self._peer is None or hello.nonce != self._peer.nonce:
            if self.stands:
                turn = Turn.ENDED
                self._begin_anew(now)
            self._peer = hello
            both = (self._settings.keep_alive, hello.keep_alive * _TICK)
            self._keep_alive = min((one for one in both if one), default=0.0)
            self._set_seeds()
        trip = None
        if hello.peer_nonce == self._nonce:
            trip = now - self._asked_at if self._asked_at is not None else None
            self._asked_at = None
            if not self.stands:
                turn = Turn.BEGAN
                self._stand()
        if hello.answer_wanted or hello.peer_nonce != self._nonce:
            self._answer_due = True
        self._hear(now)
        return turn, trip

    def hear_frame(self, now: float) -> Turn:
        """Take note of a frame of this session."""
        self._hear(now)
        if self.stands:
            return Turn.NOTHING
        self._stand()
        return Turn.BEGAN

    def give_up(self, now: float) -> None:
        """The session is of no use: begin another with the same peer, if it is there."""
        self._begin_anew(now)

    def hello(self, now: float) -> Hello | None:
        """The HELLO that is due, if one is."""
        asks = self._hello_due is not None and self._hello_due <= now
        if not asks and not self._answer_due:
            return None
        self._answer_due = False
        asks = asks or not self.stands
        if asks:
            # A second question makes it unclear which one an answer is to (Karn).
            self._asked_at = now if self._pause == _FIRST_PAUSE else None
            self._hello_due = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        own = self._settings
        return Hello(
            self._nonce,
            self._peer.nonce if self._peer else 0,
            own.mtu,
            own.window,
            own.streams,
            round(own.keep_alive / _TICK),
            asks,
            own.models,
        )

    def note_sent(self, now: float) -> None:
        """Something went to the peer."""
        self._spoke_at = now

    def ping_due(self, now: float) -> bool:
        """Whether the peer has heard nothing for so long that it needs a sign of life."""
        return self.can_send and self._keep_alive > 0 and self._spoke_at + self._keep_alive <= now

    def lose_peer(self, now: float) -> bool:
        """Whether the peer has just been silent for too long; then HELLOs go out again."""
        due = self.loss_deadline
        if due is None or now < due:
            return False
        self.is_lost = True
        self._ask(now)
        return True

    @property
    def sending_deadline(self) -> float | None:
        """When a HELLO or a PING is due."""
        due = [0.0] if self._answer_due else []
        if self._hello_due is not None:
            due.append(self._hello_due)
        if self.can_send and self._keep_alive:
            due.append(self._spoke_at + self._keep_alive)
        return min(due, default=None)

    @property
    def loss_deadline(self) -> float | None:
        """When ``lose_peer`` is due."""
        if not self.can_send or not self._keep_alive:
            return None
        return self._heard_at + _KEEP_ALIVES_LOST * self._keep_alive

    def _hear(self, now: float) -> None:
        self._heard_at = now
        if self.is_lost:
            self.is_lost = False
            self._hello_due = None

    def _stand(self) -> None:
        self.stands = True
        self._hello_due = None
        self._pause = _FIRST_PAUSE

    def _begin_anew(self, now: float) -> None:
        self.stands = False
        self.is_lost = False
        self._nonce = self._new_nonce()
        self._set_seeds()
        self._ask(now)

    def _set_seeds(self) -> None:
        if self._peer is not None:
            self.sending_seed = seed_of(self._nonce, self._peer.nonce)
            self.receiving_seed = seed_of(self._peer.nonce, self._nonce)

    def _ask(self, now: float) -> None:
        self._pause = _FIRST_PAUSE
        self._hello_due = now

    def _new_nonce(self) -> int:
        while not (nonce := self._draw()):
            pass
        return nonce
