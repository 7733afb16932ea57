//! The few plain requests the demo and the benchmarks make to look at a server from outside.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Reads `path` and returns its JSON; any status but 200 is an error that holds the body.
pub(crate) fn get(address: SocketAddr, path: &str, authorization: &str) -> Result<Value> {
    let (status, body) = exchange(address, path, authorization)?;
    if status != 200 {
        bail!("GET {path} answered {status}: {}", body.trim());
    }
    serde_json::from_str(&body).with_context(|| format!("GET {path} did not answer JSON"))
}

/// Sends a JSON text to `path` and returns its answer; any status but 200 is an error that holds the body.
pub(crate) fn post(
    address: SocketAddr,
    path: &str,
    authorization: &str,
    body: &str,
) -> Result<String> {
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, answer) = send(address, &format!("{head}{body}"))?;
    if status != 200 {
        bail!("POST {path} answered {status}: {}", answer.trim());
    }
    Ok(answer)
}

/// Reads `path` and returns status and body.
pub(crate) fn exchange(
    address: SocketAddr,
    path: &str,
    authorization: &str,
) -> Result<(u16, String)> {
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\r\n");
    send(address, &request)
}

fn send(address: SocketAddr, request: &str) -> Result<(u16, String)> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no status")?;
    Ok((status, body.to_owned()))
}
