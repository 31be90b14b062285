use std::borrow::Cow;

use super::*;
use axum::{Router, routing::get};
use http_body_util::BodyExt;
use rust_embed::Metadata;
use tower::ServiceExt;

struct Built;
struct Bare;

impl Embed for Built {
    fn get(path: &str) -> Option<EmbeddedFile> {
        let data: &'static [u8] = match path {
            "index.html" => b"<!doctype html>",
            "assets/app-1a2b.js" => b"go()",
            "manifest.webmanifest" => b"{}",
            _ => return None,
        };
        let hash = [u8::try_from(data.len()).unwrap(); 32];
        Some(EmbeddedFile { data: Cow::Borrowed(data), metadata: Metadata::__rust_embed_new(hash, None, None) })
    }

    fn iter() -> impl Iterator<Item = Cow<'static, str>> + 'static {
        std::iter::empty()
    }
}

impl Embed for Bare {
    fn get(_: &str) -> Option<EmbeddedFile> {
        None
    }

    fn iter() -> impl Iterator<Item = Cow<'static, str>> + 'static {
        std::iter::empty()
    }
}

async fn ask<E: Embed + 'static>(method: Method, path: &str, etag: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let app = Router::new().route("/api/v1/health", get(|| async { "ok" })).fallback(page::<E>);
    let mut request = Request::builder().method(method).uri(path);
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn files_pages_and_what_is_missing() {
    let table = [
        ("/", 200, "text/html; charset=utf-8", ASK),
        ("/index.html", 200, "text/html; charset=utf-8", ASK),
        ("/query/deep?x=1", 200, "text/html; charset=utf-8", ASK),
        ("/assets/app-1a2b.js", 200, "text/javascript; charset=utf-8", KEEP),
        ("/manifest.webmanifest", 200, "application/manifest+json", ASK),
        ("/../Cargo.toml", 200, "text/html; charset=utf-8", ASK),
        ("/assets/gone.js", 404, "application/problem+json", ""),
        ("/api/v1/nothing", 404, "application/problem+json", ""),
        ("/api", 404, "application/problem+json", ""),
    ];
    for (path, status, kind, keep) in table {
        let (got, headers, _) = ask::<Built>(Method::GET, path, None).await;
        assert_eq!(got.as_u16(), status, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], kind, "{path}");
        assert_eq!(headers.get(header::CACHE_CONTROL).map_or("", |value| value.to_str().unwrap()), keep, "{path}");
    }
    let (status, ..) = ask::<Built>(Method::POST, "/query", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let (_, headers, body) = ask::<Built>(Method::GET, "/", None).await;
    let etag = headers[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!((etag.len(), body.as_str()), (34, "<!doctype html>"));
    for asked in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let (status, headers, body) = ask::<Built>(Method::GET, "/", Some(&asked)).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{asked}");
        assert_eq!(headers[header::CACHE_CONTROL], ASK);
    }
    let (status, ..) = ask::<Built>(Method::GET, "/", Some("\"other\"")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_page_it_says_how_to_build_one() {
    let (status, _, body) = ask::<Bare>(Method::GET, "/", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("scripts/build-web"), "{body}");
    assert_eq!(ask::<Bare>(Method::GET, "/assets/x.js", None).await.0, StatusCode::NOT_FOUND);
}
