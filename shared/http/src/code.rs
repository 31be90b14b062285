//! The codes of problems: stable words for programs, each with its status.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:ident,)*) => {
        /// Why a request was not done. The text of a code never changes: programs compare it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    /// The request cannot be read; `field` says where.
    Malformed "malformed" BAD_REQUEST,
    /// Nobody is signed in and no key was given.
    Unauthenticated "unauthenticated" UNAUTHORIZED,
    /// The caller may not do this.
    Forbidden "forbidden" FORBIDDEN,
    /// A page of another site asked for this.
    CrossSite "cross_site" FORBIDDEN,
    /// There is no such thing.
    NotFound "not_found" NOT_FOUND,
    /// The path exists, the method does not.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED,
    /// The body did not arrive in time.
    TooSlow "too_slow" REQUEST_TIMEOUT,
    /// The body is too large.
    TooLarge "too_large" PAYLOAD_TOO_LARGE,
    /// The body is not JSON.
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE,
    /// The Host is none of this server's.
    Misdirected "misdirected" MISDIRECTED_REQUEST,
    /// Unknown account or wrong password.
    WrongPassword "wrong_password" UNAUTHORIZED,
    /// Too many wrong passwords; wait.
    TooManyTries "too_many_tries" TOO_MANY_REQUESTS,
    /// Too much at this moment; wait.
    Busy "busy" TOO_MANY_REQUESTS,
    /// The caller follows as many event streams as it may.
    TooManyStreams "too_many_streams" TOO_MANY_REQUESTS,
    /// The new password is too easy.
    PasswordWeak "password_weak" UNPROCESSABLE_ENTITY,
    /// The account's name is taken.
    AccountExists "account_exists" CONFLICT,
    /// The last administrator who may log in.
    LastAdministrator "last_administrator" CONFLICT,
    /// Another key has this name.
    KeyExists "key_exists" CONFLICT,
    /// Money would move, but `Idempotency-Key` is missing.
    IdempotencyKeyMissing "idempotency_key_missing" BAD_REQUEST,
    /// `Idempotency-Key` is not 8 to 64 visible ASCII characters.
    IdempotencyKeyMalformed "idempotency_key_malformed" BAD_REQUEST,
    /// The key was used for another request.
    IdempotencyConflict "idempotency_conflict" CONFLICT,
    /// The amount is zero.
    AmountZero "amount_zero" UNPROCESSABLE_ENTITY,
    /// The amount is negative.
    AmountNegative "amount_negative" UNPROCESSABLE_ENTITY,
    /// The amount is above the limit.
    AmountOverLimit "amount_over_limit" UNPROCESSABLE_ENTITY,
    /// The amount is not a JSON integer of fen.
    AmountDecimals "amount_decimals" BAD_REQUEST,
    /// The scanned code belongs to goods.
    GoodsCode "goods_code" UNPROCESSABLE_ENTITY,
    /// The scanned code is no payment code.
    NotAPaymentCode "not_a_payment_code" UNPROCESSABLE_ENTITY,
    /// What was scanned is one of our own order numbers.
    OrderNumber "order_number" UNPROCESSABLE_ENTITY,
    /// The payment code was used before.
    PaymentCodeUsed "payment_code_used" UNPROCESSABLE_ENTITY,
    /// There is no such store, or none at all.
    StoreUnknown "store_unknown" UNPROCESSABLE_ENTITY,
    /// There is no such till.
    TillUnknown "till_unknown" UNPROCESSABLE_ENTITY,
    /// The till is not registered with the acquirer.
    TillNotRegistered "till_not_registered" UNPROCESSABLE_ENTITY,
    /// The bill is paid already, or would be overpaid.
    BillCovered "bill_covered" UNPROCESSABLE_ENTITY,
    /// Payments that have not ended hold the bill.
    BillLocked "bill_locked" UNPROCESSABLE_ENTITY,
    /// The bill is on record with another total.
    TotalDiffers "total_differs" CONFLICT,
    /// The total would be below what is paid or in doubt.
    TotalTooLow "total_too_low" UNPROCESSABLE_ENTITY,
    /// The bill's numbers start anew each day and only the caller knows which day is meant.
    BillDayNeeded "bill_day_needed" CONFLICT,
    /// The cashier is no account of this store.
    CashierUnknown "cashier_unknown" UNPROCESSABLE_ENTITY,
    /// The same was said before and is being done.
    SaidAlready "said_already" CONFLICT,
    /// The bill came without its total.
    BillTotalMissing "bill_total_missing" UNPROCESSABLE_ENTITY,
    /// The node takes no payments now.
    NotAccepting "not_accepting" SERVICE_UNAVAILABLE,
    /// The number is not here, and the hub has not said yet whether this journal is whole.
    JournalBehind "journal_behind" SERVICE_UNAVAILABLE,
    /// The payment can no longer be voided.
    NotReversible "not_reversible" CONFLICT,
    /// More than what is left to refund.
    OverRemaining "over_remaining" UNPROCESSABLE_ENTITY,
    /// The approver's password is wrong.
    ApproverWrongPassword "approver_wrong_password" FORBIDDEN,
    /// The approver may not approve this.
    ApproverNotAllowed "approver_not_allowed" FORBIDDEN,
    /// The scan was not used in time.
    ScanExpired "scan_expired" UNPROCESSABLE_ENTITY,
    /// The payment is not decided yet.
    PaymentOpen "payment_open" CONFLICT,
    /// The payment's state does not allow this.
    StateForbids "state_forbids" CONFLICT,
    /// The node belongs to no merchant yet.
    NotEnrolled "not_enrolled" SERVICE_UNAVAILABLE,
    /// A fault of ours.
    Internal "internal" INTERNAL_SERVER_ERROR,
}
