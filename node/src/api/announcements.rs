//! Announcements of headquarters, and this store's own words on them.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use guitai_core::{ids::AccountId, normal};
use guitai_documents::{Announcement, EditError, Field};
use guitai_http::{
    bearer::{Principal, SignedIn},
    body::Body,
    dto,
    path::Path,
    problem::{Code, Problem},
};

use crate::app::App;

type Shared = State<Arc<App>>;

/// All announcements, newest first; withdrawn ones are left out.
#[utoipa::path(get, path = "/announcements", operation_id = "list_announcements",
    responses((status = 200, body = dto::NodeAnnouncements)))]
pub(crate) async fn list(State(app): Shared, who: Principal) -> Json<dto::NodeAnnouncements> {
    let reader = who.person().map(|person| person.account.clone());
    let shown = app.announcements.list().into_iter().filter(|one| one.withdrawn_at.is_none());
    let items = shown.map(|one| announcement_dto(one, reader.as_ref())).collect();
    Json(dto::NodeAnnouncements { items, as_of: app.trusted_now().into() })
}

/// Marks one as read by whoever is logged in.
#[utoipa::path(post, path = "/announcements/{id}/read", operation_id = "mark_announcement_read", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn mark_read(
    State(app): Shared,
    SignedIn(current): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let at = app.trusted_now();
    settled(app.announcements.mark_read(&id, &current.person.account, at))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Edits title or body; edits made at headquarters meanwhile are merged.
#[utoipa::path(patch, path = "/announcements/{id}", operation_id = "edit_announcement",
    params(("id" = String, Path)), request_body = dto::EditAnnouncement,
    responses((status = 200, body = dto::NodeAnnouncement)))]
pub(crate) async fn edit(
    State(app): Shared,
    who: Principal,
    Path(id): Path<String>,
    Body { value: asked }: Body<dto::EditAnnouncement>,
) -> Result<Json<dto::NodeAnnouncement>, Problem> {
    let title = asked.title.as_deref().map(normal::one_line);
    let body = asked.body.as_deref().map(normal::paragraphs);
    settled(app.announcements.edit(&id, title.as_deref(), body.as_deref(), app.trusted_now()))?;
    let edited = app.announcements.list().into_iter().find(|one| one.id == id);
    let edited = edited.ok_or(Code::NotFound)?;
    Ok(Json(announcement_dto(edited, who.person().map(|person| &person.account))))
}

fn settled(done: anyhow::Result<Result<(), EditError>>) -> Result<(), Problem> {
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(EditError::NotFound)) => Err(Code::NotFound.into()),
        Ok(Err(EditError::Empty(field))) => {
            Err(Problem::malformed(name(field)).detail("不能为空。", "It must not be empty."))
        }
        Ok(Err(EditError::OverLimit { field, max })) => {
            Err(Problem::malformed(name(field))
                .detail(format!("最多 {max} 个字。"), format!("At most {max} characters.")))
        }
        Ok(Err(EditError::BadId)) => Err(Code::NotFound.into()),
        Ok(Err(error @ (EditError::AlreadyPublished | EditError::Damaged))) => {
            tracing::error!(%error, "an announcement is not written");
            Err(Code::Internal.into())
        }
        Err(error) => {
            tracing::error!(%error, "announcement not stored");
            Err(Code::Internal.into())
        }
    }
}

fn name(field: Field) -> &'static str {
    match field {
        Field::Title => "title",
        Field::Body | Field::Id | Field::Announcements | Field::Changes => "body",
    }
}

fn announcement_dto(one: Announcement, reader: Option<&AccountId>) -> dto::NodeAnnouncement {
    dto::NodeAnnouncement {
        read: reader.is_some_and(|reader| one.reads.iter().any(|(account, _)| account == reader)),
        reads: u64::try_from(one.reads.len()).unwrap_or(u64::MAX),
        id: one.id,
        title: one.title,
        body: one.body,
        published_at: one.published_at.into(),
        published_by: one.published_by.to_string(),
        edited_at: one.edited_at.map(Into::into),
        withdrawn: one.withdrawn_at.is_some(),
    }
}
