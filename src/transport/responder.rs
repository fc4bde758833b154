//! The responder of a reliable connection: what it makes of a request packet, and what it answers.
//!
//! Contract: a plain state machine; the caller knows which sequence number is expected and keeps it. Each call answers at most
//! one acknowledgement, and says whether the packet is taken.
//!
//! Source: IBTA Vol 1, 9.7.4 (expected PSN, duplicates), 9.7.5 (acknowledgements and NAKs), 9.7.5.2.8 (one NAK for a gap).
//!
//! Left out on purpose: where payload goes, READ.

use crate::pattern::transport::{Cnp, Rc};
use crate::transport::ahead::Ahead;
use crate::units::{Picos, psn_of};
use crate::wire::aeth::{Meaning, NakCode};

/// What of a request packet a responder looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its sequence number; the low 24 bits are the PSN.
    pub seq: u64,
    /// It begins a message: First or Only.
    pub first: bool,
    /// It ends a message: Last or Only.
    pub last: bool,
    /// AckReq.
    pub ack_req: bool,
    /// It takes a receive work request: a SEND, or a WRITE's immediate.
    pub receives: bool,
    /// What is wrong with it: squall's own requests are right.
    pub fault: Option<NakCode>,
}

/// What becomes of a request packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Taken,
    /// It came before, and was taken then.
    Duplicate,
    /// Others before it are missing: it is dropped.
    OutOfSequence,
    /// The receiver is not ready for it: it is dropped.
    NotReady,
    /// It cannot follow the packet before, or asks for what it may not: the QP is in the error state.
    Invalid,
}

/// An acknowledgement to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub meaning: Meaning,
    /// Its PSN, 24 bits.
    pub psn: u32,
    /// Messages completed so far, 24 bits.
    pub msn: u32,
}

/// ACK of a responder that limits no credits: IBTA's code 31.
pub const UNLIMITED: Meaning = Meaning::Ack { credit_code: 31 };

/// The responder's state of one QP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Responder {
    /// Messages completed.
    msn: u32,
    /// Packets that asked for an acknowledgement and have none yet.
    asked: u32,
    /// Packets that need a receive work request, since one was refused last.
    received: u32,
    /// The NAK of this gap, or the RNR NAK of this packet, was sent.
    told: bool,
    /// A message is under way.
    within: bool,
    failed: bool,
}

impl Responder {
    /// Whether an acknowledgement is owed that waits for more requests or for its time.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.asked > 0
    }

    /// Messages completed so far.
    #[must_use]
    pub fn completed(&self) -> u32 {
        self.msn
    }

    /// A request packet came while `expected` was the next one's sequence number.
    pub fn on_request(&mut self, settings: &Rc, expected: u64, request: &Request) -> (Verdict, Option<Answer>) {
        if self.failed {
            return (Verdict::Invalid, None);
        }
        if request.seq < expected {
            // The latest state is said again at once: the requester has not heard of it (IBTA Vol 1, 9.7.5.1.4).
            return (Verdict::Duplicate, Some(self.acknowledge(expected)));
        }
        if request.seq > expected {
            let first = !std::mem::replace(&mut self.told, true);
            // The NAK acknowledges all before it.
            self.asked = if first { 0 } else { self.asked };
            let nak = || self.answer(Meaning::Nak(NakCode::PsnSequence), expected);
            return (Verdict::OutOfSequence, first.then(nak));
        }
        // A First or Only within a message, a Middle or Last outside of one.
        let disordered = (request.first == self.within).then_some(NakCode::InvalidRequest);
        if let Some(code) = disordered.or(request.fault) {
            self.failed = true;
            return (Verdict::Invalid, Some(self.answer(Meaning::Nak(code), expected)));
        }
        if request.receives && request.last && self.refuses(settings) {
            // What follows it is out of sequence and makes no NAK of its own.
            self.told = true;
            let timer_code = settings.rnr_timer & 0x1f;
            return (
                Verdict::NotReady,
                Some(self.answer(Meaning::RnrNak { timer_code }, expected)),
            );
        }
        let due = self.taken(settings, request);
        (Verdict::Taken, due.then(|| self.acknowledge(expected + 1)))
    }

    /// The next packet in order is taken; whether an acknowledgement is due by that.
    fn taken(&mut self, settings: &Rc, request: &Request) -> bool {
        self.told = false;
        self.within = !request.last;
        if request.last {
            self.msn = self.msn.wrapping_add(1);
        }
        if !request.ack_req {
            return false;
        }
        self.asked += 1;
        self.asked >= settings.ack_every.max(1)
    }

    /// A request packet came, to a responder that places packets in whatever order they come: a gap makes no NAK. `with` goes
    /// with the packet; all whose turn has come with it are handed to `deliver`, in order.
    pub fn on_request_in_any_order<T>(
        &mut self,
        settings: &Rc,
        ahead: &mut Ahead<(Request, T)>,
        (request, with): (&Request, T),
        mut deliver: impl FnMut(T),
    ) -> (Verdict, Option<Answer>) {
        let (seq, expected) = (request.seq, ahead.next());
        if seq <= expected {
            // An old one, or one that may be refused: as in order.
            let (verdict, answer) = self.on_request(settings, expected, request);
            if verdict != Verdict::Taken {
                return (verdict, answer);
            }
            let mut due = answer.is_some();
            ahead.put(seq, (*request, with));
            let mut first = true;
            while let Some((request, with)) = ahead.pop() {
                due |= !std::mem::take(&mut first) && self.taken(settings, &request);
                deliver(with);
            }
            return (Verdict::Taken, due.then(|| self.acknowledge(ahead.next())));
        }
        if ahead.holds(seq) {
            return (Verdict::Duplicate, None);
        }
        if !ahead.takes(seq) {
            return (Verdict::OutOfSequence, None);
        }
        ahead.put(seq, (*request, with));
        (Verdict::Taken, None)
    }

    /// Whether it is a packet's turn to be refused for want of a receive work request.
    fn refuses(&mut self, settings: &Rc) -> bool {
        if settings.rnr_every == 0 {
            return false;
        }
        self.received += 1;
        let refuses = self.received >= settings.rnr_every;
        if refuses {
            self.received = 0;
        }
        refuses
    }

    /// The acknowledgement that is owed, `expected` being the next sequence number: its time has come.
    pub fn acknowledge(&mut self, expected: u64) -> Answer {
        self.asked = 0;
        self.answer(UNLIMITED, expected.wrapping_sub(1))
    }

    fn answer(&self, meaning: Meaning, seq: u64) -> Answer {
        Answer {
            meaning,
            psn: psn_of(seq),
            msn: self.msn & 0x00ff_ffff,
        }
    }
}

