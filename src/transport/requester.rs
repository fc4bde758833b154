//! The requester of a reliable connection: one QP's packets as they are acknowledged, refused and sent again.
//!
//! Contract: a plain state machine over sequence numbers whose low 24 bits are PSNs; `now` is an argument, deadlines are
//! answers. It holds no packet: whoever asks cuts the packet of a sequence number out of its message again.
//!
//! Source: IBTA Vol 1, 9.7.5 (acknowledgement), 9.7.6 (timeouts and retries), 9.9.2 (errors of a requester).
//!
//! Left out on purpose: which message a sequence number belongs to (`reliable`), and rates (`dcqcn`).

use crate::pattern::transport::Rc;
use crate::units::Picos;
use crate::wire::aeth::{Meaning, NakCode, rnr_delay_us};

/// Half of the PSN space: no more may be without acknowledgement (IBTA Vol 1, 9.7.1).
pub const LARGEST_WINDOW: u32 = 1 << 23;

/// Why a QP is in the error state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// Retries without progress were used up: timeouts, or NAKs for the same PSN.
    Retries,
    /// RNR retries were used up.
    RnrRetries,
    /// NAK: invalid request.
    InvalidRequest,
    /// NAK: remote access error.
    RemoteAccess,
    /// NAK: remote operational error.
    RemoteOperational,
    /// An acknowledgement that no responder may send.
    BadResponse,
}

impl Failure {
    /// All of them, by number.
    pub const ALL: [Failure; 6] = [
        Failure::Retries,
        Failure::RnrRetries,
        Failure::InvalidRequest,
        Failure::RemoteAccess,
        Failure::RemoteOperational,
        Failure::BadResponse,
    ];

    /// The completion status as verbs programs name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Failure::Retries => "transport retry counter exceeded",
            Failure::RnrRetries => "RNR retry counter exceeded",
            Failure::InvalidRequest => "remote invalid request error",
            Failure::RemoteAccess => "remote access error",
            Failure::RemoteOperational => "remote operation error",
            Failure::BadResponse => "bad response error",
        }
    }
}

/// Whether a QP may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// The receiver was not ready: until the deadline nothing is sent.
    NotReady,
    Failed(Failure),
}

/// What follows for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Everything before [`Requester::acked`] is acknowledged, and that is more than before.
    Forward,
    /// Everything from [`Requester::acked`] on is to be sent again, now or once the QP is ready again.
    Again,
    /// The QP is in the error state.
    Failed(Failure),
}

/// The requester's state of one QP.
#[derive(Debug, Clone, Copy)]
pub struct Requester {
    acked: u64,
    high: u64,
    deadline: Picos,
    retries: u8,
    rnr_retries: u8,
    state: State,
}

/// Local ACK timeout: 4.096 µs · 2^t; 0: none (IBTA Vol 1, 9.9.2.1.1).
fn timeout(settings: &Rc) -> Option<Picos> {
    (settings.timeout > 0).then(|| Picos(4_096_000u64 << settings.timeout.min(31)))
}

impl Requester {
    /// A QP whose first packet has sequence number `first`.
    #[must_use]
    pub fn new(settings: &Rc, first: u64) -> Requester {
        Requester {
            acked: first,
            high: first,
            deadline: Picos::MAX,
            retries: settings.retry_count,
            rnr_retries: settings.rnr_retry,
            state: State::Ready,
        }
    }

    /// The oldest sequence number without acknowledgement.
    #[inline]
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// The first sequence number that was never sent.
    #[inline]
    #[must_use]
    pub fn high(&self) -> u64 {
        self.high
    }

