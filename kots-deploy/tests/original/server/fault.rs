//! What can go wrong on the way: rules that the test sets for requests to come.

/// A rule for some requests.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The method, or `*` for any.
    pub(crate) method: &'static str,
    /// What the path must contain.
    pub(crate) path: &'static str,
    /// How many such requests pass first.
    pub(crate) skip: usize,
    /// How many it is for.
    pub(crate) times: usize,
    /// What happens to them.
    pub(crate) action: Action,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// The connection breaks before anything is done.
    CutBefore,
    /// It is done, and the connection breaks before the answer.
    CutAfter,
    /// It is done, and the connection breaks within the answer.
    CutWithin,
    /// Something answers in the server's place.
    Answer {
        /// Status.
        status: u16,
        /// Content type, none when empty.
        content_type: &'static str,
        /// Body.
        body: String,
        /// Whether the body of the request is left unread and the connection closed.
        early: bool,
    },
    /// It is done, and a gateway that lost patience answers in its place, without a word.
    DoneBut(u16),
    /// The connection breaks at once, and it is done when the test releases it.
    CutAndHold,
    /// It waits until the test releases it, then goes on, also when the client is gone by then.
    Hold,
    /// It is done, and the answer waits until the test releases it.
    HoldAnswer,
}

impl Rule {
    /// Lets `n` requests pass first.
    pub(crate) fn after(self, n: usize) -> Self {
        Self { skip: n, ..self }
    }

    /// Applies to `n` requests.
    pub(crate) fn times(self, n: usize) -> Self {
        Self { times: n, ..self }
    }

    pub(crate) fn new(method: &'static str, path: &'static str, action: Action) -> Self {
        Self { method, path, skip: 0, times: 1, action }
    }
}

/// Breaks the connection before anything is done.
pub(crate) fn cut_before(method: &'static str, path: &'static str) -> Rule {
    Rule::new(method, path, Action::CutBefore)
}

/// Holds a request.
pub(crate) fn hold(method: &'static str, path: &'static str) -> Rule {
    Rule::new(method, path, Action::Hold)
}

/// Answers in the server's place.
pub(crate) fn answer(
    method: &'static str,
    path: &'static str,
    status: u16,
    content_type: &'static str,
    body: &str,
) -> Rule {
    let action = Action::Answer { status, content_type, body: body.to_owned(), early: false };
    Rule::new(method, path, action)
}

/// The kinds of answers that give no reason.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bare {
    /// No body.
    Empty,
    /// A page, as an ingress sends.
    Page,
    /// The API server's `Status`, as its proxy sends when the pod is not there.
    Status,
}

/// A gateway answers in the server's place.
pub(crate) fn gateway(method: &'static str, path: &'static str, status: u16, bare: Bare) -> Rule {
    match bare {
        Bare::Empty => answer(method, path, status, "", ""),
        Bare::Page => answer(
            method,
            path,
            status,
            "text/html; charset=utf-8",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n",
        ),
        Bare::Status => answer(
            method,
            path,
            status,
            "application/json",
            &format!(
                r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"error trying to reach service: dial tcp 10.42.0.7:3000: connect: connection refused","reason":"ServiceUnavailable","code":{status}}}"#
            ),
        ),
    }
}
