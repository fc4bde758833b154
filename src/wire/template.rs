//! Frame templates: a RoCEv2 frame in a copy, a few patches and a few table look-ups.
//!
//! A frame is made of what its pair of workers decides ([`Route`]: addresses), what its kind and
//! length decide ([`Shape`]: lengths, opcode, payload), and what changes from packet to packet.
//! Route and shape have zeros where the other has values, so the header is their OR; the ICRC is
//! the shape's constant XOR what each changing field contributes (see `advance`). The payload is
//! not touched: buffers are filled once with [`filler`] and keep it.
//!
//! A buffer's *mark* says which header it holds and where its last frame ended: a buffer that
//! comes back with the header wanted is patched only.
//!
//! Contract: [`Shape::write`] leaves a complete, valid frame whatever frame the buffer held before,
//! provided the buffer began as `filler` and its mark was kept with it. The cost does not depend
//! on the payload's length.
//!
//! Left out on purpose: making header bytes. They come from the emitters of this folder, once.

mod middle;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::middle::Steps;
pub use self::middle::{MiddleFields, Middles};
use super::advance::Advance;
use super::stamp;
use crate::units::Picos;

/// Bytes at the beginning of a frame that are written anew for every packet: the longest header
/// (two tags, IPv6, RETH, ImmDt: 102 bytes) and a stamp fit.
pub const HEADER_ROOM: usize = 128;

/// The longest frame that [`overwrite`] puts into a buffer.
pub const OTHER_ROOM: usize = 192;

/// Bytes that a frame buffer must have beyond the longest frame: a mark's span may reach over it.
pub const BUFFER_SLACK: usize = 8;

