//! Sample data for trying the product: days of trade, made by the real engine and the real codec against the sandbox played in
//! this process, only with a clock of its own. The journal that comes out is like any other.

use std::{collections::VecDeque, fs::OpenOptions, io::Write, path::Path};

use anyhow::{Context, bail};
use guitai_core::{
    acquirer::{Acquirer, Call, Reply, Request},
    ids::{AccountId, OrderNo},
    money::Fen,
    payment::State,
    people::{Approval, Idempotency},
    secret::PaymentCode,
    time::{Now, Ticks, UtcMs},
};
use guitai_sandbox::{Outcome, Sandbox, book::Book, credentials::Credentials};
use guitai_store::Journal;
use guitai_till::{Cashier, ChargeRequest, Command, Engine, Output, Pays, ReturnRequest, Setup};

use crate::{clock::wall, config::Config, data_folder::DataFolder, mend};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Sales begin at 08:00 and end by 21:00 Beijing time.
const OPENING_MS: i64 = 8 * 3600 * 1000;
const TRADING_MS: i64 = 13 * 3600 * 1000;

/// Beijing is 8 hours ahead of UTC.
const BEIJING_MS: i64 = 8 * 3600 * 1000;

/// What a pharmacy's customers pay, in fen. The last two digits decide how the sandbox answers: most are paid at once, some after
/// a password, some refused for want of money, some with a coupon.
const AMOUNTS_FEN: [u64; 24] = [
    990, 1250, 1880, 2350, 2680, 2990, 3300, 3550, 3890, 4200, 4580, 4990, 5680, 6500, 7280, 8850, 9900, 12_800,
    15_690, 26_800, 4502, 3602, 2809, 5822,
];

/// How much trade.
pub(crate) struct Extent {
    pub(crate) days: u32,
    pub(crate) payments: u32,
}

/// Writes the sample trade of one store; the node and the sandbox must not be running.
pub(crate) fn write(
    config: &Config,
    sandbox_data: &Path,
    cashiers: &[AccountId],
    extent: &Extent,
) -> anyhow::Result<u64> {
    let folder = DataFolder::open(&config.data)?;
    let _lock = folder.lock()?;
    let enrolment = folder.enrolled()?;
    let (id, issuer) = (enrolment.journal()?, enrolment.issuer()?);
    if cashiers.is_empty() {
        bail!("--cashiers: name at least one account");
    }
    let now = wall();
    let first = UtcMs(now.0 - i64::from(extent.days) * DAY_MS);
    let journal = Journal::open(&folder.journal()?, id, issuer, folder.identity()?, enrolment.after(), first)
        .map_err(mend::failure)?;
    let setup = Setup {
        journal,
        issuer,
        acquirer: config.acquirer_kind(),
        clock: config.clock.clone(),
        code_key: folder.code_key()?,
        subject: enrolment.store_name.clone(),
        last_offset_ms: None,
        bar: None,
        awaits_hub: false,
    };
    let keys =
        std::fs::read(sandbox_data.join("keys.json")).context("--sandbox: keys.json of a sandbox that ran once")?;
    let credentials: Credentials = serde_json::from_slice(&keys)?;
    let seed = u64::from(issuer.get()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut trade = Trade {
        engine: Engine::resume(setup, Now::vouched(first, Ticks(0)))?,
        acquirer: config.acquirer()?,
        sandbox: Sandbox::new(&credentials, Book::default()).map_err(|error| anyhow::anyhow!("{error}"))?,
        base_path: config.acquirer_base.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}")),
        first,
        now: Now::vouched(first, Ticks(0)),
        calls: VecDeque::new(),
        ended: VecDeque::new(),
        dice: Dice(seed),
        requests: 0,
    };
    for at in openings(now, extent, &mut trade.dice) {
        trade.wait_until(at)?;
        trade.sale(config, cashiers)?;
    }
    trade.wait_until(now)?;
    append_book(&sandbox_data.join("book.jsonl"), trade.sandbox.book())?;
    Ok(trade.requests)
}

/// When customers come: spread over the opening hours of each day, none in the future.
fn openings(now: UtcMs, extent: &Extent, dice: &mut Dice) -> Vec<UtcMs> {
    let today = (now.0 + BEIJING_MS) / DAY_MS * DAY_MS - BEIJING_MS;
    let days = i64::from(extent.days.max(1));
    let mut moments: Vec<UtcMs> = (0..extent.payments)
        .map(|_| {
            let day = today - dice.below(days) * DAY_MS;
            let at = day + OPENING_MS + dice.below(TRADING_MS);
            // What would lie ahead today belongs to yesterday.
            UtcMs(if at < now.0 - 120_000 { at } else { at - DAY_MS })
        })
        .collect();
    moments.sort_unstable();
    moments
}

struct Trade {
    engine: Engine,
    acquirer: Acquirer,
    sandbox: Sandbox,
    base_path: String,
    first: UtcMs,
    now: Now,
    calls: VecDeque<Call>,
    ended: VecDeque<(OrderNo, State)>,
    dice: Dice,
    requests: u64,
}

