//! What a cashier asks for.

use serde_json::{Map, Value, json};

/// A request to `POST /payments`.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Its `Idempotency-Key`.
    pub key: String,
    body: Map<String, Value>,
}

impl Charge {
    /// Charges `amount_fen` with a payment code and a key that were never used.
    #[must_use]
    pub fn of(amount_fen: u64) -> Self {
        Self::raw(json!({ "amount_fen": amount_fen, "auth_code": payment_code() }))
    }

    /// Any body, such as a wrong one.
    ///
    /// # Panics
    /// The body is no object.
    #[must_use]
    pub fn raw(body: Value) -> Self {
        let Value::Object(body) = body else { panic!("a body is an object: {body}") };
        Self { key: format!("test-{}", random_digits(20)), body }
    }

    /// With this member, in place of an earlier one.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Under this `Idempotency-Key`.
    #[must_use]
    pub fn keyed(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Answered after this long at the latest, in ms.
    #[must_use]
    pub fn wait_ms(self, wait_ms: u64) -> Self {
        self.with("wait_ms", wait_ms)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Value {
        Value::Object(self.body.clone())
    }
}

/// A WeChat payment code nobody has shown before: 18 digits from 13.
#[must_use]
pub fn payment_code() -> String {
    format!("13{}", random_digits(16))
}

/// Random decimal digits.
#[must_use]
pub fn random_digits(count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + u8::try_from(random_below(10)).unwrap_or(0))).collect()
}

/// A random number below `end`.
///
/// # Panics
/// The system has no randomness.
#[must_use]
pub fn random_below(end: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u64::from_be_bytes(bytes) % end.max(1)
}