/// What stands in byte `offset` of every frame's payload: fixed by its place in the frame, so that
/// buffers are filled once. Pseudo-random, for links whose coding dislikes long runs.
#[must_use]
pub fn filler(len: usize) -> Vec<u8> {
    let mut state = 0x243f_6a88_85a3_08d3_u64;
    (0..len)
        .map(|_| {
            // xorshift64 (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}

/// Where the headers of a frame stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// IP header.
    pub l3: usize,
    /// Whether it is IPv6.
    pub ipv6: bool,
    /// RETH, if there is one.
    pub reth: Option<usize>,
    /// ImmDt, if there is one.
    pub immdt: Option<usize>,
    /// Payload.
    pub payload: usize,
}

impl Layout {
    /// The layout of a frame with so many VLAN tags and these headers.
    #[must_use]
    pub fn new(tags: usize, ipv6: bool, reth: bool, immdt: bool) -> Layout {
        let l3 = 14 + 4 * tags;
        let extensions = l3 + if ipv6 { 40 } else { 20 } + 8 + 12;
        let behind_reth = extensions + if reth { 16 } else { 0 };
        Layout {
            l3,
            ipv6,
            reth: reth.then_some(extensions),
            immdt: immdt.then_some(behind_reth),
            payload: behind_reth + if immdt { 4 } else { 0 },
        }
    }

    fn addresses(&self) -> std::ops::Range<usize> {
        if self.ipv6 {
            self.l3 + 8..self.l3 + 40
        } else {
            self.l3 + 12..self.l3 + 20
        }
    }

    fn udp(&self) -> usize {
        self.l3 + if self.ipv6 { 40 } else { 20 }
    }

    fn bth(&self) -> usize {
        self.udp() + 8
    }
}

/// CRC-32 without initial value and final complement.
fn raw_crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    !hasher.finalize()
}

/// A mark's parts: end of the last frame's payload (16 bits, 0 for an untouched buffer), the
/// shape's identity (20 bits), the route's (28 bits). Identities are unique within the process,
/// because buffers wander between the threads of one.
const TRAILER_BITS: u64 = 0xffff;
const SHAPE_SHIFT: u64 = 16;
const ROUTE_SHIFT: u64 = 36;

/// The next identity. One that ran over would only be taken for another after 2^20 shapes and 2^28
/// routes. A run makes thousands; whoever lets buffers serve many runs forgets the marks between them.
fn identity(counter: &AtomicU64, bits: u64) -> u64 {
    (counter.fetch_add(1, Ordering::Relaxed) % ((1 << bits) - 1)) + 1
}

/// The mark of a buffer whose header was overwritten by something else.
#[must_use]
pub const fn forget_header(mark: u64) -> u64 {
    mark & TRAILER_BITS
}

/// In place of a frame's end: something longer than a header was written over the buffer's beginning.
const OVERWRITTEN: u64 = TRAILER_BITS;

/// Whether a buffer of this mark holds a frame that no template made and that is longer than [`HEADER_ROOM`].
#[inline]
#[must_use]
pub const fn is_overwritten(mark: u64) -> bool {
    mark & TRAILER_BITS == OVERWRITTEN
}

/// Writes a whole frame that no template made, at most [`OTHER_ROOM`] bytes, into a buffer that templates use too. Its
/// mark forgets the header, and payload that the frame covers is put back by whoever takes the buffer next.
///
/// # Panics
/// On a frame longer than the buffer.
pub fn overwrite(buffer: Buffer<'_>, frame: &[u8]) {
    let Buffer { bytes, mark, clean } = buffer;
    *mark = forget_header(*mark);
    if frame.len() > HEADER_ROOM {
        restore(bytes, *mark, clean);
        *mark = OVERWRITTEN;
    }
    bytes[..frame.len()].copy_from_slice(frame);
}

/// The addresses of a pair of workers: MAC and IP, zeros elsewhere.
#[derive(Debug)]
pub struct Route {
    identity: u64,
    bytes: [u8; HEADER_ROOM],
    /// One's complement sum of its part of the IPv4 header.
    sum: u32,
    layout: Layout,
}

/// Sum of the 16-bit words of an IPv4 header, not folded.
fn word_sum(header: &[u8]) -> u32 {
    header
        .chunks_exact(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum()
}

impl Route {
    /// The route whose addresses stand in `header`, a frame's bytes laid out as `layout`.
    #[must_use]
    pub fn new(header: &[u8], layout: Layout) -> Route {
        let mut bytes = [0; HEADER_ROOM];
        for range in [0..12, layout.addresses()] {
            bytes[range.clone()].copy_from_slice(&header[range]);
        }
        let sum = if layout.ipv6 {
            0
        } else {
            word_sum(&bytes[layout.l3..layout.l3 + 20])
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Route {
            identity: identity(&NEXT, 28) << ROUTE_SHIFT,
            bytes,
            sum,
            layout,
        }
    }

    /// CRC register of a flow on this route: what its addresses, source port and QPN leave behind
    /// at the end of the BTH.
    #[must_use]
    pub fn register(&self, source_port: u16, qpn: u32) -> u32 {
        let mut bytes = self.bytes;
        let bth = self.layout.bth();
        bytes[self.layout.udp()..][..2].copy_from_slice(&source_port.to_be_bytes());
        bytes[bth + 5..bth + 8].copy_from_slice(&qpn.to_be_bytes()[1..]);
        raw_crc(&bytes[self.layout.l3..bth + 12])
    }
}

/// How `register` of [`Route::register`] changes with the source port, without its other bytes.
#[derive(Debug)]
pub struct PortChange(Arc<Advance>);

impl PortChange {
    /// The map for every layout: the source port is always 20 bytes before the end of the BTH.
    #[must_use]
    pub fn new() -> PortChange {
        PortChange(Advance::by(20))
    }

    /// What to XOR into a register when the source port changes.
    #[inline]
    #[must_use]
    pub fn between(&self, old: u16, new: u16) -> u32 {
        let [high, low] = (old ^ new).to_be_bytes();
        self.0.contribution([high, low, 0, 0])
    }
}

impl Default for PortChange {
    fn default() -> Self {
        PortChange::new()
    }
}

/// A buffer to write a frame into.
#[derive(Debug)]
pub struct Buffer<'a> {
    /// Its bytes: the longest frame and [`BUFFER_SLACK`] at least.
    pub bytes: &'a mut [u8],
    /// Its mark: 0 while it is untouched filler, and [`forget_header`] of itself when something
    /// else was written over its header.
    pub mark: &'a mut u64,
    /// A filler as long as the buffer.
    pub clean: &'a [u8],
}

/// What a packet's message decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFields {
    /// Number, for the stamp.
    pub number: u32,
    /// The word behind the BTH and RETH, where there is one: immediate data, or a READ response's AETH.
    pub word: u32,
    /// RETH virtual address.
    pub va: u64,
    /// RETH DMA length: of the whole message (IBTA Vol 1, 9.3.3).
    pub dma_len: u32,
}

/// What changes from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketFields {
    /// Destination QPN.
    pub qpn: u32,
    /// UDP source port.
    pub source_port: u16,
    /// Sequence number; the low 24 bits are the PSN.
    pub seq: u64,
    /// AckReq.
    pub ack_req: bool,
    /// Departure.
    pub departure: Picos,
}

