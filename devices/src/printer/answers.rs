//! What printers answer, told apart by the bits that never change (devices.md 2.3): a real-time answer is `0xx1xx10`, an
//! automatic status begins with `0xx1xx00` and goes on with three bytes `0xx0xxxx`, XON and XOFF are `11` and `13`, and the
//! answer to `GS r` is one byte `0xx0xxxx`.

/// `DLE EOT 2`: why are you offline.
pub(super) const WHY_OFFLINE: u8 = 2;

/// `DLE EOT 3`: what is broken.
pub(super) const WHICH_ERROR: u8 = 3;

/// `DLE EOT 4`: how is the roll.
pub(super) const HOW_IS_PAPER: u8 = 4;

/// What a printer says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is wrong.
    Fine,
    /// It prints, and its paper ends soon.
    NearEnd,
    /// No paper.
    PaperOut,
    /// Its cover is open.
    CoverOpen,
    /// Its knife is stuck.
    CutterError,
    /// Another error.
    Error,
}

impl Condition {
    /// Whether it prints.
    #[must_use]
    pub const fn prints(self) -> bool {
        match self {
            Self::Fine | Self::NearEnd => true,
            Self::PaperOut | Self::CoverOpen | Self::CutterError | Self::Error => false,
        }
    }
}

/// What the answer to `DLE EOT 2` says; an error is not told apart yet.
pub(super) const fn offline_cause(answer: u8) -> Condition {
    match answer {
        answer if answer & 0x04 != 0 => Condition::CoverOpen,
        answer if answer & 0x20 != 0 => Condition::PaperOut,
        answer if answer & 0x40 != 0 => Condition::Error,
        _ => Condition::Fine,
    }
}

/// What the answer to `DLE EOT 3` says of an error.
pub(super) const fn error_cause(answer: u8) -> Condition {
    if answer & 0x08 != 0 { Condition::CutterError } else { Condition::Error }
}

/// What the answer to `DLE EOT 4` says of the roll.
pub(super) const fn roll(answer: u8) -> Condition {
    match answer {
        answer if answer & 0x60 != 0 => Condition::PaperOut,
        answer if answer & 0x0c != 0 => Condition::NearEnd,
        _ => Condition::Fine,
    }
}

/// What one answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To `DLE EOT n`.
    Now(u8),
    /// To `GS r 1`: all before it is done, and this is how the paper is.
    Done(Condition),
}

/// Finds answers among the bytes that a printer sends by itself.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Bytes of an automatic status still to come. They look like answers to `GS r` and are none.
    automatic: u8,
}

impl Answers {
    pub(crate) fn read(&mut self, byte: u8) -> Option<Answer> {
        if self.automatic > 0 && byte & 0x90 == 0 {
            self.automatic -= 1;
            return None;
        }
        match byte {
            // It may come between two bytes of an automatic status.
            byte if byte & 0x93 == 0x12 => Some(Answer::Now(byte)),
            byte if byte & 0x93 == 0x10 => {
                self.automatic = 3;
                None
            }
            byte if byte & 0x90 != 0 => None,
            byte if byte & 0x0c != 0 => Some(Answer::Done(Condition::PaperOut)),
            byte if byte & 0x03 != 0 => Some(Answer::Done(Condition::NearEnd)),
            _ => Some(Answer::Done(Condition::Fine)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_what_a_printer_says_by_itself() {
        let done = |condition| Answer::Done(condition);
        let table: &[(&[u8], &[Answer])] = &[
            (&[0x00], &[done(Condition::Fine)]),
            (&[0x03], &[done(Condition::NearEnd)]),
            (&[0x0c], &[done(Condition::PaperOut)]),
            (&[0x0f], &[done(Condition::PaperOut)]),
            (&[0x60], &[done(Condition::Fine)]),
            (&[0x12], &[Answer::Now(0x12)]),
            (&[0x16, 0x72], &[Answer::Now(0x16), Answer::Now(0x72)]),
            (&[0x11, 0x13], &[]),
            (&[0x14, 0x00, 0x00, 0x0f], &[]),
            (&[0x14, 0x00, 0x0c, 0x0f, 0x00], &[done(Condition::Fine)]),
            (&[0x10, 0x00, 0x00, 0x00, 0x12, 0x00], &[Answer::Now(0x12), done(Condition::Fine)]),
            (&[0x14, 0x00, 0x12, 0x0c, 0x11, 0x0f, 0x03], &[Answer::Now(0x12), done(Condition::NearEnd)]),
            (&[0x18, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00], &[done(Condition::Fine)]),
            (&[0x80, 0xff], &[]),
        ];
        for (bytes, expected) in table {
            let mut answers = Answers::default();
            let found: Vec<Answer> = bytes.iter().filter_map(|byte| answers.read(*byte)).collect();
            assert_eq!(found, *expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn causes_are_read_from_their_bits() {
        let table = [
            (0x12, Condition::Fine),
            (0x16, Condition::CoverOpen),
            (0x32, Condition::PaperOut),
            (0x52, Condition::Error),
        ];
        assert_eq!(table.map(|(answer, _)| offline_cause(answer)), table.map(|(_, cause)| cause));
        assert_eq!(
            [0x1a, 0x16, 0x32, 0x52].map(error_cause),
            [Condition::CutterError, Condition::Error, Condition::Error, Condition::Error,]
        );
        let rolls = [0x12, 0x16, 0x1a, 0x1e, 0x72, 0x7e].map(roll);
        let (near, out) = (Condition::NearEnd, Condition::PaperOut);
        assert_eq!(rolls, [Condition::Fine, near, near, near, out, out]);
    }
}
