//! What is said to HTTP: one request, one answer, and the connection ends. Pure.
//!
//! Only what Prometheus and health checks ask is answered. Whoever asks is hostile: a head has a limit, and bodies
//! are not read.

/// The most bytes of a request's head.
pub(super) const HEAD_MAX_BYTES: usize = 8 << 10;

/// Headers that a request may have.
const HEADERS_MAX: usize = 64;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `/metrics`
    Metrics,
    /// `/healthz`, and `/readyz`: who answers is both.
    Health,
    /// Something that is not here.
    Nothing,
    /// A method that does not fit.
    OtherMethod,
}

/// Reads a request's head; `None` while it is not complete.
///
/// # Errors
///
/// If it is none.
pub(super) fn wanted(head: &[u8]) -> Result<Option<Wanted>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(head)?.is_partial() {
        return Ok(None);
    }
    let path = request.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    Ok(Some(match (request.method, path) {
        (Some("GET"), "/metrics") => Wanted::Metrics,
        (Some("GET"), "/healthz" | "/readyz") => Wanted::Health,
        (Some("GET"), _) => Wanted::Nothing,
        _ => Wanted::OtherMethod,
    }))
}

/// An answer.
pub(super) fn answer(status: &str, media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// An answer that says in words what its status says.
pub(super) fn short(status: &str) -> String {
    let (_, words) = status.split_once(' ').unwrap_or_default();
    answer(status, "text/plain; charset=utf-8", &format!("{words}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_here_is_answered() {
        let table = [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Wanted::Metrics),
            ("GET /metrics?a=b HTTP/1.0\r\n\r\n", Wanted::Metrics),
            ("GET /healthz HTTP/1.1\r\n\r\n", Wanted::Health),
            ("GET /readyz HTTP/1.1\r\n\r\n", Wanted::Health),
            ("GET / HTTP/1.1\r\n\r\n", Wanted::Nothing),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Wanted::Nothing),
            ("POST /metrics HTTP/1.1\r\n\r\n", Wanted::OtherMethod),
        ];
        for (head, expected) in table {
            assert_eq!(wanted(head.as_bytes()), Ok(Some(expected)), "{head}");
            for end in 0..head.len() {
                assert_eq!(wanted(&head.as_bytes()[..end]), Ok(None), "{head}");
            }
        }
        assert!(wanted(b"\x16\x03\x01").is_err());
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(
            wanted(many.as_bytes()),
            Err(httparse::Error::TooManyHeaders)
        );
    }

    #[test]
    fn an_answer_says_how_long_it_is() {
        assert_eq!(
            short("404 not found"),
            "HTTP/1.1 404 not found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\
             Connection: close\r\n\r\nnot found\n"
        );
    }

    proptest! {
        #[test]
        fn no_head_is_too_strange(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = wanted(&head);
        }
    }
}