/// The changing part of a stamp.
#[derive(Debug)]
struct StampMaps {
    at: usize,
    number: Arc<Advance>,
    seq_high: Arc<Advance>,
    seq_low: Arc<Advance>,
    departure_high: Arc<Advance>,
    departure_low: Arc<Advance>,
    /// The last departure and its contribution: frames of one burst leave at one time.
    last: (u64, u32),
}

impl StampMaps {
    /// What a departure contributes to the ICRC.
    #[inline]
    fn departure(&mut self, departure: Picos) -> u32 {
        if self.last.0 != departure.0 {
            let [a, b, c, d, e, f, g, h] = departure.0.to_be_bytes();
            let contribution =
                self.departure_high.contribution([a, b, c, d]) ^ self.departure_low.contribution([e, f, g, h]);
            self.last = (departure.0, contribution);
        }
        self.last.1
    }
}

/// A kind of frame: one opcode, one payload length, one set of constant fields.
#[derive(Debug)]
pub struct Shape {
    /// Its identity and the end of its payload: a mark but for the route.
    mark: u64,
    bytes: [u8; HEADER_ROOM],
    layout: Layout,
    frame_len: usize,
    pad: usize,
    sum: u32,
    /// ICRC of the frame with all that varies zero.
    constant: u32,
    /// From the end of the BTH to the end of what the ICRC covers.
    rest: Arc<Advance>,
    /// PSN, and the low three bytes of the stamp's sequence number, in one.
    psn: [[u32; 256]; 3],
    /// From a sequence number to the next.
    steps: Steps,
    ack_req: u32,
    va: Option<[Arc<Advance>; 2]>,
    dma_len: Option<Arc<Advance>>,
    immediate: Option<Arc<Advance>>,
    stamp: Option<StampMaps>,
}

