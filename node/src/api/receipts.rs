//! Receipts: printed again, or looked at.

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use guitai_core::receipt::{Columns, Receipt};
use guitai_devices::{
    printer::{PrinterProfile, compose},
    render::{self, Font},
};
use guitai_http::{
    bearer::Principal,
    path::Path,
    problem::{Code, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::payments::visible;
use crate::{
    app::App,
    devices::{self, Copy, Letterhead},
};

type Shared = State<Arc<App>>;

/// A job the printer took.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// Its number.
    job: u64,
}

/// Prints a receipt again; it says so.
#[utoipa::path(post, path = "/payments/{order_no}/receipt", operation_id = "print_receipt", params(("order_no" = String, Path)),
    responses((status = 202, body = Taken), (status = 409), (status = 429), (status = 503)))]
pub(crate) async fn reprint(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let receipt = receipt(&app, &who, &order_no, Copy::Again)?;
    match app.printer.print(receipt) {
        Some(Ok(job)) => Ok((StatusCode::ACCEPTED, Json(Taken { job }))),
        Some(Err(_)) => Err(Code::Busy.into()),
        None => {
            Err(Problem::new(Code::StateForbids).detail("没有配置小票打印机。", "No receipt printer is configured."))
        }
    }
}

/// The receipt as the printer would show it.
#[utoipa::path(get, path = "/payments/{order_no}/receipt.png", operation_id = "get_receipt_picture", params(("order_no" = String, Path)),
    responses((status = 200, description = "A picture.", content_type = "image/png"), (status = 409), (status = 503)))]
pub(crate) async fn picture(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
) -> Result<Response, Problem> {
    static FONT: LazyLock<Result<Font, String>> = LazyLock::new(|| Font::find().map_err(|error| error.to_string()));
    let receipt = receipt(&app, &who, &order_no, Copy::First)?;
    let drawn = tokio::task::spawn_blocking(move || {
        let font = FONT.as_ref().map_err(Clone::clone)?;
        let columns = Columns::Mm80;
        let bytes = compose(&receipt, &PrinterProfile::common(columns));
        Ok(render::png(&bytes, font, columns.dots()))
    })
    .await;
    match drawn {
        Ok(Ok(png)) => Ok(([(CONTENT_TYPE, "image/png")], png).into_response()),
        Ok(Err(missing)) => {
            let missing: String = missing;
            Err(Problem::new(Code::Internal).detail(missing.clone(), missing))
        }
        Err(_) => Err(Code::Internal.into()),
    }
}

fn receipt(app: &App, who: &Principal, order_no: &str, copy: Copy) -> Result<Receipt, Problem> {
    let row = visible(app, who, order_no)?;
    let head = Letterhead { title: &app.title, store: &app.store, clock: &app.clock };
    let receipt = devices::occasion(row).and_then(|of| head.receipt(of, app.trusted_now(), copy));
    receipt.ok_or_else(|| {
        Problem::new(Code::StateForbids)
            .detail("这笔没有收到钱，没有小票。", "No money was taken, so there is no receipt.")
    })
}
