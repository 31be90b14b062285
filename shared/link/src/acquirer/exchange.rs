//! One request over one line, and its answer.

use std::pin::pin;

use bytes::Bytes;
use guitai_core::{
    acquirer::{Reply, date::parse_http_date},
    limits::ACQUIRER_ANSWER_MAX_BYTES,
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, body::Incoming, client::conn::http1, header::DATE};
use hyper_util::rt::TokioIo;

use super::{
    failure::{self, Said},
    line::Spare,
};

/// Sends the request; or says why there is no whole answer. The line lives no longer than this future: when it is dropped, nothing
/// can write any more, and `said` has the last word.
pub(super) async fn exchange(line: Spare, said: Said, request: Request<Full<Bytes>>) -> Result<Reply, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(line.speak(said))).await.map_err(|error| cut(&error))?;
    let drive = async move {
        // How a connection ends is told where the answer is read.
        let _ = connection.await;
    };
    let answer = async move { read(sender.send_request(request).await.map_err(|error| cut(&error))?).await };
    let (mut drive, mut answer) = (pin!(drive), pin!(answer));
    tokio::select! {
        biased;
        reply = &mut answer => reply,
        // Its last bytes may be waiting to be read.
        () = &mut drive => answer.await,
    }
}

async fn read(response: Response<Incoming>) -> Result<Reply, String> {
    let status = response.status().as_u16();
    let date = response.headers().get(DATE).and_then(|date| parse_http_date(date.to_str().ok()?));
    match Limited::new(response.into_body(), ACQUIRER_ANSWER_MAX_BYTES).collect().await {
        Ok(body) => Ok(Reply::Http { status, date, body: body.to_bytes().into() }),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(format!("an answer of more than {ACQUIRER_ANSWER_MAX_BYTES} bytes"))
        }
        Err(error) => Err(cut(error.as_ref())),
    }
}

fn cut(error: &dyn std::error::Error) -> String {
    failure::words("cut", error)
}
