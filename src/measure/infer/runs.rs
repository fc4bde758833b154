//! Stretches of a flow's sequence numbers of which none arrived, and when their frames left.
//!
//! Contract: a run at the end of a flow is known only where the number of frames sent is. When a missing frame left is taken from its
//! neighbours. Those may be messages away: a sender rests between messages, and a frame that was lost at the end of one left a frame's
//! time after its neighbour, not after the rest. So a rest is cut off a run where a message's boundary shows that there may be one and the flow's own
//! pace that there is.
//!
//! Left out on purpose: why they were lost (`cause`, `loss`, `dead`).

use std::collections::BTreeMap;

use super::queue::departure;
use super::{Evidence, Facts};
use crate::measure::trace::{Kind, Observation};
use crate::plan::feed::Work;

/// Gaps between frames of one message that are looked at for the pace of a flow.
const GAPS: usize = 64;

/// Messages of a run that are told apart.
const MESSAGES: usize = 64;

/// A run of missing frames of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The flow.
    pub flow: u32,
    /// Low 32 bits of the first missing sequence number.
    pub seq: u32,
    /// How many are missing.
    pub frames: u32,
    /// Departure of the last frame before, ps; of none, by the flow's pace. Later by a rest that follows it.
    left_before: i64,
    /// Departure of the first frame after; of none, by the flow's pace. Earlier by a rest that comes before it.
    left_after: i64,
    /// Arrival of the last frame before; `None`: there is none.
    came_before: Option<i64>,
    /// Arrival of the first frame after.
    came_after: Option<i64>,
    /// The rests at its beginning and at its end that were cut off.
    rests: (i64, i64),
}

impl Run {
    /// When its first frame left, as far as its neighbours tell.
    #[must_use]
    pub fn began(&self) -> i64 {
        self.inner().0
    }

    /// The times between which its frames left: the departures of its neighbours, rests left out.
    #[must_use]
    pub const fn left(&self) -> (i64, i64) {
        (self.left_before, self.left_after)
    }

    /// When its first frame left and when its last one did, as far as its neighbours tell.
    #[must_use]
    pub fn inner(&self) -> (i64, i64) {
        let step = self.left_after.saturating_sub(self.left_before) / (i64::from(self.frames) + 1);
        (self.left_before + step, self.left_after - step)
    }

    /// The times between which its frames would have come: the arrivals of its neighbours, rests left out; `None` where there are none.
    #[must_use]
    pub fn came(&self) -> (Option<i64>, Option<i64>) {
        let before = self.came_before.map(|time| time.saturating_add(self.rests.0));
        let after = self.came_after.map(|time| time.saturating_sub(self.rests.1));
        (before, after)
    }

    /// The departures of its neighbours: between these nothing of its flow left that came, rests and all.
    #[must_use]
    pub const fn between(&self) -> (i64, i64) {
        (
            self.left_before.saturating_sub(self.rests.0),
            self.left_after.saturating_add(self.rests.1),
        )
    }

    /// The arrivals of its neighbours; `None` where there are none.
    #[must_use]
    pub const fn neighbours(&self) -> (Option<i64>, Option<i64>) {
        (self.came_before, self.came_after)
    }

    /// The first arrival of its flow after it; `None`: there was none.
    #[must_use]
    pub const fn restored(&self) -> Option<i64> {
        self.came_after
    }

    /// From the last arrival of its flow before it to the first after it.
    #[must_use]
    pub fn gap(&self) -> Option<i64> {
        let both = self.came_before.zip(self.came_after);
        both.map(|(before, after)| after.saturating_sub(before))
    }
}

