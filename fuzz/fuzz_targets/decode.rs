//! The whole of `squall decode` from bytes: as a capture file, and as one frame.

#![no_main]

use libfuzzer_sys::fuzz_target;
use squall::capture::CaptureReader;
use squall::wire::decode::{AckreqRule, Link, decode, decode_with_fcs};
use squall::wire::{Frame, Malformed};

/// Decodes a frame into all that `squall decode` prints.
fn print(link: Link, bytes: &[u8], original_len: usize, fcs_len: usize) {
    for rule in [AckreqRule::Last, AckreqRule::Any] {
        let decoded = decode_with_fcs(link, bytes, original_len, fcs_len, rule);
        let text = (decoded.to_string(), format!("{decoded:#}"));
        assert!(!text.0.is_empty() && !text.1.is_empty());
        serde_json::to_string(&decoded).expect("fields are always JSON");
        serde_json::to_string(&decoded.outer).expect("and so are the layers around them");
    }
}

/// What the receive loop's reader says of a frame, `decode` says too.
fn agree(bytes: &[u8]) {
    let decoded = decode(Link::Ethernet, bytes, bytes.len(), AckreqRule::Any);
    match Frame::parse(bytes) {
        Err(reason) => assert!(decoded.has(reason), "{reason}: {:?}", decoded.faults),
        Ok(Frame::Roce(packet)) => {
            assert_eq!(Some(packet.bth()), decoded.bth);
            assert_eq!(Some(packet.payload().len()), decoded.payload_len);
            assert_eq!(packet.verify_icrc(), !decoded.has(Malformed::Icrc));
            assert_eq!(packet.reth(), decoded.extensions.reth);
            assert_eq!(packet.immdt(), decoded.extensions.immdt);
            assert_eq!(packet.aeth(), decoded.extensions.aeth);
            assert_eq!(packet.deth(), decoded.extensions.deth);
        }
        Ok(Frame::MacControl(_)) => assert!(decoded.mac_control.is_some() || decoded.has(Malformed::PfcFormat)),
        // Encapsulations and extension headers are for `decode` alone.
        Ok(Frame::Other) => assert!(
            !decoded.outer.is_empty()
                || !decoded.extension_headers.is_empty()
                || matches!(
                    decoded.error(),
                    None | Some(Malformed::Truncated | Malformed::Unread)
                )
        ),
    }
}

fuzz_target!(|data: &[u8]| {
    for link in [Link::Ethernet, Link::RawIp, Link::LinuxCooked, Link::LinuxCooked2] {
        print(link, data, data.len(), 0);
        print(link, data, data.len() + 1, 0);
        print(link, data, data.len(), 4);
    }
    agree(data);
    let Ok(mut reader) = CaptureReader::new(data, "fuzz".to_owned()) else {
        return;
    };
    while let Ok(Some(record)) = reader.next_frame() {
        assert!(record.bytes.len() <= data.len());
        if let Some(link) = Link::from_number(record.link) {
            print(link, record.bytes, record.original_len, record.fcs_len);
        }
    }
});