impl Shape {
    /// The shape of frames like `header` (emitted headers up to the payload, laid out as `layout`,
    /// lengths and opcode right, everything that varies arbitrary) with `payload_len` bytes.
    ///
    /// `icrc` computes the ICRC of an IP packet up to its pad, masks applied, and is given the
    /// emitted frame.
    #[must_use]
    pub fn new(
        header: &[u8],
        layout: Layout,
        payload_len: usize,
        magic: stamp::Magic,
        icrc: impl Fn(&[u8]) -> u32,
    ) -> Shape {
        let pad = payload_len.wrapping_neg() & 3;
        let covered = layout.payload + payload_len + pad;
        let mut frame = filler(covered.max(HEADER_ROOM));
        frame[..layout.payload].copy_from_slice(&header[..layout.payload]);
        frame[layout.payload + payload_len..covered].fill(0);
        let bth = layout.bth();
        // Everything that a route or a packet fills in.
        frame[..12].fill(0);
        frame[layout.addresses()].fill(0);
        frame[layout.udp()..layout.udp() + 2].fill(0);
        frame[bth + 5..bth + 12].fill(0);
        if let Some(reth) = layout.reth {
            frame[reth..reth + 8].fill(0);
            frame[reth + 12..reth + 16].fill(0);
        }
        if let Some(immdt) = layout.immdt {
            frame[immdt..immdt + 4].fill(0);
        }
        if !layout.ipv6 {
            frame[layout.l3 + 10..layout.l3 + 12].fill(0);
        }
        let stamped = payload_len >= stamp::LEN;
        if stamped {
            frame[layout.payload..layout.payload + stamp::LEN].fill(0);
            frame[layout.payload..layout.payload + 4].copy_from_slice(&magic.bytes());
        }
        let constant = icrc(&frame[layout.l3..covered]);
        // The map for a word is that for the bytes behind it, and its own four.
        let word = |at: usize| Advance::by(u32::try_from(covered - at).unwrap_or(u32::MAX));
        let stamp = stamped.then(|| StampMaps {
            at: layout.payload,
            number: word(layout.payload + stamp::at::NUMBER),
            seq_high: word(layout.payload + stamp::at::SEQUENCE),
            seq_low: word(layout.payload + stamp::at::SEQUENCE + 4),
            departure_high: word(layout.payload + stamp::at::DEPARTURE),
            departure_low: word(layout.payload + stamp::at::DEPARTURE + 4),
            last: (0, 0),
        });
        let psn_word = word(bth + 8);
        let psn = std::array::from_fn(|byte| {
            let twin = stamp.as_ref().map(|stamp| stamp.seq_low.table(byte + 1));
            std::array::from_fn(|value| psn_word.table(byte + 1)[value] ^ twin.map_or(0, |twin| twin[value]))
        });
        let steps = Steps::new(|bits| sequence(&psn, stamp.as_ref(), bits));
        let mut bytes = [0; HEADER_ROOM];
        bytes.copy_from_slice(&frame[..HEADER_ROOM]);
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Shape {
            mark: (covered - pad) as u64 | identity(&NEXT, 20) << SHAPE_SHIFT,
            sum: if layout.ipv6 {
                0
            } else {
                word_sum(&bytes[layout.l3..layout.l3 + 20])
            },
            bytes,
            layout,
            frame_len: covered + 4,
            pad,
            constant,
            rest: Advance::by(u32::try_from(covered - bth - 12).unwrap_or(u32::MAX)),
            psn,
            steps,
            ack_req: psn_word.contribution([0x80, 0, 0, 0]),
            va: layout.reth.map(|at| [word(at), word(at + 4)]),
            dma_len: layout.reth.map(|at| word(at + 12)),
            immediate: layout.immdt.map(word),
            stamp,
        }
    }

    /// Bytes of the frame without FCS.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// The ICRC of packet `seq` but for what AckReq and departure contribute.
    #[inline]
    #[must_use]
    pub fn base(&self, register: u32, message: &MessageFields, seq: u64) -> u32 {
        let mut crc = self.constant ^ self.rest.apply(register);
        if let Some([high, low]) = &self.va {
            let [a, b, c, d, e, f, g, h] = message.va.to_be_bytes();
            crc ^= high.contribution([a, b, c, d]) ^ low.contribution([e, f, g, h]);
        }
        if let Some(map) = &self.dma_len {
            crc ^= map.contribution(message.dma_len.to_be_bytes());
        }
        if let Some(map) = &self.immediate {
            crc ^= map.contribution(message.word.to_be_bytes());
        }
        if let Some(stamp) = &self.stamp {
            crc ^= stamp.number.contribution(message.number.to_be_bytes());
        }
        crc ^ sequence(&self.psn, self.stamp.as_ref(), seq)
    }

    /// What to XOR into [`Shape::base`] of packet `seq` for that of the next packet of its message.
    #[inline]
    #[must_use]
    pub fn step(&self, seq: u64) -> u32 {
        self.steps.after(seq)
    }