/// The runs of every flow.
#[must_use]
pub fn of(evidence: &Evidence<'_>, facts: &Facts) -> Vec<Run> {
    let came = by_flow(evidence, facts);
    let seen = evidence.trace.observations();
    // When each entry began.
    let mut earliest: BTreeMap<u16, i64> = BTreeMap::new();
    for one in seen {
        if let Some((flow, left)) = facts.flow(one.flow).zip(departure(one)) {
            let place = earliest.entry(flow.entry).or_insert(left);
            *place = left.min(*place);
        }
    }
    let first = earliest.values().copied().min().unwrap_or(0);
    let flow_of = |number: u32| Flow {
        evidence,
        facts,
        number,
        order: &came[number as usize],
    };
    let mut missing = Vec::new();
    for (number, _) in (0u32..).zip(&came) {
        missing.extend(flow_of(number).gaps().into_iter().map(|gap| (number, gap)));
    }
    // Gaps between frames of one message, of flows that lack some; of an entry where a flow itself has none.
    let mut paces: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    let mut of_entry: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
    for (number, _) in &missing {
        let Some(fact) = facts.flow(*number).filter(|_| !paces.contains_key(number)) else {
            continue;
        };
        let gaps = flow_of(*number).steps();
        of_entry.entry(fact.entry).or_default().extend(&gaps);
        paces.insert(*number, gaps);
    }
    let of_entry: BTreeMap<u16, Option<i64>> = of_entry
        .into_iter()
        .map(|(entry, gaps)| (entry, median(gaps)))
        .collect();
    let paces: BTreeMap<u32, Option<i64>> = paces.into_iter().map(|(flow, gaps)| (flow, median(gaps))).collect();
    let runs = missing.into_iter().map(|(number, gap)| {
        let entry = facts.flow(number).map_or(0, |flow| flow.entry);
        let pace = paces.get(&number).or(of_entry.get(&entry)).copied().flatten();
        flow_of(number).run(
            &gap,
            pace.or(of_entry.get(&entry).copied().flatten()),
            earliest.get(&entry).copied().unwrap_or(first),
        )
    });
    runs.collect()
}

fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied().filter(|pace| *pace > 0)
}

/// What came of each flow, by sequence number: places in the trace.
fn by_flow(evidence: &Evidence<'_>, facts: &Facts) -> Vec<Vec<usize>> {
    let seen = evidence.trace.observations();
    let mut flows: Vec<Vec<usize>> = vec![Vec::new(); facts.flows().len()];
    // Copies too: one that came late may be all that came of its frame. A frame with a wrong ICRC came, and is not missing.
    for (at, one) in seen.iter().enumerate().filter(|(_, one)| one.kind != Kind::Ballast) {
        if let Some(flow) = flows.get_mut(one.flow as usize) {
            flow.push(at);
        }
    }
    for flow in &mut flows {
        flow.sort_by_key(|at| seen[*at].seq);
    }
    flows
}

/// Frames that are missing, and the places in the trace of those before and after.
struct Gap {
    first: u32,
    frames: u32,
    before: Option<usize>,
    after: Option<usize>,
}

/// One flow, and what came of it.
struct Flow<'a> {
    evidence: &'a Evidence<'a>,
    facts: &'a Facts,
    number: u32,
    /// By sequence number.
    order: &'a [usize],
}

