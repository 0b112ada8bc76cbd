//! Bodies: read whole where something is decided by them, passed through where they are content.
//!
//! INVARIANT: of a body that has to keep a rule (the hash that was signed, the framing that was announced), the last
//! bytes are sent on only when it has. The engine stores nothing before it has as many bytes as Content-Length says.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::request::Parts;
use ring::digest::{Context, SHA256};

use crate::chunked::Framing;
use crate::engine::BUFFER_BYTES_MAX;
use crate::refusal::Refusal;
use crate::signature::SignatureError;

/// Content up to this size is read whole; above it, it is passed through.
const STREAM_ABOVE_BYTES: u64 = 1024 * 1024;
/// How long a sender may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The largest object that S3 takes in one PUT.
const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// The length that a request states; none when it states none.
///
/// # Errors
/// A length that is no number, or one beside `Transfer-Encoding`, which would contradict it.
pub(crate) fn stated_length(parts: &Parts) -> Result<Option<u64>, Refusal> {
    let Some(length) = parts.headers.get("content-length") else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    if parts.headers.contains_key("transfer-encoding") {
        return Err(Refusal::BadBody("both Content-Length and Transfer-Encoding were sent".to_owned()));
    }
    length.map(Some).ok_or_else(|| Refusal::BadBody("Content-Length is not a number".to_owned()))
}

/// Whether content of this stated length is passed through; `S3` alone takes such.
///
/// # Errors
/// Content without a length, or larger than an object can be.
pub(crate) fn is_streamed(parts: &Parts, length: Option<u64>) -> Result<bool, Refusal> {
    match length {
        None if parts.headers.contains_key("transfer-encoding") => Err(Refusal::LengthRequired),
        Some(length) if length > OBJECT_BYTES_MAX => Err(Refusal::TooLarge { limit_bytes: OBJECT_BYTES_MAX }),
        length => Ok(length.is_some_and(|length| length > STREAM_ABOVE_BYTES)),
    }
}

