//! Frames as bytes: a length (u32, big-endian), then the frame in canonical CBOR.
//!
//! A frame is taken only if it is byte for byte what this code would write: so long integers, duplicate or unknown fields and
//! trailing bytes are refused in one rule. Sizes are checked before anything is decoded.

use alloc::vec::Vec;
use core::fmt;

use super::frame::{FactRecord, Frame};
use crate::limits::{FRAME_MAX_BYTES, HELLO_MAX_BYTES};

/// Bytes of the length in front of a frame.
const LENGTH_BYTES: usize = 4;

impl Frame {
    /// The frame as it goes over the wire, with its length in front.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let mut wire = alloc::vec![0; LENGTH_BYTES];
        minicbor::encode(self, &mut wire).expect("writing to a Vec cannot fail");
        let length = u32::try_from(wire.len() - LENGTH_BYTES).expect("a frame is far below 4 GiB");
        wire.splice(..LENGTH_BYTES, length.to_be_bytes());
        wire
    }

    /// Reads a frame's bytes without its length.
    ///
    /// # Errors
    /// `Malformed` if the bytes are not exactly what [`Frame::to_wire`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrameError> {
        let frame: Self = minicbor::decode(bytes).map_err(|_| FrameError::Malformed)?;
        if frame.to_wire().get(LENGTH_BYTES..) != Some(bytes) {
            return Err(FrameError::Malformed);
        }
        Ok(frame)
    }

    /// About how many bytes it takes on the wire: what has no bound of its own is counted, the rest is rounded up.
    pub(super) fn weight(&self) -> usize {
        const HEAD: usize = 256;
        const BODY_HEAD: usize = 5;
        HEAD + match self {
            Self::Chunk(chunk) => {
                let bodies: usize = chunk.bodies.iter().map(|body| body.len() + BODY_HEAD).sum();
                bodies + chunk.records.iter().map(FactRecord::weight).sum::<usize>()
            }
            Self::DocMessage(message) => message.doc.len() + message.bytes.len(),
            Self::Hello(_)
            | Self::HelloAnswer(_)
            | Self::Enrol(_)
            | Self::Enrolled(_)
            | Self::EnrolRefused(_)
            | Self::Have(_)
            | Self::Want(_)
            | Self::Ack(_)
            | Self::DocDigest(_)
            | Self::Status(_)
            | Self::Recall(_)
            | Self::Bye(_) => 0,
        }
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than allowed at this point.
    TooLong {
        /// What its length says.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Not what this code would have written.
    Malformed,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, limit } => write!(f, "a frame of {length} bytes where {limit} are allowed"),
            Self::Malformed => f.write_str("not a frame in canonical form"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    limit: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self { buffer: Vec::new(), limit: HELLO_MAX_BYTES - LENGTH_BYTES }
    }
}

impl FrameReader {
    /// From now on frames may have their full size; before, a stranger may send [`HELLO_MAX_BYTES`].
    pub const fn hello_accepted(&mut self) {
        self.limit = FRAME_MAX_BYTES;
    }