/// When a mark of congestion becomes a CNP: one notification point for whatever shares its interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notifier {
    next: Picos,
    /// A CNP is owed at `next`.
    owed: bool,
}

/// What a mark makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A CNP, now.
    Now,
    /// A CNP at this time: [`Notifier::on_end`] is to be called then.
    At(Picos),
    /// Nothing more than is owed already.
    Nothing,
}

impl Notifier {
    /// A data packet marked CE came at `now`.
    #[inline]
    pub fn on_mark(&mut self, cnp: &Cnp, now: Picos) -> Told {
        if now >= self.next {
            self.next = now.saturating_add(cnp.interval);
            self.owed = false;
            return Told::Now;
        }
        if cnp.at_end && !self.owed {
            self.owed = true;
            return Told::At(self.next);
        }
        Told::Nothing
    }

    /// The time `at`, told by [`Notifier::on_mark`], has come by `now`: whether a CNP leaves still.
    pub fn on_end(&mut self, cnp: &Cnp, at: Picos, now: Picos) -> bool {
        let leaves = self.owed && self.next == at;
        if leaves {
            self.owed = false;
            self.next = now.saturating_add(cnp.interval);
        }
        leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(seq: u64) -> Request {
        Request {
            seq,
            first: true,
            last: true,
            ack_req: true,
            receives: false,
            fault: None,
        }
    }

    fn ack(psn: u32, msn: u32) -> Option<Answer> {
        Some(Answer {
            meaning: UNLIMITED,
            psn,
            msn,
        })
    }

    #[test]
    fn a_gap_makes_one_nak_until_the_missing_packet_comes() {
        let rc = Rc::default();
        let mut responder = Responder::default();
        let nak = Answer {
            meaning: Meaning::Nak(NakCode::PsnSequence),
            psn: 5,
            msn: 0,
        };
        let ahead = Verdict::OutOfSequence;
        assert_eq!(responder.on_request(&rc, 5, &only(7)), (ahead, Some(nak)));
        assert_eq!(responder.on_request(&rc, 5, &only(8)), (ahead, None));
        assert_eq!(responder.on_request(&rc, 5, &only(5)), (Verdict::Taken, ack(5, 1)));
        let nak = Answer { psn: 6, msn: 1, ..nak };
        assert_eq!(responder.on_request(&rc, 6, &only(9)), (ahead, Some(nak)));
    }

    #[test]
    fn a_duplicate_is_answered_with_the_latest_state() {
        let rc = Rc::default();
        let mut responder = Responder::default();
        responder.on_request(&rc, 0x0100_0000, &only(0x0100_0000));
        let answer = responder.on_request(&rc, 0x0100_0001, &only(0x00ff_fff0));
        assert_eq!(answer, (Verdict::Duplicate, ack(0, 1)));
    }

    #[test]
    fn acknowledgements_are_put_together() {
        let rc = Rc {
            ack_every: 3,
            ..Rc::default()
        };
        let mut responder = Responder::default();
        let answers: Vec<_> = (0..7).map(|seq| responder.on_request(&rc, seq, &only(seq)).1).collect();
        assert_eq!(answers, [None, None, ack(2, 3), None, None, ack(5, 6), None]);
        assert!(responder.owes());
        assert_eq!(Some(responder.acknowledge(7)), ack(6, 7));
        assert!(!responder.owes());
    }

    #[test]
    fn packets_that_cannot_follow_end_the_qp() {
        let rc = Rc::default();
        let middle = Request {
            first: false,
            last: false,
            ..only(0)
        };
        let mut responder = Responder::default();
        let (verdict, answer) = responder.on_request(&rc, 0, &middle);
        assert_eq!(verdict, Verdict::Invalid);
        assert_eq!(
            answer.map(|answer| answer.meaning),
            Some(Meaning::Nak(NakCode::InvalidRequest))
        );
        assert_eq!(responder.on_request(&rc, 0, &only(0)), (Verdict::Invalid, None));
    }

    #[test]
    fn one_in_so_many_receives_is_refused_and_taken_when_it_comes_again() {
        let rc = Rc {
            rnr_every: 2,
            rnr_timer: 1,
            ..Rc::default()
        };
        let send = |seq| Request {
            receives: true,
            ..only(seq)
        };
        let mut responder = Responder::default();
        let mut refused = 0;
        let mut expected = 0;
        for _ in 0..9 {
            match responder.on_request(&rc, expected, &send(expected)) {
                (Verdict::Taken, _) => expected += 1,
                (Verdict::NotReady, Some(answer)) => {
                    assert_eq!(answer.meaning, Meaning::RnrNak { timer_code: 1 });
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((expected, refused), (5, 4));
    }

    #[test]
    fn marks_within_the_interval_make_one_cnp() {
        let mut notifier = Notifier::default();
        let at = |micros| Picos::from_micros(micros);
        let cnp = Cnp::default();
        let told = [3, 4, 52, 53, 54, 103].map(|micros| notifier.on_mark(&cnp, at(micros)));
        use Told::{Nothing, Now};
        assert_eq!(told, [Now, Nothing, Nothing, Now, Nothing, Now]);
        let each = Cnp {
            interval: Picos::ZERO,
            at_end: true,
            ..cnp
        };
        assert!((0..5).all(|_| notifier.on_mark(&each, at(200)) == Now));
    }

    #[test]
    fn a_mark_within_the_interval_makes_a_cnp_at_its_end_where_that_is_asked_for() {
        let mut notifier = Notifier::default();
        let at = |micros| Picos::from_micros(micros);
        let cnp = Cnp {
            at_end: true,
            ..Cnp::default()
        };
        assert_eq!(notifier.on_mark(&cnp, at(3)), Told::Now);
        assert_eq!(notifier.on_mark(&cnp, at(4)), Told::At(at(53)));
        assert_eq!(notifier.on_mark(&cnp, at(5)), Told::Nothing);
        assert!(notifier.on_end(&cnp, at(53), at(53)));
        assert!(!notifier.on_end(&cnp, at(53), at(53)));
        // That one began an interval of its own; a mark that comes late enough is told at once, and nothing is owed then.
        assert_eq!(notifier.on_mark(&cnp, at(60)), Told::At(at(103)));
        assert_eq!(notifier.on_mark(&cnp, at(104)), Told::Now);
        assert!(!notifier.on_end(&cnp, at(103), at(105)));
    }

    #[test]
    fn packets_in_any_order_are_taken_and_acknowledged_in_order() {
        let rc = Rc::default();
        let (mut responder, mut ahead) = (Responder::default(), Ahead::new(0x00ff_ffff));
        let mut out = Vec::new();
        let mut came =
            |seq: u64| responder.on_request_in_any_order(&rc, &mut ahead, (&only(seq), seq), |seq| out.push(seq));
        let first = 0x00ff_ffff;
        assert_eq!(came(first + 2), (Verdict::Taken, None));
        assert_eq!(came(first + 1), (Verdict::Taken, None));
        assert_eq!(came(first + 1), (Verdict::Duplicate, None));
        assert_eq!(came(first + 300), (Verdict::OutOfSequence, None));
        assert_eq!(came(first), (Verdict::Taken, ack(1, 3)));
        assert_eq!(came(first + 1), (Verdict::Duplicate, ack(1, 3)));
        assert_eq!(out, [first, first + 1, first + 2]);
    }
}
