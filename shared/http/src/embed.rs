//! The web page inside the program.
//!
//! An exact file, else 404 under `/assets/` and `/api/`, else `index.html` (the page's own router reads the path). Files under
//! `/assets/` carry a hash in their names and may be kept for ever; everything else is asked for each time, and answered 304
//! while it is the same.

use std::fmt::Write;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

use crate::problem::{Code, Problem};

/// For files whose name changes with their content.
pub const KEEP: &str = "public, max-age=31536000, immutable";

/// For files whose name stays.
pub const ASK: &str = "no-cache";

const INDEX: &str = "index.html";

/// What is served when the program was built without a page.
const NOT_BUILT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>柜台</title>\
<h1>页面还没有构建</h1><p>这个程序编译时没有带上页面。运行 <code>scripts/build-web</code>，然后重新编译。接口照常可用：\
<a href=\"/api/openapi.json\">/api/openapi.json</a></p>\
<h1 lang=\"en\">The page has not been built</h1><p lang=\"en\">This program was compiled without its page. Run \
<code>scripts/build-web</code> and compile again. The API works: <a href=\"/api/openapi.json\">/api/openapi.json</a></p></html>";

/// Serves the files of `E`; give it to `Router::fallback`.
pub async fn page<E: Embed>(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Problem::new(Code::NotFound).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::new(Code::MethodNotAllowed).into_response();
    }
    let name = path.trim_start_matches('/');
    // In debug builds files are read from disk, where `..` would mean something.
    let inside = !name.split('/').any(|part| part == "..");
    match Some(name).filter(|name| inside && !name.is_empty()).and_then(E::get) {
        Some(file) => answer(name, file, request.headers()),
        None if path.starts_with("/assets/") => Problem::new(Code::NotFound).into_response(),
        None => match E::get(INDEX) {
            Some(index) => answer(INDEX, index, request.headers()),
            None => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Html(NOT_BUILT)).into_response(),
        },
    }
}

fn answer(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let etag = etag(&file);
    let same = asked
        .get_all(header::IF_NONE_MATCH)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag);
    let keep = if name.starts_with("assets/") { KEEP } else { ASK };
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(file.data).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, content_type(name));
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

fn etag(file: &EmbeddedFile) -> String {
    let mut etag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(16) {
        // Writing to a text cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

fn content_type(name: &str) -> HeaderValue {
    let guess = match name.rsplit_once('.') {
        Some((_, "webmanifest")) => "application/manifest+json".to_owned(),
        Some((_, "js" | "mjs")) => "text/javascript; charset=utf-8".to_owned(),
        Some((_, "html")) => "text/html; charset=utf-8".to_owned(),
        Some((_, "css")) => "text/css; charset=utf-8".to_owned(),
        Some(_) | None => mime_guess::from_path(name).first_or_octet_stream().to_string(),
    };
    HeaderValue::try_from(guess).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests;