impl Flow<'_> {
    fn seen(&self, at: usize) -> &Observation {
        &self.evidence.trace.observations()[at]
    }

    fn first(&self) -> u32 {
        self.facts.flow(self.number).map_or(0, |flow| flow.first)
    }

    fn gaps(&self) -> Vec<Gap> {
        let mut found = Vec::new();
        let mut expected = self.first();
        let mut before = None;
        for at in self.order {
            let seq = self.seen(*at).seq;
            if seq > expected {
                found.push(Gap {
                    first: expected,
                    frames: seq - expected,
                    before,
                    after: Some(*at),
                });
            }
            expected = expected.max(seq.saturating_add(1));
            if self.seen(*at).kind.is_sound() {
                before = Some(*at);
            }
        }
        let whole = self.evidence.trace.beyond() == 0;
        let sent = self.evidence.flow_packets.get(self.number as usize).filter(|_| whole);
        let end = sent.map(|sent| u64::from(self.first()) + *sent);
        let rest = end.and_then(|end| u32::try_from(end.checked_sub(u64::from(expected))?).ok());
        if let Some(frames) = rest.filter(|rest| *rest > 0) {
            found.push(Gap {
                first: expected,
                frames,
                before,
                after: None,
            });
        }
        found
    }

    /// Which message a frame belongs to.
    fn message(&self, seq: u32) -> Option<u64> {
        let flow = self.facts.flow(self.number)?;
        let entry = self.evidence.plan.entries.get(usize::from(flow.entry))?;
        let qp = self.number.checked_sub(entry.first_flow + flow.lane * entry.qps)?;
        let packet = u64::from(seq.wrapping_sub(flow.first));
        entry
            .work
            .number_of(flow.lane, entry.deal(), qp, entry.frame.pmtu, packet)
    }

    /// Times from one frame to the next of the same message.
    fn steps(&self) -> Vec<i64> {
        let pairs = self.order.windows(2).filter_map(|two| {
            let (one, next) = (self.seen(two[0]), self.seen(two[1]));
            let step = departure(next)? - departure(one)?;
            (next.seq == one.seq.wrapping_add(1) && step > 0 && self.message(one.seq) == self.message(next.seq))
                .then_some(step)
        });
        pairs.take(GAPS).collect()
    }

    /// How many of the frames `from` to `to` belong to the message of `from`.
    fn same_message(&self, from: u32, to: u32) -> u32 {
        let Some(mine) = self.message(from) else { return 0 };
        let (mut inside, mut outside) = (0, to.saturating_sub(from));
        while inside < outside {
            let middle = inside + (outside - inside).div_ceil(2);
            if self.message(from + middle) == Some(mine) {
                inside = middle;
            } else {
                outside = middle - 1;
            }
        }
        inside
    }

    /// The run of a gap, of a flow whose frames follow each other at `pace`.
    fn run(&self, gap: &Gap, pace: Option<i64>, earliest: i64) -> Run {
        let time = |at: Option<usize>| at.and_then(|at| departure(self.seen(at)));
        let arrival = |at: Option<usize>| at.map(|at| self.seen(at).arrival.0.cast_signed());
        let whole = |pace: i64| pace.saturating_mul(i64::from(gap.frames) + 1);
        let (left_before, left_after) = match (time(gap.before), time(gap.after)) {
            (Some(before), Some(after)) => (before, after),
            // Where a neighbour is missing, the flow's own pace stands for it.
            (Some(before), None) => (before, before.saturating_add(whole(pace.unwrap_or(self.last_step())))),
            // Of rounds the first begins with the entry.
            (None, Some(after)) if self.has_rounds() && pace.is_some() => (earliest - pace.unwrap_or(0), after),
            (None, Some(after)) => (after.saturating_sub(whole(pace.unwrap_or(self.first_step()))), after),
            // A flow of which nothing came was lost from the beginning, as far as anyone can tell.
            (None, None) => (earliest, earliest),
        };
        let rests = match (gap.after, pace) {
            (Some(after), Some(pace)) => self.rests(gap, after, left_after - left_before, pace),
            _ => (0, 0),
        };
        Run {
            flow: self.number,
            seq: gap.first,
            frames: gap.frames,
            left_before: left_before.saturating_add(rests.0),
            left_after: left_after.saturating_sub(rests.1),
            came_before: arrival(gap.before),
            came_after: arrival(gap.after),
            rests,
        }
    }

    fn has_rounds(&self) -> bool {
        let flow = self.facts.flow(self.number);
        let entry = flow.and_then(|flow| self.evidence.plan.entries.get(usize::from(flow.entry)));
        entry.is_some_and(|entry| matches!(entry.work, Work::Rounds(_)))
    }

    /// The rests after the frame before a gap and before the frame `after` it: what lies between these beyond the missing frames' own time.
    fn rests(&self, gap: &Gap, after: usize, time: i64, pace: i64) -> (i64, i64) {
        let rest = time - pace.saturating_mul(i64::from(gap.frames) + 1);
        if rest < 2 * pace {
            return (0, 0);
        }
        let (first, last) = (
            gap.before.map(|at| self.seen(at).seq).unwrap_or(gap.first),
            self.seen(after).seq,
        );
        let mut boundaries = Vec::new();
        let mut at = first;
        while boundaries.len() < MESSAGES {
            // The first frame of the next message.
            at += self.same_message(at, last) + 1;
            if at > last {
                break;
            }
            boundaries.push(at);
        }
        if boundaries.is_empty() && gap.before.is_none() {
            // Its first round began later than others'.
            return (rest, 0);
        }
        // Within one message something else held the sender. Of several boundaries each has its share.
        let share = |at: u32| match i64::try_from(boundaries.len()) {
            Ok(all) if boundaries.contains(&at) => rest / all.max(1),
            _ => 0,
        };
        (share(gap.first), share(last))
    }

    fn step(&self, two: Option<&[usize; 2]>) -> i64 {
        let times = two.map(|two| two.map(|at| departure(self.seen(at))));
        match times {
            Some([Some(one), Some(next)]) => (next - one).max(0),
            _ => 0,
        }
    }

    fn first_step(&self) -> i64 {
        self.step(self.order.first_chunk())
    }

    fn last_step(&self) -> i64 {
        self.step(self.order.last_chunk())
    }
}
