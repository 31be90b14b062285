//! Every bound of a document, with its sum.

use guitai_core::limits::FRAME_MAX_BYTES;

/// Longest title: two lines of the cashier's page.
pub const TITLE_MAX_CHARS: usize = 100;

/// Longest body: about two printed pages of hanzi.
pub const BODY_MAX_CHARS: usize = 4_000;

/// Announcements of one document, withdrawn ones included: nearly four a week for a year, then the document is rolled over.
pub const ANNOUNCEMENTS_MAX: usize = 200;

/// Longest id of an announcement: a UUID has 36.
pub const ANNOUNCEMENT_ID_MAX_BYTES: usize = 64;

/// Changes of one document. 200 announcements, each published, edited or withdrawn up to 9 times and read by 90 people, make
/// 20,000.
pub const CHANGES_MAX: u64 = 20_000;

/// Changes a received message may bring a document to: both sides at [`CHANGES_MAX`] while apart must still merge.
pub const MERGED_CHANGES_MAX: u64 = 2 * CHANGES_MAX;

/// One sync message: a frame less 4 KiB for the frame's head.
pub const MESSAGE_MAX_BYTES: usize = FRAME_MAX_BYTES - 4 * 1024;

/// Operations of one change: an edit that takes a whole text away and writes another, and its map's entries. A letter is an
/// operation.
pub const CHANGE_OPS_MAX: u64 = 10_000;

/// Operations of one document, what a message brings included: half its announcements at their full length. They take some 200 MB
/// while they are read.
pub const OPS_MAX: u64 = 400_000;

/// Bytes that the deflated parts of one message may come to: a letter of an operation takes at most some ten.
pub const INFLATED_MAX_BYTES: usize = 4 * 1024 * 1024;
