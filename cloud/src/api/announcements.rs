//! Announcements: written here, read in the stores, read marks come back.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use guitai_core::{ids::StoreId, normal};
use guitai_documents::{Announcement, EditError, Field};
use guitai_http::{
    bearer::Principal,
    body::Body,
    dto::{EditHubAnnouncement, HubAnnouncement, HubAnnouncements, NewAnnouncement, StoreReads, Time},
    path::Path,
    problem::{Code, Problem},
    random::NoRandomness,
};

use super::internal;
use crate::{
    app::App,
    store::{
        Letters,
        letters::{Change, Draft, LetterError},
        roster::StoreLine,
    },
};

/// All announcements, newest first, withdrawn ones included.
#[utoipa::path(get, path = "/announcements", operation_id = "list_announcements", responses(
    (status = 200, body = HubAnnouncements)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<HubAnnouncements>, Problem> {
    let letters = app.store.letters(None).await.map_err(internal)?;
    Ok(Json(HubAnnouncements { items: gathered(&letters) }))
}

/// Publishes an announcement in the named stores, or in all that exist now.
#[utoipa::path(post, path = "/announcements", operation_id = "publish_announcement", request_body = NewAnnouncement, responses(
    (status = 201, body = HubAnnouncement), (status = 409), (status = 422)))]
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    caller: Principal,
    Body { value: NewAnnouncement { title, body, stores } }: Body<NewAnnouncement>,
) -> Result<(StatusCode, Json<HubAnnouncement>), Problem> {
    let by = caller.account()?;
    let id = new_id()?;
    let (title, body) = (normal::one_line(&title), normal::paragraphs(&body));
    let draft = Draft { id: id.clone(), title, body, by, at: app.clock.now().wall };
    let touched = app.store.publish(draft, stores).await.map_err(refused)?;
    if touched.is_empty() {
        return Err(Problem::new(Code::StoreUnknown).field("stores").detail("还没有门店。", "There is no store yet."));
    }
    app.push_documents(&touched).await;
    Ok((StatusCode::CREATED, Json(one(&app, &id, Some(touched)).await?)))
}

/// Changes an announcement wherever it is. One taken back stays so: publish it anew instead.
#[utoipa::path(patch, path = "/announcements/{id}", operation_id = "edit_announcement",
    params(("id" = String, Path)), request_body = EditHubAnnouncement,
    responses((status = 200, body = HubAnnouncement), (status = 409)))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Body { value: EditHubAnnouncement { title, body, withdrawn } }: Body<EditHubAnnouncement>,
) -> Result<Json<HubAnnouncement>, Problem> {
    if withdrawn == Some(false) && one(&app, &id, None).await?.withdrawn {
        return Err(Problem::new(Code::StateForbids).field("withdrawn").detail(
            "公告撤回后不能恢复，请重新发布。",
            "An announcement taken back cannot be restored; publish it anew.",
        ));
    }
    let title = title.as_deref().map(normal::one_line);
    let body = body.as_deref().map(normal::paragraphs);
    let change = Change { title, body, withdraw: withdrawn == Some(true) };
    let touched = app.store.edit(id.clone(), change, app.clock.now().wall).await.map_err(refused)?;
    app.push_documents(&touched).await;
    Ok(Json(one(&app, &id, Some(touched)).await?))
}

/// An announcement as it stands in the stores that have it, or, where they are not known, wherever it is.
async fn one(app: &App, id: &str, of: Option<Vec<StoreId>>) -> Result<HubAnnouncement, Problem> {
    let letters = app.store.letters(of).await.map_err(internal)?;
    gathered(&letters).into_iter().find(|item| item.id == id).ok_or_else(|| Code::NotFound.into())
}

/// One item an id: its words are those last edited anywhere.
fn gathered(letters: &Letters) -> Vec<HubAnnouncement> {
    let mut by_id: BTreeMap<&str, Vec<(&StoreLine, &Announcement)>> = BTreeMap::new();
    for (line, items) in letters {
        for item in items {
            by_id.entry(&item.id).or_default().push((line, item));
        }
    }
    let mut items: Vec<HubAnnouncement> = by_id.into_values().filter_map(|copies| shown(&copies)).collect();
    items.sort_by(|a, b| (b.published_at, &b.id).cmp(&(a.published_at, &a.id)));
    items
}

fn shown(copies: &[(&StoreLine, &Announcement)]) -> Option<HubAnnouncement> {
    // An edit at headquarters stamps every copy alike; among those, the one whose words stand alone holds a store's own edit too.
    let alike = |item: &Announcement| {
        copies.iter().filter(|(_, other)| (&other.title, &other.body) == (&item.title, &item.body)).count()
    };
    let (_, newest) = copies.iter().max_by_key(|(_, item)| (item.edited_at, Reverse(alike(item))))?;
    let stores = copies.iter().map(|(line, item)| StoreReads {
        store: line.id.to_string(),
        name: line.name.clone(),
        reads: u64::try_from(item.reads.len()).unwrap_or(u64::MAX),
        read_by: item.reads.iter().map(|(account, _)| account.to_string()).collect(),
    });
    Some(HubAnnouncement {
        id: newest.id.clone(),
        title: newest.title.clone(),
        body: newest.body.clone(),
        published_at: Time(newest.published_at),
        published_by: newest.published_by.to_string(),
        edited_at: newest.edited_at.map(Time),
        withdrawn: copies.iter().any(|(_, item)| item.withdrawn_at.is_some()),
        stores: stores.collect(),
    })
}

fn new_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn refused(error: LetterError) -> Problem {
    match error {
        LetterError::UnknownStore(store) => {
            let problem = Problem::new(Code::StoreUnknown).field("stores");
            problem.detail(format!("没有门店 {store}。"), format!("There is no store {store}."))
        }
        LetterError::NotFound => Code::NotFound.into(),
        LetterError::Store(error) => internal(error),
        LetterError::Edit(edit) => not_written(edit),
    }
}

fn not_written(error: EditError) -> Problem {
    let name = |field: Field| match field {
        Field::Title => Some("title"),
        Field::Body => Some("body"),
        Field::Id => Some("id"),
        Field::Announcements | Field::Changes => None,
    };
    match error {
        EditError::Empty(field) => match name(field) {
            Some(name) => Problem::malformed(name).detail("不能为空。", "It must not be empty."),
            None => Code::Malformed.into(),
        },
        EditError::OverLimit { field, max } => match name(field) {
            Some(name) => {
                Problem::malformed(name).detail(format!("最多 {max} 个字。"), format!("At most {max} characters."))
            }
            None => Problem::new(Code::StateForbids).detail(
                format!("门店公告已满（上限 {max}）。"),
                format!("A store's announcements are full (limit {max})."),
            ),
        },
        EditError::BadId | EditError::NotFound => Code::NotFound.into(),
        EditError::AlreadyPublished | EditError::Damaged => {
            tracing::error!(%error, "an announcement is not written");
            Code::Internal.into()
        }
    }
}