    /// Writes the frame into `buffer` and returns its length. `base` is that of [`Shape::base`] for
    /// the same packet.
    #[inline]
    pub fn write(
        &mut self,
        route: &Route,
        message: &MessageFields,
        packet: &PacketFields,
        base: u32,
        buffer: Buffer<'_>,
    ) -> usize {
        let frame = self.claim(route, buffer);
        let covered = self.frame_len - 4;
        let udp = self.layout.udp();
        let bth = udp + 8;
        let Some(header) = frame.first_chunk_mut::<HEADER_ROOM>() else {
            return 0;
        };
        header[udp..udp + 2].copy_from_slice(&packet.source_port.to_be_bytes());
        // resv8a is zero: FECN and BECN are the network's to set. One store for QPN, one for PSN.
        header[bth + 4..bth + 8].copy_from_slice(&packet.qpn.to_be_bytes());
        let [.., s3, s2, s1, s0] = packet.seq.to_be_bytes();
        let _ = s3;
        header[bth + 8..bth + 12].copy_from_slice(&[u8::from(packet.ack_req) << 7, s2, s1, s0]);
        let mut crc = base ^ if packet.ack_req { self.ack_req } else { 0 };
        if let Some(reth) = self.layout.reth {
            header[reth..reth + 8].copy_from_slice(&message.va.to_be_bytes());
            header[reth + 12..reth + 16].copy_from_slice(&message.dma_len.to_be_bytes());
        }
        if let Some(immdt) = self.layout.immdt {
            header[immdt..immdt + 4].copy_from_slice(&message.word.to_be_bytes());
        }
        if let Some(stamp) = &mut self.stamp {
            let out = &mut header[stamp.at + stamp::at::NUMBER..stamp.at + stamp::LEN];
            out[..4].copy_from_slice(&message.number.to_be_bytes());
            out[4..12].copy_from_slice(&packet.seq.to_be_bytes());
            out[12..].copy_from_slice(&packet.departure.0.to_be_bytes());
            crc ^= stamp.departure(packet.departure);
        }
        let tail = &mut frame[covered - self.pad..];
        if self.pad != 0 {
            tail[..self.pad].fill(0);
        }
        // The value goes out least significant byte first (RULES.md "ICRC").
        tail[self.pad..self.pad + 4].copy_from_slice(&crc.to_le_bytes());
        self.frame_len
    }
}

impl Shape {
    /// Makes `buffer` one that holds this header, if it was not, and returns its bytes.
    #[inline]
    fn claim<'a>(&self, route: &Route, buffer: Buffer<'a>) -> &'a mut [u8] {
        let Buffer { bytes, mark, clean } = buffer;
        let wanted = self.mark | route.identity;
        if *mark != wanted {
            self.write_header(route, bytes, *mark, clean);
            *mark = wanted;
        }
        bytes
    }

    /// Writes all of the header that neither flow nor packet decides, after restoring what another
    /// frame left where this one has payload.
    fn write_header(&self, route: &Route, frame: &mut [u8], mark: u64, clean: &[u8]) {
        if mark & TRAILER_BITS != self.mark & TRAILER_BITS {
            restore(frame, mark & TRAILER_BITS, clean);
        }
        let Some(header) = frame.first_chunk_mut::<HEADER_ROOM>() else {
            return;
        };
        for ((out, own), route) in header.iter_mut().zip(&self.bytes).zip(&route.bytes) {
            *out = own | route;
        }
        if !self.layout.ipv6 {
            let at = self.layout.l3 + 10;
            header[at..at + 2].copy_from_slice(&checksum(self.sum + route.sum).to_be_bytes());
        }
    }
}

/// What the sequence number contributes to the ICRC: as PSN, and in the stamp where there is one.
#[inline]
fn sequence(psn: &[[u32; 256]; 3], stamp: Option<&StampMaps>, seq: u64) -> u32 {
    let [a, b, c, d, e, s2, s1, s0] = seq.to_be_bytes();
    let mut crc = psn[0][usize::from(s2)] ^ psn[1][usize::from(s1)] ^ psn[2][usize::from(s0)];
    if let Some(stamp) = stamp
        && seq >> 24 != 0
    {
        crc ^= stamp.seq_high.contribution([a, b, c, d]) ^ stamp.seq_low.contribution([e, 0, 0, 0]);
    }
    crc
}

/// Puts the filler back where `mark` says that a frame's pad and ICRC stood, or another frame's bytes.
#[cold]
fn restore(frame: &mut [u8], mark: u64, clean: &[u8]) {
    let at = usize::try_from(mark).unwrap_or(usize::MAX);
    let dirty = match mark {
        0 => return,
        OVERWRITTEN => HEADER_ROOM..OTHER_ROOM.min(clean.len()),
        _ => at..at + BUFFER_SLACK,
    };
    if let (Some(dirty), Some(clean)) = (frame.get_mut(dirty.clone()), clean.get(dirty)) {
        dirty.copy_from_slice(clean);
    }
}

/// Folds a sum of 16-bit words and complements it (RFC 1071).
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "folded to 16 bits")]
fn checksum(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}