    /// When [`Requester::on_deadline`] is to be called; [`Picos::MAX`]: never.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Picos {
        self.deadline
    }

    /// Whether it may send anything at all.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Why it is in the error state, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self.state {
            State::Failed(failure) => Some(failure),
            State::Ready | State::NotReady => None,
        }
    }

    /// Packets that may follow before the window is full.
    #[inline]
    #[must_use]
    pub fn room(&self, settings: &Rc) -> u64 {
        let window = u64::from(settings.window_packets.clamp(1, LARGEST_WINDOW));
        window.saturating_sub(self.high - self.acked)
    }

    /// A packet that takes the sequence numbers up to `end`, which is not its own any more, leaves at `now`, for the first time
    /// or again. A READ takes as many as it has responses.
    #[inline]
    pub fn sent(&mut self, settings: &Rc, end: u64, now: Picos) {
        self.high = self.high.max(end);
        if self.deadline == Picos::MAX
            && let Some(timeout) = timeout(settings)
        {
            self.deadline = now.saturating_add(timeout);
        }
    }

    /// The sequence number that a PSN stands for, if it is one of those without acknowledgement.
    fn outstanding(&self, psn: u32) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, reason = "the low 24 bits are wanted")]
        let ahead = psn.wrapping_sub(self.acked as u32) & 0x00ff_ffff;
        let seq = self.acked + u64::from(ahead);
        (seq < self.high).then_some(seq)
    }

    /// An ACK, NAK or RNR NAK with this PSN came at `now`.
    ///
    /// One whose PSN is not outstanding is a ghost (IBTA Vol 1, 9.7.5.1.2) and changes nothing.
    pub fn on_reply(&mut self, settings: &Rc, meaning: Meaning, psn: u32, now: Picos) -> Step {
        if self.failure().is_some() {
            return Step::Nothing;
        }
        let Some(seq) = self.outstanding(psn) else {
            return Step::Nothing;
        };
        match meaning {
            Meaning::Ack { .. } => {
                self.forward(settings, seq + 1, now);
                Step::Forward
            }
            // Of packets that were under way when the receiver was not ready. No responder has to say that (IBTA Vol 1, 9.7.5.2.8),
            // soft-RoCE does: it is asked again in time.
            Meaning::Nak(NakCode::PsnSequence) if self.state == State::NotReady && seq == self.acked => Step::Nothing,
            Meaning::Nak(NakCode::PsnSequence) => {
                if !self.forward(settings, seq, now) && !take_one(&mut self.retries) {
                    return self.fail(Failure::Retries);
                }
                // What was sent beyond is void: time counts from the next packet on.
                self.deadline = Picos::MAX;
                self.state = State::Ready;
                Step::Again
            }
            Meaning::RnrNak { timer_code } => {
                self.forward(settings, seq, now);
                // The packet has come: what is lost from now on is another matter.
                self.retries = settings.retry_count;
                // 7: for ever (IBTA Vol 1, 9.7.5.2.8).
                if settings.rnr_retry < 7 && !take_one(&mut self.rnr_retries) {
                    return self.fail(Failure::RnrRetries);
                }
                self.state = State::NotReady;
                self.deadline = now.saturating_add(Picos::from_micros(u64::from(rnr_delay_us(timer_code))));
                Step::Again
            }
            Meaning::Nak(code) => {
                self.forward(settings, seq, now);
                self.fail(match code {
                    NakCode::RemoteAccess => Failure::RemoteAccess,
                    NakCode::RemoteOperational => Failure::RemoteOperational,
                    NakCode::InvalidRequest => Failure::InvalidRequest,
                    // A code of reliable datagrams, which this is not.
                    NakCode::InvalidRdRequest | NakCode::PsnSequence => Failure::BadResponse,
                })
            }
            Meaning::Reserved => self.fail(Failure::BadResponse),
        }
    }

    /// [`Requester::deadline`] has come.
    pub fn on_deadline(&mut self, now: Picos) -> Step {
        if self.deadline > now {
            return Step::Nothing;
        }
        self.deadline = Picos::MAX;
        match self.state {
            State::Failed(_) => Step::Nothing,
            State::NotReady => {
                self.state = State::Ready;
                Step::Again
            }
            State::Ready if self.acked == self.high => Step::Nothing,
            State::Ready => {
                if take_one(&mut self.retries) {
                    Step::Again
                } else {
                    self.fail(Failure::Retries)
                }
            }
        }
    }

    /// Everything before `to` is acknowledged; whether that is progress.
    fn forward(&mut self, settings: &Rc, to: u64, now: Picos) -> bool {
        if to <= self.acked {
            return false;
        }
        self.acked = to;
        self.retries = settings.retry_count;
        self.rnr_retries = settings.rnr_retry;
        if self.state == State::Ready {
            self.deadline = match timeout(settings) {
                Some(timeout) if self.acked < self.high => now.saturating_add(timeout),
                _ => Picos::MAX,
            };
        }
        true
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.state = State::Failed(failure);
        self.deadline = Picos::MAX;
        Step::Failed(failure)
    }
}

