//! The web page inside the program.
//!
//! An exact file, else 404 under `/assets/` and `/api/`, else `index.html` (the page's own router reads the path). Files under
//! `/assets/` carry a hash in their names and may be kept for ever; everything else is asked for each time, and answered 304
//! while it is the same. A file that lies there compressed too, as `.br` or `.gz` beside it, is sent so to whoever takes it.

use std::fmt::Write;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

use crate::problem::{Code, Problem, thousandths};

/// For files whose name changes with their content.
pub const KEEP: &str = "public, max-age=31536000, immutable";

/// For files whose name stays.
pub const ASK: &str = "no-cache";

const INDEX: &str = "index.html";

/// How a file may be compressed: the name on the wire, and what its compressed form's name ends with. The smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

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
    // A compressed form is no file of its own: its name says nothing of what is in it.
    let itself = !ENCODINGS.iter().any(|(_, ending)| name.ends_with(ending));
    match Some(name).filter(|name| inside && itself && !name.is_empty()).and_then(E::get) {
        Some(file) => answer::<E>(name, file, request.headers()),
        None if path.starts_with("/assets/") => Problem::new(Code::NotFound).into_response(),
        None => match E::get(INDEX) {
            Some(index) => answer::<E>(INDEX, index, request.headers()),
            None => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Html(NOT_BUILT)).into_response(),
        },
    }
}

fn answer<E: Embed>(name: &str, plain: EmbeddedFile, asked: &HeaderMap) -> Response {
    let (encoding, file) = form::<E>(name, asked).map_or((None, plain), |(encoding, file)| (Some(encoding), file));
    // Of what is sent, so that each form has its own.
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
        if let Some(encoding) = encoding {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The compressed form of a file that suits the caller best, if it takes one that there is.
fn form<E: Embed>(name: &str, asked: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let mut forms: Vec<_> =
        ENCODINGS.iter().map(|(encoding, ending)| (weight(asked, encoding), *encoding, ending)).collect();
    // Stable: of two that are as welcome the smaller one.
    forms.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
    let welcome = forms.into_iter().filter(|(weight, ..)| *weight > 0);
    welcome.filter_map(|(_, encoding, ending)| Some((encoding, E::get(&format!("{name}{ending}"))?))).next()
}

/// How welcome an encoding is, in thousandths; 0 if it is not taken. What cannot be read is not taken.
fn weight(asked: &HeaderMap, encoding: &str) -> u16 {
    let values = asked.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut any = 0;
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let said = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1000), thousandths).unwrap_or(0);
        if named.eq_ignore_ascii_case(encoding) {
            return said;
        }
        if named == "*" {
            any = said;
        }
    }
    any
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