/// The whole body, if it is not too large.
///
/// # Errors
/// [`Refusal::TooLarge`], or [`Refusal::BadBody`] when it was cut.
pub(crate) async fn whole(body: Body, length: Option<u64>) -> Result<Bytes, Refusal> {
    let limit_bytes = BUFFER_BYTES_MAX as u64;
    if length.is_some_and(|length| length > limit_bytes) {
        return Err(Refusal::TooLarge { limit_bytes });
    }
    let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(chunk) = next_chunk(&mut stream).await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > BUFFER_BYTES_MAX {
            return Err(Refusal::TooLarge { limit_bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// What a streamed body turned out to be, once it has passed.
#[derive(Clone, Default)]
pub(crate) struct Verdict(Arc<OnceLock<Refusal>>);

impl Verdict {
    /// Why the body was not sent on to its end, if it was not.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.0.get().cloned()
    }
}

/// What a body has to keep to.
pub(crate) enum Rule {
    /// To be content whose SHA-256 is this, in lower-case hex.
    Hash { stated: String, so_far: Box<Context> },
    /// To be framed as aws-chunked, with nothing hidden in the frame.
    Framed(Framing),
}

impl Rule {
    /// The rule of a body whose hash was signed.
    pub(crate) fn hash(stated: &str) -> Self {
        Self::Hash { stated: stated.to_owned(), so_far: Box::new(Context::new(&SHA256)) }
    }

    /// The rule of a body that was announced as aws-chunked.
    pub(crate) fn framed() -> Self {
        Self::Framed(Framing::new())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Hash { so_far, .. } => {
                so_far.update(bytes);
                Ok(())
            }
            Self::Framed(framing) => framing.read(bytes),
        }
    }

    fn finish(&self) -> Result<(), Refusal> {
        match self {
            Self::Hash { stated, so_far } if hex::encode((**so_far).clone().finish()) == *stated => Ok(()),
            Self::Hash { .. } => Err(Refusal::Signature(SignatureError::Body)),
            Self::Framed(framing) => framing.finish(),
        }
    }

    /// Holds a body that is there as a whole to the rule.
    pub(crate) fn check(mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.read(bytes)?;
        self.finish()
    }
}

struct Passing {
    stream: BodyDataStream,
    /// Not sent on until something follows, or the rule is kept.
    held: Option<Bytes>,
    rule: Rule,
    verdict: Verdict,
    over: bool,
}

/// The body, chunk by chunk, whose end is withheld unless it keeps the rule.
pub(crate) fn held_to(rule: Rule, body: Body) -> (Body, Verdict) {
    let verdict = Verdict::default();
    let stream = body.into_data_stream();
    let passing = Passing { stream, held: None, rule, verdict: verdict.clone(), over: false };
    (Body::from_stream(unfold(passing, next)), verdict)
}

async fn next(mut passing: Passing) -> Option<(Result<Bytes, Refusal>, Passing)> {
    if passing.over {
        return None;
    }
    match step(&mut passing).await {
        Ok(Some(ready)) => Some((Ok(ready), passing)),
        Ok(None) => None,
        Err(refusal) => Some((Err(withheld(&mut passing, refusal)), passing)),
    }
}

async fn step(passing: &mut Passing) -> Result<Option<Bytes>, Refusal> {
    while let Some(chunk) = next_chunk(&mut passing.stream).await {
        let chunk = chunk?;
        if chunk.is_empty() {
            continue;
        }
        passing.rule.read(&chunk)?;
        if let Some(ready) = passing.held.replace(chunk) {
            return Ok(Some(ready));
        }
    }
    passing.over = true;
    passing.rule.finish()?;
    Ok(passing.held.take())
}

async fn next_chunk(stream: &mut BodyDataStream) -> Option<Result<Bytes, Refusal>> {
    match tokio::time::timeout(PAUSE_MAX, stream.next()).await {
        Err(_) => Some(Err(Refusal::BadBody("the body stopped coming".to_owned()))),
        Ok(chunk) => {
            chunk.map(|chunk| chunk.map_err(|error| Refusal::BadBody(format!("the body was cut: {error}"))))
        }
    }
}

fn withheld(passing: &mut Passing, refusal: Refusal) -> Refusal {
    passing.over = true;
    passing.held = None;
    // Set once: the stream is over after this.
    let _ = passing.verdict.0.set(refusal.clone());
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::sha256_hex;
    use futures_util::stream;

    fn body(chunks: &[&'static str]) -> Body {
        let chunks: Vec<Result<&'static str, std::io::Error>> =
            chunks.iter().map(|chunk| Ok(*chunk)).collect();
        Body::from_stream(stream::iter(chunks))
    }

    async fn passed(body: Body) -> (String, bool) {
        let (mut text, mut cut) = (String::new(), false);
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Err(_) => cut = true,
            }
        }
        (text, cut)
    }

    #[tokio::test]
    async fn the_body_that_was_signed_passes_whole() {
        let (body, verdict) =
            held_to(Rule::hash(&sha256_hex(b"one two three")), body(&["one ", "", "two ", "three"]));
        assert_eq!(passed(body).await, ("one two three".to_owned(), false));
        assert_eq!(verdict.refusal(), None);
    }

    #[tokio::test]
    async fn the_end_of_a_body_with_something_hidden_in_its_frame_is_withheld() {
        let framed = |chunks: &[&'static str]| held_to(Rule::framed(), body(chunks));
        let (good, verdict) = framed(&["3\r\none\r\n0\r\nx-amz-check", "sum-crc32:AA==\r\n\r\n"]);
        assert!(!passed(good).await.1);
        assert_eq!(verdict.refusal(), None);
        let (bad, verdict) = framed(&["3\r\none\r\n0\r\nx-amz-copy", "-source:content/b/1\r\n\r\n"]);
        assert!(passed(bad).await.1);
        assert!(verdict.refusal().is_some());
    }

    #[tokio::test]
    async fn the_end_of_another_body_is_withheld() {
        for chunks in [&["one ", "two ", "four"][..], &["one"][..]] {
            let (body, verdict) = held_to(Rule::hash(&sha256_hex(b"one two three")), body(chunks));
            let (text, cut) = passed(body).await;
            assert!(cut && text.len() < chunks.concat().len(), "{text}");
            assert_eq!(verdict.refusal(), Some(Refusal::Signature(SignatureError::Body)));
        }
    }
}
