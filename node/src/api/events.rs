//! News as they happen: payments, sync, announcements, scans.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use guitai_core::{
    ids::{FactNo, JournalId},
    limits,
};
use guitai_http::{
    bearer::Principal,
    problem::Problem,
    sse::{Audience, Event, Feed, last_event_id, respond, while_let_in},
};
use guitai_store::query::{self, PaymentRow};

use super::{
    access::CHARGERS,
    payments::{own_only, payment_dto},
};
use crate::app::App;

/// The stream of events. After a break, `Last-Event-ID` brings what was missed.
#[utoipa::path(get, path = "/events", operation_id = "follow_events",
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The id of the last event that was heard: what was missed since then comes first. \
                       One that is no id of this node's counts as none.")),
    responses((status = 200, content_type = "text/event-stream",
        description = "Events by name, each with one JSON object as its data: `NodeEvents` says which. \
                       An event's id goes back as `Last-Event-ID`.")))]
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    who: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seat = app.streams.take(&who)?;
    // The live end is taken first: what happens while the missed is read comes twice rather than never.
    let live = app.events.subscribe();
    let mut replay = match last_event_id(&headers) {
        Some(seen) => missed(&app, seen).await?,
        None => Vec::new(),
    };
    // A code that was read while this page had no line. One that it heard it knows by its token.
    replay.extend(app.scans.offers(app.now().up));
    let alive = while_let_in(Arc::clone(&app), &who);
    let (own, charges) = (own_only(&who), CHARGERS.contain(&who));
    let hears: guitai_http::sse::Hears = Box::new(move |audience| match audience {
        Audience::All => true,
        Audience::Account(account) => own.as_deref().is_none_or(|own| own == &**account),
        Audience::Chargers => charges,
    });
    Ok(respond(Feed { replay, live, stop: app.stop.clone(), alive, hears, seat }))
}

async fn missed(app: &Arc<App>, seen: FactNo) -> Result<Vec<Event>, Problem> {
    let journal = JournalId::node(app.store.clone());
    let (rows, cut) = app
        .read(move |connection| {
            let mut changed = query::changed_after(connection, &journal, seen, limits::PAGE_MAX + 1)?;
            let cut = changed.len() > limits::PAGE_MAX;
            changed.truncate(limits::PAGE_MAX);
            let rows = changed.into_iter().filter_map(|(fact, no)| match query::payment(connection, &no) {
                // A payment is told once, as it stands, at the fact that last changed it.
                Ok(row) => row.filter(|row| row.fact == fact).map(|row| Ok((fact, row))),
                Err(error) => Some(Err(error)),
            });
            Ok((rows.collect::<Result<Vec<_>, _>>()?, cut))
        })
        .await?;
    let mut events: Vec<Event> = rows.iter().map(|(fact, row)| payment_event(row, *fact, app)).collect();
    if cut {
        events.push(Event::resync());
    }
    Ok(events)
}

/// A payment's news, for its cashier and those who see everybody's.
pub(crate) fn payment_event(row: &PaymentRow, fact: FactNo, app: &App) -> Event {
    let audience = Audience::Account(row.cashier.as_str().into());
    Event::new(&payment_dto(row, app)).id(fact).only(audience)
}
