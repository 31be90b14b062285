//! Every bound of the product, with its sum. A queue, a length or a count without a name here has no business existing.

/// Largest single charge: 500,000.00 yuan. Far above any counter sale, far below the 12 digits acquirers accept.
pub const AMOUNT_MAX_FEN: u64 = 50_000_000;

/// Largest count or number of a fact on the wire: what a signed column holds.
pub const COUNT_MAX: u64 = u64::MAX >> 1;

/// Longest text a scan may hold before it is classified (devices: framing rule).
pub const SCAN_MAX_BYTES: usize = 512;

/// Longest text of an acquirer or of the line that a fact keeps.
pub const FOREIGN_TEXT_MAX_CHARS: usize = 200;

/// Shortest and longest payment code met in the field: 16 to 24 digits, or 35 characters for a face payment.
pub const PAYMENT_CODE_DIGITS: core::ops::RangeInclusive<usize> = 16..=24;

/// Longest identifier a merchant gives a store, a till or an account.
pub const NAME_MAX_CHARS: usize = 32;

/// Longest remark on a payment; Allinpay keeps 160 bytes, 50 hanzi are 150.
pub const REMARK_MAX_CHARS: usize = 50;

/// Longest bill number of a shop's own system.
pub const BILL_NUMBER_MAX_CHARS: usize = 64;

/// Largest bill: a hundred of the largest charges, 50,000,000.00 yuan.
pub const BILL_TOTAL_MAX_FEN: u64 = 100 * AMOUNT_MAX_FEN;

/// `Idempotency-Key`: 8 to 64 visible ASCII characters.
pub const IDEMPOTENCY_KEY_CHARS: core::ops::RangeInclusive<usize> = 8..=64;

/// One fact's stored bytes. A fact with every text at its longest is below 2 KiB.
pub const FACT_MAX_BYTES: usize = 8 * 1024;

/// Longest text that lies in a record beside a fact.
pub const RECORD_TEXT_MAX_CHARS: usize = 200;

/// Texts of one fact. At four bytes a character all of them are 13 KiB.
pub const FACT_TEXTS_MAX: usize = 16;

/// One journal-lane chunk: fact bodies, the records beside them and their last seal (design, the sync core).
pub const CHUNK_MAX_BYTES: usize = 16 * 1024;

/// Places of its own history that a writer names when it asks for what it lost. 66 reach back over any epoch in doubling steps.
pub const RECALL_POINTS_MAX: usize = 80;

/// What a writer takes back at once, in bytes of facts and texts: 150,000 facts, weeks of a busy store.
pub const RECALL_MAX_BYTES: usize = 64 * 1024 * 1024;

/// One frame on the wire: a chunk or a document message with its head.
pub const FRAME_MAX_BYTES: usize = 256 * 1024;

/// Before the hello is answered a peer may send this much.
pub const HELLO_MAX_BYTES: usize = 4 * 1024;

/// Grants of one key that a node shows besides its newest, in a hello: a box let in more often than that is a mistake elsewhere. At
/// 170 bytes each they leave a third of the hello to the rest.
pub const EARLIER_GRANTS_MAX: usize = 15;

/// The hub's address as it is told to nodes: a host name of 253 bytes, a colon, a port.
pub const HUB_ADDRESS_MAX_BYTES: usize = 260;

/// Inputs the engine takes into one commit. At 0.1 ms each the commit waits at most 25 ms for them.
pub const COMMIT_MAX_INPUTS: usize = 256;

/// Requests waiting for the engine at one time: twice the connections that a node holds. At 0.1 ms each and a commit for every
/// [`COMMIT_MAX_INPUTS`] they wait below 0.1 s.
pub const ENGINE_REQUESTS_MAX: usize = 512;

/// Payments not final at one till. A counter has a handful; a chain's busiest store with 64 counters in a dead network, 4,096.
pub const OPEN_PAYMENTS_MAX: usize = 4096;

/// Rows of one page of a list, unless asked.
pub const PAGE_DEFAULT: usize = 50;

/// Rows of one page of a list at most.
pub const PAGE_MAX: usize = 200;

/// Longest a `POST /payments` may wait for a final state, in ms.
pub const WAIT_MAX_MS: u64 = 60_000;

/// How long it waits unless asked, in ms.
pub const WAIT_DEFAULT_MS: u64 = 5_000;

/// An acquirer's answer larger than this is unknown: the largest real one (a promotion's raw data) is about 6 kB.
pub const ACQUIRER_ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Days of order numbers, counted from 2000-01-01: up to 2068-06-11. No number of ours then begins as an Alipay code does (25 to
/// 30), the only wallet whose codes may also have 20 digits.
pub const ORDER_DAYS: core::ops::RangeInclusive<u32> = 1..=24_999;

/// Moments that a hub takes for true, in ms since 1970: up to the last day that an order number can have, in any zone.
pub const FACT_AT_MS: core::ops::Range<i64> = 0..3_106_900_000_000;

/// Issuers of the stores' nodes: 100,000 stores, each with eight boxes in its life.
pub const ISSUERS_OF_NODES: core::ops::RangeInclusive<u32> = 1..=899_999;

/// Issuers of tills hosted at the hub and of standby nodes.
pub const ISSUERS_RESERVED: core::ops::RangeInclusive<u32> = 900_000..=999_999;