/// One of the retries that are left; false: there is none.
fn take_one(left: &mut u8) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: Meaning = Meaning::Ack { credit_code: 31 };
    const NAK: Meaning = Meaning::Nak(NakCode::PsnSequence);

    fn settings() -> Rc {
        Rc {
            timeout: 1,
            retry_count: 2,
            rnr_retry: 1,
            window_packets: 8,
            ..Rc::default()
        }
    }

    fn with_sent(first: u64, count: u64) -> Requester {
        let mut requester = Requester::new(&settings(), first);
        for seq in first..first + count {
            requester.sent(&settings(), seq + 1, Picos::ZERO);
        }
        requester
    }

    #[test]
    fn an_ack_acknowledges_all_before_it_also_where_the_psn_wraps() {
        let rc = settings();
        let mut requester = with_sent(0x00ff_fffe, 5);
        assert_eq!(requester.room(&rc), 3);
        assert_eq!(requester.on_reply(&rc, ACK, 0, Picos(7)), Step::Forward);
        assert_eq!(requester.acked(), 0x0100_0001);
        assert_eq!(requester.deadline(), Picos(7 + 8_192_000));
        // A ghost: acknowledged already, or never sent.
        for psn in [0, 0x00ff_ffff, 3, 0x0080_0000] {
            assert_eq!(requester.on_reply(&rc, ACK, psn, Picos(8)), Step::Nothing, "{psn}");
        }
        assert_eq!(requester.on_reply(&rc, ACK, 2, Picos(9)), Step::Forward);
        assert_eq!(requester.deadline(), Picos::MAX);
        assert_eq!(requester.room(&rc), 8);
    }

    #[test]
    fn retries_are_counted_from_the_last_progress() {
        let rc = settings();
        let mut requester = with_sent(0, 4);
        for _ in 0..2 {
            let due = requester.deadline();
            assert_eq!(requester.on_deadline(due), Step::Again);
            requester.sent(&rc, 1, due);
        }
        assert_eq!(requester.on_reply(&rc, ACK, 0, Picos(1)), Step::Forward);
        for _ in 0..2 {
            assert_eq!(requester.on_reply(&rc, NAK, 1, Picos(2)), Step::Again);
            assert_eq!(requester.deadline(), Picos::MAX);
            requester.sent(&rc, 2, Picos(3));
        }
        assert_eq!(
            requester.on_reply(&rc, NAK, 1, Picos(4)),
            Step::Failed(Failure::Retries)
        );
        assert_eq!(requester.on_reply(&rc, ACK, 3, Picos(5)), Step::Nothing);
        assert!(!requester.is_ready());
    }

    #[test]
    fn a_receiver_that_is_not_ready_is_asked_again_after_its_time() {
        let rc = settings();
        let mut requester = with_sent(0, 2);
        let rnr = Meaning::RnrNak { timer_code: 12 };
        assert_eq!(requester.on_reply(&rc, rnr, 1, Picos(10)), Step::Again);
        assert_eq!((requester.acked(), requester.is_ready()), (1, false));
        // 0.64 ms: IBTA's table of RNR NAK timers.
        assert_eq!(requester.deadline(), Picos(10 + 640_000_000));
        // What the packets behind it are answered with changes nothing.
        for _ in 0..9 {
            assert_eq!(requester.on_reply(&rc, NAK, 1, Picos(11)), Step::Nothing);
        }
        assert_eq!(
            (requester.deadline(), requester.is_ready()),
            (Picos(10 + 640_000_000), false)
        );
        assert_eq!(requester.on_deadline(requester.deadline()), Step::Again);
        assert!(requester.is_ready());
        requester.sent(&rc, 2, Picos(20));
        // They may come as late as that: one retry of two.
        assert_eq!(requester.on_reply(&rc, NAK, 1, Picos(21)), Step::Again);
        requester.sent(&rc, 2, Picos(22));
        assert_eq!(
            requester.on_reply(&rc, rnr, 1, Picos(30)),
            Step::Failed(Failure::RnrRetries)
        );
    }

    #[test]
    fn a_remote_error_ends_the_qp_and_acknowledges_what_came_before() {
        let rc = settings();
        let mut requester = with_sent(0, 3);
        let nak = Meaning::Nak(NakCode::RemoteAccess);
        assert_eq!(
            requester.on_reply(&rc, nak, 2, Picos(1)),
            Step::Failed(Failure::RemoteAccess)
        );
        assert_eq!(requester.acked(), 2);
        assert_eq!(requester.deadline(), Picos::MAX);
    }
}
