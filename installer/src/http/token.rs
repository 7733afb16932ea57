//! The token of a session: made, and read from the header of a request.
//!
//! It is the original's: JWT, HS256, `name` is `admin`. It has no end of its own; the session has.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    name: String,
    sid: String,
}

/// The token of a session.
pub(super) fn make(session: &str, key: &[u8]) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims { name: "admin".to_owned(), sid: session.to_owned() };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key))
}

/// The session that the value of an `Authorization` header names, when the token in it was made with this key.
pub(super) fn session_of(header: &[u8], key: &[u8]) -> Option<String> {
    let token = std::str::from_utf8(header).ok()?.strip_prefix("Bearer ")?;
    let mut validation = Validation::new(Algorithm::HS256);
    // The session has the end, so that it can be moved.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(key);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    (claims.name == "admin").then_some(claims.sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_of_this_key_names_a_session() {
        let token = make("s1", b"key").expect("a token");
        let read = |header: &str| session_of(header.as_bytes(), b"key");
        assert_eq!(read(&format!("Bearer {token}")).as_deref(), Some("s1"));
        assert_eq!(session_of(format!("Bearer {token}").as_bytes(), b"other"), None);
        // {"alg":"none"} and nothing signed.
        let (_, rest) = token.split_once('.').expect("three parts");
        let (body, _) = rest.split_once('.').expect("three parts");
        for header in [
            String::new(),
            token.clone(),
            format!("Basic {token}"),
            format!("bearer {token}"),
            format!("Bearer  {token}"),
            format!("Bearer {token} "),
            format!("Bearer {token}."),
            format!("Bearer {}", &token[..token.len() - 2]),
            format!("Bearer eyJhbGciOiJub25lIn0.{body}."),
        ] {
            assert_eq!(read(&header), None, "{header}");
        }
        assert_eq!(session_of(b"Bearer \xff", b"key"), None);
    }
}
