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
            "assets/app-1a2b.js.br" => b"br",
            "assets/app-1a2b.js.gz" => b"gz-",
            "index.html.gz" => b"gz",
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
async fn a_file_is_sent_compressed_to_whoever_takes_it() {
    let asked = async |path: &str, accepted: &str, etag: Option<&str>| {
        let mut request = Request::builder().uri(path).header(header::ACCEPT_ENCODING, accepted);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let app = Router::new().fallback(page::<Built>);
        let (parts, body) = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
    };
    let js = "/assets/app-1a2b.js";
    for (path, accepted, encoding, sent) in [
        (js, "gzip, deflate, br, zstd", "br", "br"),
        (js, "gzip, deflate", "gzip", "gz-"),
        (js, "GZIP;q=1.0, br;q=0.5", "gzip", "gz-"),
        (js, "br;q=0, *", "gzip", "gz-"),
        (js, "*;q=0.1", "br", "br"),
        (js, "br;q=nonsense, gzip;q=0", "", "go()"),
        (js, "identity", "", "go()"),
        (js, "", "", "go()"),
        ("/", "br", "", "<!doctype html>"),
        ("/", "br, gzip;q=0.2", "gzip", "gz"),
        ("/query/deep", "gzip", "gzip", "gz"),
    ] {
        let (status, headers, body) = asked(path, accepted, None).await;
        let got = headers.get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap());
        assert_eq!((status, got, &body[..]), (200, encoding, sent.as_bytes()), "{path} {accepted}");
        assert_eq!(headers[header::VARY], "accept-encoding");
        let kind = if path == js { "text/javascript; charset=utf-8" } else { "text/html; charset=utf-8" };
        assert_eq!(headers[header::CONTENT_TYPE], kind, "what it is, not how it is sent");
    }
    let (_, headers, _) = asked(js, "br", None).await;
    let etag = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, headers, body) = asked(js, "br", Some(&etag)).await;
    assert_eq!((status, body.len(), &headers[header::VARY]), (304, 0, &HeaderValue::from_static("accept-encoding")));
    assert_eq!(asked(js, "gzip", Some(&etag)).await.0, 200, "each form has a tag of its own");
    assert_eq!(asked("/assets/app-1a2b.js.br", "br", None).await.0, 404);
}

#[tokio::test]
async fn without_a_page_it_says_how_to_build_one() {
    let (status, _, body) = ask::<Bare>(Method::GET, "/", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("scripts/build-web"), "{body}");
    assert_eq!(ask::<Bare>(Method::GET, "/assets/x.js", None).await.0, StatusCode::NOT_FOUND);
}