    /// Takes bytes in. Call [`FrameReader::next_frame`] until it has no more, so that the buffer stays small.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    /// The stream is of no use after an error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(head) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(FrameError::TooLong { length, limit: self.limit });
        }
        let Some(bytes) = self.buffer.get(LENGTH_BYTES..LENGTH_BYTES + length) else { return Ok(None) };
        let frame = Frame::from_bytes(bytes)?;
        self.buffer.drain(..LENGTH_BYTES + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use ed25519_dalek::SigningKey;

    use super::{
        super::frame::{
            Ack, Bye, ByeReason, Chunk, DocDigest, DocMessage, Enrol, EnrolRefusal, EnrolRefused, Enrolled, Have,
            Hello, HelloAnswer, Recall, Status, Verdict, Want, Word,
        },
        *,
    };
    use crate::{
        ids::{FactNo, Issuer, Numbering, StoreId, Writer},
        journal::{chain::Seal, epoch::Point, text::Record},
        time::{DayRule, UtcMs},
        trust::{Grant, InForce, Instance, RosterEntry},
    };

    fn samples() -> Vec<Frame> {
        let no = FactNo { epoch: 1, number: 300 };
        let seal = Seal::from_parts(no, [7; 32], [8; 64]);
        let store = StoreId::parse("S001").expect("a name");
        let record = FactRecord { number: 300, record: Record::from_parts(2, [6; 16], "少一个袋子".into()) };
        let hosted = Writer::Hosted(Issuer::new(90_001).expect("in range"));
        let (hub, issuer) = (SigningKey::from_bytes(&[6; 32]), Issuer::new(7).expect("in range"));
        let grant = Grant::sign(&hub, store.clone(), issuer, [1; 32], 3);
        let in_force = InForce { key: [1; 32], issuer };
        let entry = RosterEntry::sign(&hub, store.clone(), 4, Some(in_force), UtcMs(5));
        let last_no = Some(Numbering::resume(issuer, None).next(UtcMs(1_767_579_072_000)));
        let word = Word { entry: Some(entry.clone()), last_no, address: Some("hub:9443".into()) };
        alloc::vec![
            Hello {
                version: 1,
                key: [1; 32],
                store: Some(store),
                app_version: "0.1.0".into(),
                nonce: [2; 32],
                instance: Instance { process: [4; 16], folder: [5; 16] },
                grant: Some(Box::new(grant.clone())),
                entry: Some(Box::new(entry.clone())),
                earlier: alloc::vec![grant.clone()],
                signature: [3; 64]
            }
            .into(),
            HelloAnswer {
                version: 1,
                verdict: Verdict::EnrolOnly,
                app_version: "x".into(),
                word,
                time: Some(UtcMs(1)),
                signature: [3; 64]
            }
            .into(),
            Enrol { code_id: [1; 8], proof: [2; 32] }.into(),
            Enrolled { store_name: "一号店".into(), grant, held: Some(Point::new(no, [6; 32])) }.into(),
            EnrolRefused { reason: EnrolRefusal::Used }.into(),
            Have { writer: Writer::Hub, head: None }.into(),
            Want { writer: Writer::Node, after: Some(seal.clone()) }.into(),
            Chunk {
                writer: hosted,
                first: no,
                bodies: alloc::vec![b"one".to_vec(), Vec::new()],
                seal: Some(seal.clone()),
                records: alloc::vec![record]
            }
            .into(),
            Ack { writer: Writer::Node, upto: no }.into(),
            DocDigest { digest: [9; 32] }.into(),
            DocMessage { doc: "staff".into(), bytes: b"opaque".to_vec() }.into(),
            Status {
                unsent: Some(3),
                oldest_unsent_at: Some(UtcMs(5)),
                app_version: "0.1.0".into(),
                clock_offset_ms: Some(7000),
                day: DayRule::new(480, 360),
            }
            .into(),
            Recall { writer: Writer::Node, known: alloc::vec![Point::new(no, [4; 32])], seal: Some(seal.clone()) }
                .into(),
            Bye { reason: ByeReason::Forked, evidence: Some(seal) }.into(),
        ]
    }

    #[test]
    fn frames_read_back_byte_by_byte() {
        let wire: Vec<u8> = samples().iter().flat_map(Frame::to_wire).collect();
        let mut reader = FrameReader::default();
        let mut got = Vec::new();
        for byte in wire {
            reader.push(&[byte]);
            got.extend(reader.next_frame().expect("good frames"));
        }
        assert_eq!(got, samples());
    }

    #[test]
    fn only_our_own_spelling_is_taken() {
        for frame in samples() {
            let wire = frame.to_wire();
            let bytes = &wire[LENGTH_BYTES..];
            assert_eq!(Frame::from_bytes(bytes), Ok(frame.clone()));
            assert_eq!(Frame::from_bytes(&[bytes, &[0]].concat()), Err(FrameError::Malformed), "trailing byte");
            assert_eq!(Frame::from_bytes(&bytes[..bytes.len() - 1]), Err(FrameError::Malformed), "cut");
        }
        // Ack of the box's journal up to 1-2: well spelled, with its map's key 1 in two bytes, and with an unknown field.
        let ack = [0x82, 0x09, 0xA2, 0x00, 0x82, 0x00, 0x80, 0x01, 0x82, 0x01, 0x02];
        assert!(Frame::from_bytes(&ack).is_ok());
        let long_key = [&ack[..7], &[0x18], &ack[7..]].concat();
        assert_eq!(Frame::from_bytes(&long_key), Err(FrameError::Malformed));
        let unknown = [&[0x82, 0x09, 0xA3], &ack[3..], &[0x09, 0x01]].concat();
        assert_eq!(Frame::from_bytes(&unknown), Err(FrameError::Malformed));
        assert_eq!(Frame::from_bytes(&[0x82, 0x0A, 0xA0]), Err(FrameError::Malformed), "unknown kind");
    }

    #[test]
    fn a_stranger_may_send_little() {
        let mut reader = FrameReader::default();
        reader.push(&5_000_u32.to_be_bytes());
        assert!(matches!(reader.next_frame(), Err(FrameError::TooLong { length: 5_000, .. })));
        reader.hello_accepted();
        assert_eq!(reader.next_frame(), Ok(None));
        let mut reader = FrameReader::default();
        reader.hello_accepted();
        reader.push(&u32::MAX.to_be_bytes());
        assert!(reader.next_frame().is_err());
    }

    #[test]
    fn a_flipped_bit_never_panics() {
        for frame in samples() {
            let wire = frame.to_wire();
            for at in 0..wire.len() * 8 {
                let mut bent = wire.clone();
                bent[at / 8] ^= 1 << (at % 8);
                let mut reader = FrameReader::default();
                reader.push(&bent);
                if let Ok(Some(other)) = reader.next_frame() {
                    assert_ne!(other, frame);
                }
            }
        }
    }

    #[test]
    fn the_longest_hello_is_within_what_a_stranger_may_send() {
        let hub = SigningKey::from_bytes(&[6; 32]);
        let store = StoreId::parse(&"S".repeat(crate::limits::NAME_MAX_CHARS)).expect("a name");
        let issuer = Issuer::new(*crate::limits::ISSUERS_OF_NODES.end()).expect("in range");
        let grant = Grant::sign(&hub, store.clone(), issuer, [0xff; 32], u64::MAX);
        let in_force = Some(InForce { key: [0xff; 32], issuer });
        let hello = Hello {
            version: u16::MAX,
            key: [0xff; 32],
            store: Some(store.clone()),
            app_version: "9".repeat(super::super::contract::APP_VERSION_MAX_BYTES),
            nonce: [0xff; 32],
            instance: Instance { process: [0xff; 16], folder: [0xff; 16] },
            grant: Some(Box::new(grant.clone())),
            entry: Some(Box::new(RosterEntry::sign(&hub, store, u64::MAX, in_force, UtcMs(i64::MAX)))),
            earlier: alloc::vec![grant; crate::limits::EARLIER_GRANTS_MAX],
            signature: [0xff; 64],
        };
        let mut reader = FrameReader::default();
        reader.push(&Frame::from(hello.clone()).to_wire());
        assert_eq!(reader.next_frame(), Ok(Some(hello.into())));
    }
}