impl Trade {
    fn sale(&mut self, config: &Config, cashiers: &[AccountId]) -> anyhow::Result<()> {
        let tills: Vec<_> = config.tills.iter().filter(|(_, till)| till.terminal.is_some()).collect();
        let (till, registered) = *self.dice.pick(&tills).context("no [[till]] has a termno")?;
        let terminal = registered.terminal.clone().context("no [[till]] has a termno")?;
        let cashier = self.dice.pick(cashiers).context("--cashiers")?.clone();
        let amount = Fen::new(*self.dice.pick(&AMOUNTS_FEN).context("amounts")?);
        let prefix = *self.dice.pick(&["13", "13", "13", "28", "28", "62"]).context("prefixes")?;
        let digits = if prefix == "62" { 17 } else { 16 };
        let code: String = (0..digits).map(|_| self.dice.digit()).collect();
        let code = PaymentCode::parse(&format!("{prefix}{code}")).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let idempotency = self.request(&cashier);
        let request = ChargeRequest {
            amount,
            code,
            till: till.clone(),
            cashier: Cashier::Present(cashier.clone()),
            terminal,
            bill: Pays::Itself,
            remark: None,
            idempotency,
        };
        self.handle(Command::Charge(request, Box::new(drop)))?;
        self.settle()?;
        while let Some((order_no, state)) = self.ended.pop_front() {
            if state == State::Paid && self.dice.below(40) == 0 {
                self.give_back(order_no, till.clone(), cashier.clone(), amount)?;
            }
        }
        Ok(())
    }

    /// Some customers bring things back: half of them all, half a part.
    fn give_back(
        &mut self,
        order_no: OrderNo,
        till: guitai_core::ids::TillId,
        cashier: AccountId,
        amount: Fen,
    ) -> anyhow::Result<()> {
        self.now.wall.0 += 90_000;
        self.now.up = self.now.up.after_ms(90_000);
        let approver = AccountId::parse("01").ok();
        let approval = Approval { by: format!("person:{cashier}"), approver, idempotency: self.request(&cashier) };
        let request = ReturnRequest { order_no, till, cashier, approval, reason: None };
        let command = if self.dice.below(2) == 0 {
            Command::Void(request, Box::new(drop))
        } else {
            Command::Refund(request, Fen::new(amount.get() / 200 * 100 + 30), Box::new(drop))
        };
        self.handle(command)?;
        self.settle()
    }

    fn request(&mut self, cashier: &AccountId) -> Idempotency {
        self.requests += 1;
        let key = format!("sample-{:08}", self.requests);
        Idempotency { caller: format!("person:{cashier}"), key, body_hash: [0; 32] }
    }

    fn handle(&mut self, command: Command) -> anyhow::Result<()> {
        self.engine.handle(self.now, command)?;
        self.commit()
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let (calls, ended) = (&mut self.calls, &mut self.ended);
        self.engine.commit(|output| match output {
            Output::Call(call) => calls.push_back(call),
            Output::Committed { changed, .. } => {
                let changed = changed.into_iter().filter(|changed| changed.state.is_final());
                ended.extend(changed.map(|changed| (changed.order_no, changed.state)));
            }
        })?;
        Ok(())
    }

    /// Answers every call, each a second after it was sent.
    fn settle(&mut self) -> anyhow::Result<()> {
        while let Some(call) = self.calls.pop_front() {
            let question = call.question();
            let request = self.acquirer.encode(&call, &self.dice.text());
            self.pass(1_000);
            let reply = self.ask(&request);
            let answer = self.acquirer.decode(&question, &reply);
            self.handle(Command::Answered(question.order_no(), answer, reply.date()))?;
        }
        Ok(())
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let random = self.dice.bytes();
        let path = format!("{}{}", self.base_path, request.path);
        match self.sandbox.handle(self.now.wall, &path, request.body.expose().as_bytes(), random) {
            Outcome::Answer(answer) => {
                Reply::Http { status: answer.status, date: Some(self.now.wall), body: answer.body }
            }
            Outcome::CutShort(_) | Outcome::Silent => Reply::NoAnswer { detail: "no answer".into() },
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now.up = self.now.up.after_ms(ms);
        self.now.wall.0 += i64::try_from(ms).unwrap_or(0);
    }

    /// Lets the engine's own waits run until then.
    fn wait_until(&mut self, at: UtcMs) -> anyhow::Result<()> {
        let target = Ticks(u64::try_from(at.0.saturating_sub(self.first.0)).unwrap_or(0)).max(self.now.up);
        while let Some(wake) = self.engine.next_wake().filter(|wake| *wake <= target) {
            let passed = wake.0.saturating_sub(self.now.up.0);
            self.pass(passed);
            self.engine.due(self.now)?;
            self.commit()?;
            self.settle()?;
        }
        let rest = target.0.saturating_sub(self.now.up.0);
        self.pass(rest);
        self.ended.clear();
        Ok(())
    }
}

fn append_book(path: &Path, book: &mut Book) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for entry in book.take_changes() {
        writeln!(file, "{}", serde_json::to_string(&entry)?)?;
    }
    Ok(file.sync_all()?)
}

/// Chance with a seed (xorshift64*), so that the same store always has the same trade.
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: i64) -> i64 {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        i64::try_from((self.next() >> 11) % limit).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(i64::try_from(from.len()).ok()?);
        from.get(usize::try_from(at).ok()?)
    }

    fn digit(&mut self) -> char {
        char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))
    }

    fn bytes(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }

    fn text(&mut self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
